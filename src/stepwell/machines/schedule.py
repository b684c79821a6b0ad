"""Room machines: when a schedule fires. In: a Schedule and now. Out: at most one effect. Pure.

Each occurrence fires once. Those that were missed, because no server ran, do not pile up: the latest one fires late
if it is not older than the schedule is patient, the others are passed over. EventBridge Scheduler itself is never
down; what it says of invocations that cannot be delivered (they are kept as long as the retry policy's maximum event
age) is taken as the bound here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import TypeAlias

from stepwell.base import ids
from stepwell.machines.schedule_expressions import Expression, next_time

RESOLUTION = 1_000_000


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule that is enabled. Times are epoch seconds."""

    expression: Expression
    zone: tzinfo
    anchor: float
    """Where a rate begins to count."""
    considered: float
    """Occurrences up to here have been seen to."""
    patience: float = 86_400.0
    """Seconds by which an occurrence may be late and still fire."""
    start: float | None = None
    end: float | None = None
    window: float = 0.0
    """Seconds over which invocations are spread."""
    seed: str = ""
    """What the spreading depends on, beside the occurrence."""
    removes_itself: bool = False
    """It is deleted after its last occurrence."""


@dataclass(frozen=True, slots=True)
class Fire:
    """Invoke the target for this occurrence."""

    occurrence: float


@dataclass(frozen=True, slots=True)
class Pass:
    """Everything up to this occurrence is too late: leave it out."""

    occurrence: float


@dataclass(frozen=True, slots=True)
class Remove:
    """Its last occurrence is behind it, and it is to be deleted then."""


Effect: TypeAlias = Fire | Pass | Remove


def decide(schedule: Schedule, now: float) -> Sequence[Effect]:
    """What is to be done now."""
    latest = _next(schedule, schedule.considered)
    if latest is None:
        return (Remove(),) if schedule.removes_itself else ()
    if latest < now - schedule.patience:
        return (Pass(now - schedule.patience),)
    if _due(schedule, latest) > now:
        return ()
    while (following := _next(schedule, latest)) is not None and _due(schedule, following) <= now:
        latest = following
    return (Fire(latest),)


def due(schedule: Schedule) -> float | None:
    """When the next occurrence fires; None when there is none."""
    following = _next(schedule, schedule.considered)
    return None if following is None else _due(schedule, following)


def _next(schedule: Schedule, after: float) -> float | None:
    if schedule.start is not None and after < schedule.start:
        # an occurrence at the start itself counts
        after = schedule.start - 1 / RESOLUTION
    found = next_time(schedule.expression, after, schedule.zone, schedule.anchor)
    return None if found is None or (schedule.end is not None and found > schedule.end) else found


def _due(schedule: Schedule, occurrence: float) -> float:
    """The moment within the flexible window at which the occurrence fires: always the same one."""
    if not schedule.window:
        return occurrence
    digits = ids.derived(6, schedule.seed, repr(occurrence), alphabet="0123456789")
    return occurrence + schedule.window * int(digits) / RESOLUTION
