"""Room machines: one invocation of a function. In: what is known of it. Out: what to do next, and what came of it.

An attempt goes Starting -> Running; its end either begins another attempt (Lambda retries asynchronous ones) or
stands: Cleaning -> Over. A phase is left only by an event of `MOVES`; anything else is a bug and raises.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from stepwell.machines.invocation_outcomes import Outcome

Phase = Literal["Starting", "Running", "Cleaning", "Over"]

RETRY_SECONDS = 60.0
"""Before the second attempt; before the third it is twice that (Lambda Developer Guide, asynchronous errors)."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """What the decision needs. `attempts` is how often the function is called until one call is good."""

    phase: Phase = "Starting"
    attempt: int = 1
    attempts: int = 1
    not_before: float = 0.0
    """Epoch seconds before which the attempt does not begin."""


@dataclass(frozen=True, slots=True)
class Start:
    """Lay out the event and start the function, unless this attempt was started already."""


@dataclass(frozen=True, slots=True)
class Observe:
    """See whether the function ended, and be told when it does."""


@dataclass(frozen=True, slots=True)
class Clean:
    """Remove what it left on this machine but for its log."""


Effect: TypeAlias = Start | Observe | Clean


@dataclass(frozen=True, slots=True)
class Started:
    """The function runs, or ran."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The attempt has an outcome. `tail` is the end of its log, for a caller who waits."""

    outcome: Outcome
    tail: str = ""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Nothing is left but the log."""


Event: TypeAlias = Started | Ended | Cleaned

MOVES: dict[Phase, tuple[type[Event], ...]] = {
    "Starting": (Started, Ended),
    "Running": (Ended,),
    "Cleaning": (Cleaned,),
    "Over": (),
}


def decide(invocation: Invocation, now: float) -> tuple[Effect, ...]:
    """What to do at `now` (epoch seconds)."""
    match invocation.phase:
        case "Starting":
            return (Start(),) if now >= invocation.not_before else ()
        case "Running":
            return (Observe(),)
        case "Cleaning":
            return (Clean(),)
        case "Over":
            return ()


def evolve(invocation: Invocation, event: Event, now: float) -> Invocation:
    """The invocation after `event` at `now`. Raises ValueError for a move that cannot be."""
    if not isinstance(event, MOVES[invocation.phase]):
        raise ValueError(f"an invocation that is {invocation.phase} cannot take {event}")
    match event:
        case Started():
            return replace(invocation, phase="Running")
        case Ended(outcome):
            return _ended(invocation, outcome, now)
        case Cleaned():
            return replace(invocation, phase="Over")


def _ended(invocation: Invocation, outcome: Outcome, now: float) -> Invocation:
    if outcome.is_success or invocation.attempt >= invocation.attempts:
        return replace(invocation, phase="Cleaning")
    pause = RETRY_SECONDS * 2 ** (invocation.attempt - 1)
    return replace(invocation, phase="Starting", attempt=invocation.attempt + 1, not_before=now + pause)
