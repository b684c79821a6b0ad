"""A door to an empty installation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.blobs.folder import Blobs
from stepwell.services.registry import Door, Site
from stepwell.store import tables  # noqa: F401 - every table is declared before the database is made
from stepwell.store.database import Database


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    database, blobs = Database(tmp_path / "stepwell.db"), Blobs(tmp_path / "blobs")
    yield Site(tmp_path, "123456789012", "http://127.0.0.1:0", database, blobs)
    database.close()


@pytest.fixture
def scope() -> Scope:
    return Scope("123456789012", "eu-west-1", "arn:aws:sts::123456789012:assumed-role/SageMakerRole/tester")


@pytest.fixture
def scheduler(site: Site, scope: Scope) -> Callable[..., Document]:
    door = Door(site)
    return lambda operation, **params: door.call(scope, "scheduler", operation, params)
