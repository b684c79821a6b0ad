"""Room machines: how long a job waits for room on this machine. In: its StoppingCondition. Out: until when, and then?

MaxWaitTimeInSeconds counts from the creation of a managed spot training job. MaxPendingTimeInSeconds counts from when
the job began to wait, and has no effect on types without accelerators (AWS: StoppingCondition in the API reference).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stepwell.base.documents import Document
from stepwell.machines.job_outcomes import Verdict
from stepwell.machines.job_queue import Claim, Room

GIB = 1 << 30
Limit = Literal["MaxWaitTimeInSeconds", "MaxPendingTimeInSeconds"]


@dataclass(frozen=True, slots=True)
class Wait:
    """Since when a job waits for room, and until when at most (epoch seconds; None: as long as it takes)."""

    since: float
    until: float | None = None
    limit: Limit = "MaxWaitTimeInSeconds"
    """What ends the wait."""

    def is_over(self, now: float) -> bool:
        """Whether the job gives up."""
        return self.until is not None and now >= self.until

    @property
    def verdict(self) -> Verdict:
        """How a job ends that gives up. Only one of the limits has a secondary status of its own."""
        return Verdict("Stopped", waited_out=self.limit == "MaxWaitTimeInSeconds")


def begun(document: Document, created: float, now: float, *, is_accelerated: bool) -> Wait:
    """The wait of a job that finds no room `now`. `is_accelerated`: one of its types is GPU or the like."""
    condition: Document = document.get("StoppingCondition", {})
    longest, pending = condition.get("MaxWaitTimeInSeconds"), condition.get("MaxPendingTimeInSeconds")
    waits = []
    if longest is not None:
        waits.append(Wait(now, created + longest))
    if pending is not None and is_accelerated:
        waits.append(Wait(now, now + pending, "MaxPendingTimeInSeconds"))
    return min(waits, key=lambda wait: wait.until or 0.0, default=Wait(now))


def message(claim: Claim, free: Room, others: int) -> str:
    """What a client reads of a job that begins to wait."""
    line = {0: "", 1: "; another job waits too"}.get(others, f"; {others} other jobs wait too")
    return f"Waiting for compute capacity: {text(claim.room)} requested, {text(free)} available{line}"


def text(room: Room) -> str:
    """`4 vCPU and 16 GiB`."""
    return f"{max(0.0, room.cpus):g} vCPU and {max(0.0, room.memory_bytes) / GIB:.3g} GiB"
