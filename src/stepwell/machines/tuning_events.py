"""Room machines: what a tuning job wants done (effects), and what came of it (events)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from stepwell.machines.tuning_state import Ending, Proposal

FinalStatus: TypeAlias = Literal["Completed", "Failed", "Stopped"]


@dataclass(frozen=True, slots=True)
class Propose:
    """Choose the values of trial `number`."""

    number: int


@dataclass(frozen=True, slots=True)
class Launch:
    """Create the training job of a proposal, unless it was created already."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Settle:
    """Find out whether the training job of a proposal was created: none will be any more."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Observe:
    """See how far the training jobs are, and have those end early that are not worth going on with."""


@dataclass(frozen=True, slots=True)
class StopTrials:
    """Have these training jobs end."""

    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Conclude:
    """Start nothing more. Effect and event in one: there is nothing to perform."""

    ending: Ending


@dataclass(frozen=True, slots=True)
class Finish:
    """It is over. Effect and event in one."""

    status: FinalStatus
    reason: str = ""


Effect: TypeAlias = Propose | Launch | Settle | Observe | StopTrials | Conclude | Finish


@dataclass(frozen=True, slots=True)
class Proposed:
    """The values of the next trial are chosen."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Launched:
    """The training job of the proposal stands, under that name."""

    name: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """The training job of the proposal was never created, and will not be."""


@dataclass(frozen=True, slots=True)
class Refused:
    """No such training job can be created."""

    reason: str


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen of one training job."""

    number: int
    status: str
    started: float | None = None
    ended: float | None = None
    objective: float | None = None
    """The final value of the objective metric."""
    reason: str = ""
    stopped_early: bool = False
    rungs: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
    """Of an ended one whose way matters: the values it emitted."""

    @property
    def is_over(self) -> bool:
        return self.status in ("Completed", "Failed", "Stopped")

    @property
    def has_objective(self) -> bool:
        """Whether its objective counts: a training job that failed does not, whatever it emitted."""
        return self.objective is not None and self.status != "Failed"


@dataclass(frozen=True, slots=True)
class Seen:
    """What has changed of training jobs."""

    sights: tuple[Sight, ...]


Event: TypeAlias = Proposed | Launched | Dropped | Refused | Seen | Conclude | Finish
