"""Reading and setting the attributes of a queue."""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.services.registry import Call, operation
from stepwell.services.sqs import addresses, dead_letters, settings
from stepwell.services.sqs.faults import invalid_attribute, unknown_attribute
from stepwell.store import queue_messages, queues
from stepwell.store.database import Connection
from stepwell.store.queues import Queue

COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
FIXED = ("QueueArn", "CreatedTimestamp", "LastModifiedTimestamp")
SETTABLE = (
    *settings.DEFAULTS,
    *settings.FIFO_DEFAULTS,
    *("Policy", "RedrivePolicy", "RedriveAllowPolicy", settings.KEY, "KmsDataKeyReusePeriodSeconds"),
)
NAMES = (*FIXED, *COUNTS, *SETTABLE)


@operation
def get_queue_attributes(call: Call, request: Document) -> Document:
    wanted = request.get("AttributeNames", [])
    unknown = [name for name in wanted if name != "All" and name not in NAMES]
    if unknown:
        raise unknown_attribute(unknown[0])
    names = NAMES if "All" in wanted else tuple(dict.fromkeys(wanted))
    with call.site.database.read() as connection:
        queue = addresses.find(connection, call.scope, request["QueueUrl"])
        counted = _counted(connection, queue, call.now) if set(COUNTS).intersection(names) else {}
    shown = {**counted, **_fixed(queue)}
    found = {name: shown.get(name) or settings.value(queue, name) for name in names}
    held = {name: text for name, text in found.items() if text is not None}
    return {"Attributes": held} if held else {}


@operation
def set_queue_attributes(call: Call, request: Document) -> Document:
    with call.site.database.write() as transaction:
        queue = addresses.find(transaction.connection, call.scope, request["QueueUrl"])
        changes = settings.checked(request["Attributes"], is_fifo=queue.is_fifo)
        if changes.get("FifoQueue", "true") != "true":
            raise invalid_attribute("FifoQueue", "Modifying queue type is not supported.")
        attributes = settings.combined(queue.attributes, changes)
        if changes.get("RedrivePolicy"):
            dead_letters.checked_target(
                transaction.connection, call.scope, queue.arn, attributes, is_fifo=queue.is_fifo
            )
        policy = settings.redrive(attributes)
        queues.set_attributes(transaction, queue, attributes, policy.target if policy else None, call.now)
    return {}


def _fixed(queue: Queue) -> dict[str, str]:
    times = (str(int(queue.created)), str(int(queue.modified)))
    return dict(zip(FIXED, (queue.arn, *times), strict=True))


def _counted(connection: Connection, queue: Queue, now: float) -> dict[str, str]:
    found = queue_messages.counts(connection, queue, now, settings.horizon(queue, now))
    return dict(zip(COUNTS, (str(found.visible), str(found.in_flight), str(found.delayed)), strict=True))
