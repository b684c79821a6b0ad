"""Room runtime: the machine of deliveries. Brings what rules and schedules ordered to its target, or gives it up.

A delivery that was brought is forgotten in a later transaction, so a crash in between brings it again: at least once,
under the same token. `machines/delivery.py` decides when it is tried again and when no more.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection

from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.machines import delivery as machine
from stepwell.machines.delivery import Delivery, Effect, Event, Refused
from stepwell.machines.destinations import Queue, destination
from stepwell.runtime.destinations import Parcel, bring, send_message
from stepwell.services.registry import Door
from stepwell.store import deliveries
from stepwell.store.database import Transaction
from stepwell.store.deliveries import Stored

log = logging.getLogger(__name__)

TEMPORARY = frozenset({"ThrottlingException", "TooManyRequestsException", "ServiceUnavailable", "RequestThrottled"})
NOT_BUILT = 501


@dataclass(frozen=True, slots=True)
class State:
    """A delivery as it is stored, and what the machine makes of it."""

    stored: Stored
    delivery: Delivery


class DeliveryMachine:
    """Meets `runtime.machine.Machine`."""

    name = deliveries.MACHINE

    def __init__(self, door: Door) -> None:
        self._door = door

    def load(self, connection: Connection, subject: str) -> State | None:
        """The delivery; None when it is over."""
        stored = deliveries.find(connection, subject)
        return State(stored, _delivery(stored)) if stored else None

    def decide(self, state: State, now: float) -> Sequence[Effect]:
        """What the pure machine says."""
        return machine.decide(state.delivery, now)

    def perform(self, state: State, effect: Effect, now: float) -> Event | None:
        """Bring it, bury it or let it go. A target's refusal is an event."""
        match effect:
            case machine.Attempt():
                return self._attempt(state.stored, now)
            case machine.Bury(exhausted):
                self._bury(state, exhausted)
            case machine.Drop():
                self._note(state, "given up")
        return machine.Delivered()

    def apply(self, transaction: Transaction, state: State, event: Event, now: float) -> None:
        """Forget it, or note the refusal."""
        after = machine.evolve(state.delivery, event, now)
        if after is None:
            deliveries.remove(transaction, state.stored.id)
        else:
            refusal = asdict(after.refused) if after.refused else None
            deliveries.move(transaction, state.stored.id, after.attempts, after.due, refusal)

    def due(self, state: State, now: float) -> float | None:
        """When it is tried again."""
        return max(state.delivery.due, now)

    def _attempt(self, stored: Stored, now: float) -> Event:
        target: Document = stored.order["Target"]
        where = destination(target["Arn"])
        if where is None:
            return Refused("INVALID_PARAMETER", f"{target['Arn']} is no target that can be reached.", False)
        try:
            bring(self._door, where, Parcel(stored.scope, target, stored.order["Payload"], stored.id, now))
        except Fault as fault:
            return Refused(fault.code, fault.message, _is_temporary(fault))
        return machine.Delivered()

    def _bury(self, state: State, exhausted: machine.Exhausted | None) -> None:
        letter: Document = state.stored.order["DeadLetter"]
        queue = destination(letter["Arn"])
        message = {"MessageBody": letter["Body"], "MessageAttributes": _attributes(state.delivery, letter, exhausted)}
        try:
            if isinstance(queue, Queue):
                send_message(self._door, state.stored.scope, queue.name, message)
                return
        except Fault as fault:
            self._note(state, f"its dead-letter queue did not take it either ({fault})")
            return
        self._note(state, f"{letter['Arn']} is no queue")

    def _note(self, state: State, what: str) -> None:
        target = state.stored.order["Target"]["Arn"]
        refused = state.delivery.refused
        reason = f"{refused.code}: {refused.message}" if refused else "no reason"
        log.warning("what was to be brought to %s is lost, %s after: %s", target, what, reason)


def _delivery(stored: Stored) -> Delivery:
    policy = stored.order.get("RetryPolicy", {})
    return Delivery(
        created=stored.created,
        due=stored.due,
        attempts=stored.attempts,
        refused=Refused(**stored.refusal) if stored.refusal else None,
        most_retries=policy.get("MaximumRetryAttempts", machine.MOST_ATTEMPTS),
        most_seconds=policy.get("MaximumEventAgeInSeconds", machine.MOST_SECONDS),
        has_dead_letters="DeadLetter" in stored.order,
    )


def _is_temporary(fault: Fault) -> bool:
    return fault.code in TEMPORARY or (fault.status >= 500 and fault.status != NOT_BUILT)


def _attributes(delivery: Delivery, letter: Document, exhausted: str | None) -> Document:
    refused = delivery.refused
    texts: dict[str, Any] = {
        **letter["Attributes"],
        "ERROR_CODE": refused.code if refused else "",
        "ERROR_MESSAGE": refused.message if refused else "",
        "RETRY_ATTEMPTS": str(max(delivery.attempts - 1, 0)),
        "EXHAUSTED_RETRY_CONDITION": exhausted,
    }
    return {name: {"DataType": "String", "StringValue": text} for name, text in texts.items() if text}
