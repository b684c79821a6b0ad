"""Room runtime: the machine of the outbox. In: an announced event. Out: a delivery for each target that wants it.

Matching is pure; its result is written in the transaction that takes the event out of the outbox, so an event is
matched once whatever dies when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from stepwell.base.documents import Document
from stepwell.services.events import older_rules, orders
from stepwell.services.events.rule_rows import rule_arn, rules_listening, targets_of
from stepwell.services.registry import Site
from stepwell.store import deliveries, outbox
from stepwell.store.database import Transaction
from stepwell.store.deliveries import Stored
from stepwell.store.outbox import Announced
from stepwell.store.resources import Resource


@dataclass(frozen=True, slots=True)
class State:
    """An event, and the enabled rules of its bus that have a pattern, each with its targets."""

    announced: Announced
    rules: Sequence[tuple[Resource, Sequence[Document]]]


@dataclass(frozen=True, slots=True)
class Matched:
    """What is to be brought because of the event. Effect and event in one: there is nothing to perform."""

    deliveries: tuple[Stored, ...]


class AnnouncedEventMachine:
    """Meets `runtime.machine.Machine`."""

    name = outbox.MACHINE

    def __init__(self, site: Site) -> None:
        self._site = site

    def load(self, connection: Connection, subject: str) -> State | None:
        """The event and who may care; None once it was matched."""
        announced = outbox.find(connection, subject)
        if announced is None:
            return None
        rules = rules_listening(connection, announced.scope, announced.bus)
        fitting = [rule for rule in rules if older_rules.fits(rule.document["EventPattern"], announced.event)]
        return State(announced, [(rule, targets_of(connection, rule)) for rule in fitting])

    def decide(self, state: State, now: float) -> Sequence[Matched]:
        """A delivery for each target."""
        announced = state.announced
        return (
            Matched(
                tuple(
                    orders.of_event(
                        announced.scope, rule_arn(announced.scope, rule), rule.name, target, announced.event, now
                    )
                    for rule, targets in state.rules
                    for target in targets
                )
            ),
        )

    def perform(self, state: State, effect: Matched, now: float) -> Matched:  # noqa: ARG002 - the machine's signature
        """Nothing: what was decided only needs to be written."""
        return effect

    def apply(self, transaction: Transaction, state: State, event: Matched, now: float) -> None:  # noqa: ARG002
        """Write the deliveries and take the event out of the outbox."""
        for each in event.deliveries:
            deliveries.add(transaction, each)
        outbox.remove(transaction, state.announced.subject)
        transaction.on_commit(self._site.roused)

    def due(self, state: State, now: float) -> float | None:  # noqa: ARG002 - the machine's signature
        """An event is matched at its first look."""
        return now
