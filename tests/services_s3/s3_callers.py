"""How tests call S3: through the door, over a real database and real blobs in a folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.blobs.folder import Blobs
from stepwell.services.registry import Door, Site
from stepwell.store import tables
from stepwell.store.database import Database

ACCOUNT = "123456789012"


@dataclass(frozen=True)
class S3:
    """A caller of S3: `s3("PutObject", Bucket=…)`."""

    door: Door
    scope: Scope

    def __call__(self, operation: str, **params: Any) -> Document:
        return self.door.call(self.scope, "s3", operation, params)

    def refused(self, operation: str, **params: Any) -> Fault:
        """The Fault that this call must end with."""
        with pytest.raises(Fault) as caught:
            self(operation, **params)
        return caught.value

    def code(self, operation: str, **params: Any) -> str:
        """The code of the Fault that this call must end with."""
        return self.refused(operation, **params).code

    def text(self, bucket: str, key: str, **params: Any) -> bytes:
        """An object's bytes."""
        found: bytes = self("GetObject", Bucket=bucket, Key=key, **params)["Body"].read()
        return found

    def elsewhere(self, *, account: str = ACCOUNT, region: str = "us-east-1") -> S3:
        """The same server, called by another account or from another region."""
        return S3(self.door, replace(self.scope, account=account, region=region))


def opened(folder: Path) -> Site:
    """An installation in `folder`."""
    assert tables.__all__
    database = Database(folder / "stepwell.db")
    return Site(folder, ACCOUNT, "http://127.0.0.1:4566", database, Blobs(folder / "blobs"))


def blob_files(site: Site) -> list[Path]:
    """Every file that the folder of blobs holds, whole or half-made."""
    return [path for path in site.blobs.folder.rglob("*") if path.is_file() and path.name != "lock"]
