"""How long jobs wait for room: what their StoppingCondition says, and what clients read meanwhile."""

from __future__ import annotations

import pytest

from stepwell.machines.job_outcomes import Verdict
from stepwell.machines.job_queue import Claim, Room
from stepwell.machines.job_waiting import GIB, Wait, begun, message

CREATED, NOW = 100.0, 160.0
LONGEST, PENDING = "MaxWaitTimeInSeconds", "MaxPendingTimeInSeconds"


@pytest.mark.parametrize(
    ("condition", "is_accelerated", "until", "limit"),
    [
        ({}, False, None, LONGEST),
        ({"MaxRuntimeInSeconds": 5}, True, None, LONGEST),
        ({LONGEST: 3600}, False, CREATED + 3600, LONGEST),
        ({LONGEST: 3600}, True, CREATED + 3600, LONGEST),
        ({LONGEST: 30}, False, CREATED + 30, LONGEST),
        ({PENDING: 7200}, True, NOW + 7200, PENDING),
        ({PENDING: 7200}, False, None, LONGEST),
        ({LONGEST: 7200, PENDING: 7200}, True, CREATED + 7200, LONGEST),
        ({LONGEST: 9000, PENDING: 7200}, True, NOW + 7200, PENDING),
        ({LONGEST: 9000, PENDING: 7200}, False, CREATED + 9000, LONGEST),
    ],
)
def test_how_long_a_job_waits(condition: dict[str, int], is_accelerated: bool, until: float, limit: str) -> None:
    wait = begun({"StoppingCondition": condition}, CREATED, NOW, is_accelerated=is_accelerated)
    assert (wait.since, wait.until, wait.limit) == (NOW, until, limit)


def test_a_job_without_stopping_condition_waits_as_long_as_it_takes() -> None:
    wait = begun({}, CREATED, NOW, is_accelerated=True)
    assert wait.until is None
    assert not wait.is_over(4e9)


@pytest.mark.parametrize(("now", "is_over"), [(199.9, False), (200.0, True), (200.1, True)])
def test_when_it_gives_up(now: float, is_over: bool) -> None:
    assert Wait(100.0, 200.0).is_over(now) == is_over


def test_how_it_ends_then() -> None:
    assert Wait(0.0, 1.0, "MaxWaitTimeInSeconds").verdict == Verdict("Stopped", waited_out=True)
    assert Wait(0.0, 1.0, "MaxPendingTimeInSeconds").verdict == Verdict("Stopped")


@pytest.mark.parametrize(
    ("others", "end"), [(0, "available"), (1, "; another job waits too"), (7, "; 7 other jobs wait too")]
)
def test_what_a_client_reads(others: int, end: str) -> None:
    said = message(Claim("a", "", Room(4, 16 * GIB)), Room(-1e-9, 1.55 * GIB), others)
    assert said.startswith("Waiting for compute capacity: 4 vCPU and 16 GiB requested, 0 vCPU and 1.55 GiB available")
    assert said.endswith(end)
