"""One execution as the simulation knows it: what users did to it, and what was seen of it.

In: what rules do (lives.py) and listings (world.py). Out: what invariants look at. It holds no hopes of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from order import Order

FINAL = ("Succeeded", "Failed", "Stopped", "CompletedWithFailures")


@dataclass
class Run:
    """One execution, what users did to it, and what was seen of it."""

    arn: str
    order: Order
    limits: tuple[int | None, ...]
    """MaxParallelExecutionSteps: as last acknowledged, and as asked for at this moment."""
    highest_limit: int | None
    chosen: frozenset[str] | None = None
    """Of a selective execution."""
    described: dict[str, Any] = field(default_factory=dict)
    """Empty: nobody knows of it."""
    status: str = "Executing"
    is_told_to_stop: bool = False
    was_stopped: bool = False
    """That it is told to stop was acknowledged."""
    is_undisturbed: bool = True
    """Users left it alone, so that it must end like any other."""
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    status_before: str = "Executing"
    entries_before: dict[str, dict[str, Any]] = field(default_factory=dict)
    begun_when_broken: frozenset[str] | None = None
    kept: frozenset[str] | None = None
    """What had succeeded when it was last retried."""
    made_before: int = 0
    """How much had been made in the world when it was last retried."""

    @property
    def id(self) -> str:
        return self.arn.rpartition("/")[2]

    def begin_again(self, made: int) -> None:
        """It was retried when so much had been made: what succeeded stays, all else is forgotten."""
        self.entries = {name: entry for name, entry in self.entries.items() if entry["StepStatus"] == "Succeeded"}
        self.kept, self.made_before, self.status = frozenset(self.entries), made, "Executing"
        self.is_told_to_stop = self.was_stopped = self.is_undisturbed = False
        self.begun_when_broken = None
