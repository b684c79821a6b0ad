"""Servers for tests that talk to one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from served import Server


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
