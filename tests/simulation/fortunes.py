"""How things turn out. It follows from the step and the attempt and from nothing else, so that every telling of the
same life agrees, whoever dies when.

In: a step's name, and which attempt it is. Out: how its job, its function or the answer to its callback ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stepwell.base.ids import derived

JOBS = ("Failed", "Failed once", "CapacityError", "CapacityError once", "Throttled once", "Throttled once")
FUNCTIONS = ("Failed", "Failed once", "Lost", "Lost once", "Lost once", "Late", "Silent")
ANSWERS = ("Failed", "Failed once", "Never", "Silent")
GOOD = "Good"


@dataclass(frozen=True, slots=True)
class Fortune:
    """`failing` of all steps (0 to 1) meet with something; `luck` says which and with what, or it is `decreed`."""

    failing: float = 0.0
    luck: str = ""
    decreed: Mapping[str, str] = field(default_factory=dict)

    def job(self, step: str, attempt: int) -> str:
        """Good, or one of JOBS without its "once"."""
        return self._end(step, attempt, JOBS)

    def function(self, step: str, attempt: int) -> str:
        """Good, or one of FUNCTIONS without its "once"."""
        return self._end(step, attempt, FUNCTIONS)

    def answer(self, step: str, attempt: int) -> str:
        """Good, or one of ANSWERS without its "once"."""
        return self._end(step, attempt, ANSWERS)

    def outputs(self, step: str) -> dict[str, Any]:
        """What a function or a worker answers."""
        number = self._drawn(step, "number") % 3
        return {"text": f"{step}:{number}", "flag": number > 0, "number": number, "items": str([*range(number)])}

    def _end(self, step: str, attempt: int, ends: tuple[str, ...]) -> str:
        end = self.decreed.get(step)
        if end is None:
            is_bad = self._drawn(step, "whether") < self.failing * 1e6
            end = ends[self._drawn(step, "which") % len(ends)] if is_bad else GOOD
        first, once, _ = end.partition(" once")
        return GOOD if once and attempt > 1 else first

    def _drawn(self, step: str, question: str) -> int:
        return int(derived(6, step, self.luck, question, alphabet="0123456789"))
