"""Room machines: a delivery to a target, which is tried again until it is taken or given up. Pure.

In: a Delivery and now. Out: at most one effect; `evolve` says what has become of it. EventBridge keeps trying for 24
hours and up to 185 times, with growing pauses, unless the target's retry policy says less (EventBridge user guide,
"Retry policy"); what cannot succeed later is not tried again. What is given up goes to the dead-letter queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

MOST_ATTEMPTS = 185
MOST_SECONDS = 86_400
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 480.0
"""Seconds: with it, 185 attempts fill 24 hours."""

Exhausted: TypeAlias = Literal["MaximumRetryAttempts", "MaximumEventAgeInSeconds"]


@dataclass(frozen=True, slots=True)
class Refused:
    """The target did not take it. `temporary`: it may yet."""

    code: str
    message: str
    temporary: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery. `created` and `due` (of the next attempt) are epoch seconds; `attempts` were made."""

    created: float
    due: float
    attempts: int = 0
    refused: Refused | None = None
    most_retries: int = MOST_ATTEMPTS
    most_seconds: float = MOST_SECONDS
    has_dead_letters: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """Bring it to the target."""


@dataclass(frozen=True, slots=True)
class Bury:
    """Send it to the dead-letter queue. `exhausted`: which bound was reached; None: it could never succeed."""

    exhausted: Exhausted | None


@dataclass(frozen=True, slots=True)
class Drop:
    """Forget it: it was given up, and nobody asked for what is given up."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The target took it, or the dead-letter queue did, or nothing more can be done."""


Effect: TypeAlias = Attempt | Bury | Drop
Event: TypeAlias = Delivered | Refused


def decide(delivery: Delivery, now: float) -> Sequence[Effect]:
    """What is to be done now."""
    if delivery.refused is None:
        return (Attempt(),)
    if delivery.refused.temporary:
        exhausted = _exhausted(delivery, now)
        if exhausted is None:
            return (Attempt(),) if delivery.due <= now else ()
    else:
        exhausted = None
    return (Bury(exhausted),) if delivery.has_dead_letters else (Drop(),)


def evolve(delivery: Delivery, event: Event, now: float) -> Delivery | None:
    """The delivery after `event`; None: it is over."""
    match event:
        case Delivered():
            return None
        case Refused():
            pause = min(FIRST_PAUSE * 2.0 ** min(delivery.attempts, 30), LONGEST_PAUSE)
            return replace(delivery, attempts=delivery.attempts + 1, refused=event, due=now + pause)


def _exhausted(delivery: Delivery, now: float) -> Exhausted | None:
    if delivery.attempts > delivery.most_retries:
        return "MaximumRetryAttempts"
    if max(now, delivery.due) - delivery.created > delivery.most_seconds:
        return "MaximumEventAgeInSeconds"
    return None
