"""ReceiveMessage: giving messages out, and waiting for them.

A look that finds nothing reads one row and takes no lock; a look that finds something hides what it gives out in the
transaction that found it. A long poll looks, waits until something arrives or becomes due, and looks again.
"""

from __future__ import annotations

from collections.abc import Sequence

from stepwell.base import clock
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.registry import Call, Site, operation
from stepwell.services.sqs import addresses, arrivals, contents, dead_letters, digests, messages, receipts, settings
from stepwell.services.sqs.faults import invalid_value, unknown_attribute
from stepwell.store import queue_messages
from stepwell.store.database import Transaction
from stepwell.store.queue_messages import Message
from stepwell.store.queues import Queue

MOST_MESSAGES = 10
LONGEST_WAIT = 20
MOST_IN_FLIGHT = 120_000
BURIALS = 10
"""Rounds of dead letters one look moves, so that it does not hold the store for long."""

SYSTEM_NAMES = (
    *("SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp", "SequenceNumber"),
    *("MessageDeduplicationId", "MessageGroupId", "AWSTraceHeader", "DeadLetterQueueSourceArn"),
)


@operation
def receive_message(call: Call, request: Document) -> Document:
    most = _bounded(request, "MaxNumberOfMessages", 1, MOST_MESSAGES) or 1
    wait = _bounded(request, "WaitTimeSeconds", 0, LONGEST_WAIT)
    timeout = _bounded(request, "VisibilityTimeout", 0, receipts.LONGEST_VISIBILITY)
    wanted = _system_names(request)
    with call.site.database.read() as connection:
        queue = addresses.find(connection, call.scope, request["QueueUrl"])
    wait = settings.number(queue, "ReceiveMessageWaitTimeSeconds") if wait is None else wait
    timeout = settings.number(queue, "VisibilityTimeout") if timeout is None else timeout
    found = _await(call, queue, most, timeout, wait)
    shown = [_shown(queue, message, wanted, request.get("MessageAttributeNames", [])) for message in found]
    return {"Messages": shown} if shown else {}


def _await(call: Call, queue: Queue, most: int, timeout: int, wait: int) -> list[Message]:
    """Take messages, as soon as there are some; none when the wait is over."""
    deadline, now = clock.monotonic() + wait, call.now
    with arrivals.listening(queue.id) as arrived:
        while True:
            arrived.clear()
            found, pause = _look(call.site, queue, most, timeout, now)
            left = deadline - clock.monotonic()
            if found or left <= 0:
                return found
            arrived.wait(min(pause, left))
            now = clock.now()


def _look(site: Site, queue: Queue, most: int, timeout: int, now: float) -> tuple[list[Message], float]:
    """What there is now, and otherwise how long to wait until it is worth looking again."""
    with site.database.read() as connection:
        due = queue_messages.next_due(connection, queue, settings.number(queue, "MessageRetentionPeriod"))
    if due is None or due > now:
        return [], arrivals.NAP if due is None else min(arrivals.NAP, due - now)
    with site.database.write() as transaction:
        return take(transaction, queue, most, timeout, now), 0.0


def take(transaction: Transaction, queue: Queue, most: int, timeout: int, now: float) -> list[Message]:
    """Give out up to `most` messages and hide them for `timeout` seconds. Returns them as they are then.

    What has expired is deleted, and what was received too often goes to the dead-letter queue. Raises OverLimit.
    """
    queue_messages.expire(transaction, queue, settings.horizon(queue, now))
    if queue_messages.in_flight(transaction.connection, queue, now) >= MOST_IN_FLIGHT:
        raise Fault("OverLimit", f"The queue has {MOST_IN_FLIGHT} messages in flight, the most it can have.", 403)
    due = queue_messages.due_in_order if queue.is_fifo else queue_messages.due
    alive: list[Message] = []
    for _ in range(BURIALS):
        found = due(transaction.connection, queue, now, most)
        alive = dead_letters.bury(transaction, queue, found, now)
        if len(alive) == len(found):
            break
    return queue_messages.mark_received(transaction, queue, alive, now, now + timeout) if alive else []


def _shown(queue: Queue, message: Message, wanted: Sequence[str], attribute_names: Sequence[str]) -> Document:
    """A message as its receiver gets it."""
    answer: Document = {
        "MessageId": message.message_id,
        "ReceiptHandle": receipts.receipt_of(message).handle,
        "MD5OfBody": digests.of_body(message.body),
        "Body": message.body,
    }
    system = _system(queue, message)
    answer["Attributes"] = {name: system[name] for name in wanted if name in system}
    chosen = {name: item for name, item in message.attributes.items() if _is_chosen(name, attribute_names)}
    answer["MD5OfMessageAttributes"] = digests.of_attributes(chosen)
    answer["MessageAttributes"] = {name: contents.shown(item) for name, item in chosen.items()}
    return {name: item for name, item in answer.items() if item}


def _system(queue: Queue, message: Message) -> dict[str, str]:
    found = {
        **message.system_attributes,
        "SentTimestamp": str(round(message.sent * 1000)),
        "ApproximateReceiveCount": str(message.receive_count),
        "ApproximateFirstReceiveTimestamp": str(round((message.first_received or 0.0) * 1000)),
    }
    if message.group_id is not None:
        found["MessageGroupId"] = message.group_id
    if queue.is_fifo:
        found["SequenceNumber"] = messages.sequence_number(message.id)
    return found


def _is_chosen(name: str, patterns: Sequence[str]) -> bool:
    """Whether an attribute is asked for: by its name, by `prefix.*`, or with all of them."""
    return any(
        pattern in ("All", ".*", name) or (pattern.endswith(".*") and name.startswith(pattern[:-2]))
        for pattern in patterns
    )


def _system_names(request: Document) -> Sequence[str]:
    asked = [*request.get("AttributeNames", []), *request.get("MessageSystemAttributeNames", [])]
    for name in asked:
        if name != "All" and name not in SYSTEM_NAMES:
            raise unknown_attribute(name)
    return SYSTEM_NAMES if "All" in asked else tuple(dict.fromkeys(asked))


def _bounded(request: Document, name: str, low: int, high: int) -> int | None:
    number: int | None = request.get(name)
    if number is not None and not low <= number <= high:
        raise invalid_value(number, name, f"Must be between {low} and {high}, if provided.")
    return number
