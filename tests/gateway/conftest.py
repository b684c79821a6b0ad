"""One server for all of the gateway's tests, emptied before each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from gateway_server import Running, running


@pytest.fixture(scope="session")
def gateway_process() -> Iterator[Running]:
    with running() as server:
        yield server


@pytest.fixture
def gateway(gateway_process: Running) -> Iterator[Running]:
    gateway_process.door.forget()
    gateway_process.keys.reset()
    yield gateway_process
    gateway_process.close_clients()
