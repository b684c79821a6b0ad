"""Room machines: how far a tuning job has come, as values. What follows from it is decided in `tuning`.

A trial is one training job with values that the search chose. The state holds what is under way and sums of what is
over; nothing in it grows with the number of trials.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from stepwell.machines.tuning_ranges import Values
from stepwell.machines.tuning_settings import Settings

Ending: TypeAlias = Literal[
    "TargetReached", "NotImproving", "Converged", "RuntimeExceeded", "NothingFound", "Refused"
]
"""Why a tuning job ends before all its training jobs were started."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A trial whose training job may or may not have been created yet. `definition` is a place in the settings."""

    number: int
    definition: int
    values: Values


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial whose training job is under way. `status` is the training job's; times are epoch seconds."""

    number: int
    name: str
    definition: int
    values: Values
    created: float
    status: str = "InProgress"
    started: float | None = None
    stopped_early: bool = False
    rungs: tuple[float, ...] = ()
    """Hyperband: its values at the rungs it has reached."""


@dataclass(frozen=True, slots=True)
class Counters:
    """Training jobs that are over, by how they ended, and by what is known of their objective metric."""

    completed: int = 0
    retryable_error: int = 0
    non_retryable_error: int = 0
    stopped: int = 0
    succeeded: int = 0
    failed: int = 0

    @property
    def over(self) -> int:
        return self.succeeded + self.failed


@dataclass(frozen=True, slots=True)
class Plateau:
    """How long nothing has improved. `reference` is the value that must be surpassed."""

    reference: float | None = None
    length: int = 0


@dataclass(frozen=True, slots=True)
class Tuning:
    """How far a tuning job has come."""

    settings: Settings
    created: float
    stopping: bool = False
    is_over: bool = False
    given: int = 0
    """The number of the last trial that was proposed."""
    proposal: Proposal | None = None
    active: Mapping[int, Trial] = field(default_factory=dict)
    counters: Counters = Counters()
    best: tuple[int, float] | None = None
    """Number and objective value of the best trial."""
    plateau: Plateau = Plateau()
    converged: float | None = None
    """When nothing improved any more."""
    ending: Ending | None = None
    refusal: str = ""

    @property
    def deadline(self) -> float | None:
        seconds = self.settings.seconds
        return None if seconds is None else self.created + seconds
