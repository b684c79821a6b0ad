"""A door to an empty installation, for the tests of tags, models and the model registry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.blobs.folder import Blobs
from stepwell.services.registry import Door, Site
from stepwell.store import tables  # noqa: F401 - every table is declared before the database is made
from stepwell.store.database import Database

SCOPE = Scope("123456789012", "eu-west-1", "arn:aws:sts::123456789012:assumed-role/SageMakerRole/tester")

SageMaker = Callable[..., Document]
"""Calls an operation by its name, with its members as keywords."""


@contextmanager
def opened(folder: Path, scope: Scope = SCOPE) -> Iterator[SageMaker]:
    """A caller of the SageMaker API over a database in `folder`."""
    database, blobs = Database(folder / "stepwell.db"), Blobs(folder / "blobs")
    door = Door(Site(folder, scope.account, "http://127.0.0.1:0", database, blobs))
    yield lambda operation, **params: door.call(scope, "sagemaker", operation, params)
    database.close()


def arn(resource: str) -> str:
    """The ARN of a resource of the caller."""
    return SCOPE.arn("sagemaker", resource)


def refused(code: str, message: str, act: Callable[[], object]) -> None:
    """`act` must raise the fault of that code, with `message` in its message."""
    with pytest.raises(Fault) as caught:
        act()
    assert caught.value.code == code
    assert message in caught.value.message
