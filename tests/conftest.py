"""What tests start from: an empty installation with its door, or a server to talk to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from served import Server
from stepwell.base.arn import Scope
from stepwell.blobs.folder import Blobs
from stepwell.services.registry import Door, Site
from stepwell.store import tables  # noqa: F401 - every table is declared before the database is made
from stepwell.store.database import Database


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An installation in which nothing has happened yet."""
    database, blobs = Database(tmp_path / "stepwell.db"), Blobs(tmp_path / "blobs")
    yield Site(tmp_path, "123456789012", "http://127.0.0.1:0", database, blobs)
    database.close()


@pytest.fixture
def scope() -> Scope:
    """Who calls in tests."""
    return Scope("123456789012", "eu-west-1", "arn:aws:sts::123456789012:assumed-role/SageMakerRole/tester")


@pytest.fixture
def door(site: Site) -> Door:
    return Door(site)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that do not kill it. Tests choose names of their own."""
    started = Server(tmp_path_factory.mktemp("served")).start()
    yield started
    assert started.stop() == 0


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server that the test may kill."""
    started = Server(tmp_path / "data").start()
    yield started
    if started.process and started.process.poll() is None:
        started.stop()
