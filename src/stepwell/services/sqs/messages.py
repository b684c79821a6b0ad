"""Sending: SendMessage, and `send` for rooms that send within a transaction of their own.

A message is safe when its transaction is. Then those who wait for it are woken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial

from stepwell.base import ids
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.registry import Call, operation
from stepwell.services.sqs import addresses, arrivals, contents, digests, settings
from stepwell.services.sqs.contents import Content
from stepwell.services.sqs.faults import invalid_value, missing
from stepwell.store import queue_messages
from stepwell.store.database import Transaction
from stepwell.store.queues import Queue

DEDUPLICATION_SECONDS = 300.0
LONGEST_DELAY = 900
NO_DEDUPLICATION = (
    "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
)
FIRST_SEQUENCE = 10**19
"""Sequence numbers have 20 digits, so that they also sort as text."""


def send(
    transaction: Transaction,
    scope: Scope,
    queue: str,
    body: str,
    now: float,
    *,
    attributes: Mapping[str, Document] | None = None,
    group_id: str | None = None,
    deduplication_id: str | None = None,
    delay: int | None = None,
) -> Document:
    """Put a message into the queue at that URL or ARN, as soon as this transaction is safe.

    Answers what SendMessage answers. `attributes` as MessageAttributes has them; `delay` is in seconds. A message
    for a FIFO queue needs a group, and a deduplication id unless the queue makes it of the body. Raises Fault,
    above all QueueDoesNotExist when the queue is gone.
    """
    request: Document = {
        "QueueUrl": queue,
        "MessageBody": body,
        "MessageAttributes": attributes,
        "MessageGroupId": group_id,
        "MessageDeduplicationId": deduplication_id,
        "DelaySeconds": delay,
    }
    given = {name: value for name, value in request.items() if value is not None}
    return put(transaction, scope, addresses.find(transaction.connection, scope, queue), given, now)


@operation
def send_message(call: Call, request: Document) -> Document:
    content = content_of(request)
    with call.site.database.write() as transaction:
        queue = addresses.find(transaction.connection, call.scope, request["QueueUrl"])
        return put(transaction, call.scope, queue, request, call.now, content)


def content_of(request: Document) -> Content:
    """What the members of SendMessage, or of an entry of a batch, want to send. Raises Fault."""
    return contents.checked(
        request["MessageBody"], request.get("MessageAttributes", {}), request.get("MessageSystemAttributes", {})
    )


def put(
    transaction: Transaction,
    scope: Scope,
    queue: Queue,
    request: Document,
    now: float,
    content: Content | None = None,
) -> Document:
    """Send what `request`, the members of SendMessage, says. Returns its answer; raises Fault."""
    content = content or content_of(request)
    contents.check_size(content, settings.number(queue, "MaximumMessageSize"))
    group_id, deduplication_id = _identifiers(queue, request)
    delay = _delay(queue, request)
    queue_messages.expire(transaction, queue, settings.horizon(queue, now))
    answer: Document = {"MD5OfMessageBody": digests.of_body(content.body)}
    answer["MD5OfMessageAttributes"] = digests.of_attributes(content.attributes)
    answer["MD5OfMessageSystemAttributes"] = digests.of_attributes(
        {name: {"DataType": "String", "StringValue": value} for name, value in content.system_attributes.items()}
    )
    system = {**content.system_attributes, "SenderId": _sender(scope), "MessageDeduplicationId": deduplication_id}
    content = Content(content.body, content.attributes, {name: value for name, value in system.items() if value})
    message_id, sequence = _put_once(transaction, queue, content, group_id, deduplication_id, now, delay)
    answer["MessageId"] = message_id
    answer["SequenceNumber"] = sequence_number(sequence) if queue.is_fifo else None
    transaction.on_commit(partial(arrivals.announce, queue.id))
    return {name: value for name, value in answer.items() if value is not None}


def sequence_number(number: int) -> str:
    """A message's number as SequenceNumber shows it."""
    return str(FIRST_SEQUENCE + number)


def _put_once(
    transaction: Transaction,
    queue: Queue,
    content: Content,
    group_id: str | None,
    deduplication_id: str | None,
    now: float,
    delay: int,
) -> tuple[str, int]:
    """Message id and number: of the message now sent, or of the one sent before under the same deduplication id."""
    by_group = settings.value(queue, "DeduplicationScope") == "messageGroup"
    span = (group_id or "") if by_group else ""
    if deduplication_id is not None:
        sent = queue_messages.sent_before(transaction, queue, span, deduplication_id, now)
        if sent is not None:
            return sent
    message_id = ids.request_id()
    number = queue_messages.add(
        transaction,
        queue,
        message_id=message_id,
        body=content.body,
        attributes=content.attributes,
        system_attributes=content.system_attributes,
        now=now,
        visible_at=now + delay,
        group_id=group_id,
    )
    if deduplication_id is not None:
        expires = now + DEDUPLICATION_SECONDS
        queue_messages.remember(transaction, queue, span, deduplication_id, (message_id, number), expires)
    return message_id, number


def _identifiers(queue: Queue, request: Document) -> tuple[str | None, str | None]:
    """MessageGroupId and MessageDeduplicationId. Raises Fault when the queue needs or refuses them."""
    group_id, deduplication_id = request.get("MessageGroupId"), request.get("MessageDeduplicationId")
    if group_id is not None:
        contents.check_identifier(group_id, "MessageGroupId")
    if deduplication_id is not None:
        contents.check_identifier(deduplication_id, "MessageDeduplicationId")
    if not queue.is_fifo:
        if deduplication_id is not None:
            raise invalid_value(
                deduplication_id,
                "MessageDeduplicationId",
                "The request includes a parameter that is not valid for this queue type.",
            )
        return group_id, None
    if group_id is None:
        raise missing("MessageGroupId")
    if deduplication_id is None:
        if settings.value(queue, "ContentBasedDeduplication") != "true":
            raise Fault("InvalidParameterValue", NO_DEDUPLICATION)
        deduplication_id = hashlib.sha256(request["MessageBody"].encode()).hexdigest()
    return group_id, deduplication_id


def _delay(queue: Queue, request: Document) -> int:
    delay: int | None = request.get("DelaySeconds")
    if delay is None:
        return settings.number(queue, "DelaySeconds")
    if queue.is_fifo and delay:
        raise invalid_value(
            delay, "DelaySeconds", "The request include parameter that is not valid for this queue type."
        )
    if not 0 <= delay <= LONGEST_DELAY:
        raise invalid_value(delay, "DelaySeconds", f"DelaySeconds must be >= 0 and <= {LONGEST_DELAY}.")
    return settings.number(queue, "DelaySeconds") if queue.is_fifo else delay


def _sender(scope: Scope) -> str:
    """SenderId. AWS shows the caller's unique id, which nobody has here; the principal's name stands for it."""
    return scope.principal.rpartition(":")[2] or scope.account
