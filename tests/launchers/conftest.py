"""The isolations this host offers, probed once."""

from __future__ import annotations

import functools

import pytest

from stepwell.launchers.isolation import Isolation, Name, NoIsolationError
from stepwell.launchers.launcher import Launcher
from stepwell.launchers.probe import find_isolation
from stepwell.launchers.process import ProcessLauncher


@functools.cache
def isolation_or_reason(name: Name) -> Isolation | str:
    """The isolation `name`, or why this host has none."""
    try:
        return find_isolation(name)
    except NoIsolationError as error:
        return str(error)


@pytest.fixture(params=["namespaces", "bubblewrap"])
def isolation(request: pytest.FixtureRequest) -> Isolation:
    found = isolation_or_reason(request.param)
    if isinstance(found, str):
        pytest.skip(found)
    return found


@pytest.fixture
def launcher(isolation: Isolation) -> Launcher:
    return ProcessLauncher(isolation)
