"""What the loop runs: a Machine looks at one subject effect by effect, a Looker does its whole look itself, and a
Gatherer looks at several at once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol, TypeVar, runtime_checkable

from sqlalchemy import Connection

from stepwell.store.database import Transaction
from stepwell.store.work import Lease

State = TypeVar("State")
Effect = TypeVar("Effect", contravariant=False)
Event = TypeVar("Event")


class Machine(Protocol[State, Effect, Event]):
    """One kind of long-lived thing, such as a job. `subject` is the ARN of one of them."""

    name: str

    def load(self, connection: Connection, subject: str) -> State | None:
        """What is known of it now; None when there is nothing left to decide, ever."""

    def decide(self, state: State, now: float) -> Sequence[Effect]:
        """What should be done, in order. Pure; nothing to do is an empty sequence."""

    def perform(self, state: State, effect: Effect, now: float) -> Event | None:
        """Do it, outside any transaction and safe to repeat after a crash; None: nothing came of it yet."""

    def apply(self, transaction: Transaction, state: State, event: Event, now: float) -> None:
        """Write down what came of it. Loads afresh what it changes; runs only while the lease stands."""

    def due(self, state: State, now: float) -> float | None:
        """When to look again although nobody woke us (epoch seconds); None: only when woken."""


@runtime_checkable
class Looker(Protocol):
    """A kind of thing with too many parts to load them all, and write each change alone, at every look."""

    name: str

    def look(self, held: Lease, stopping: threading.Event) -> None:
        """Do everything that is due, write it under the lease, and give the lease back."""


@runtime_checkable
class Gatherer(Protocol):
    """A kind of thing of which there may be very many, each with little to do: what happens to several of them in
    one look is written together."""

    name: str
    together: int
    """So many are looked at together at most."""

    def look_at(self, held: Sequence[Lease], stopping: threading.Event) -> Sequence[Lease]:
        """Do what is due for these, write it under their leases, and give the leases back, except for those that are
        answered: they would keep the others waiting and are to be looked at alone."""
