"""Queues of an empty installation, asked at any time of day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqs_callers import ACCOUNT, Sqs

from stepwell.base.arn import Scope
from stepwell.blobs.folder import Blobs
from stepwell.services.registry import Door, Site
from stepwell.store import tables  # noqa: F401 - every table is declared before the database is made
from stepwell.store.database import Database


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    database, blobs = Database(tmp_path / "stepwell.db"), Blobs(tmp_path / "blobs")
    yield Site(tmp_path, ACCOUNT, "http://127.0.0.1:4566", database, blobs)
    database.close()


@pytest.fixture(scope="session")
def door_of() -> Callable[[Site], Door]:
    """A door finds its handlers once for all tests."""
    doors: list[Door] = []

    def door(site: Site) -> Door:
        if not doors:
            doors.append(Door(site))
        doors[0].site = site
        return doors[0]

    return door


@pytest.fixture
def sqs(site: Site, door_of: Callable[[Site], Door]) -> Sqs:
    principal = f"arn:aws:sts::{ACCOUNT}:assumed-role/SageMakerRole/tester"
    return Sqs(door_of(site), Scope(ACCOUNT, "eu-west-1", principal))
