"""Batch calls: up to ten of one kind in one transaction, each answered for itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.registry import Call, operation
from stepwell.services.sqs import addresses, messages, receipts, settings
from stepwell.services.sqs.faults import missing
from stepwell.store.database import Transaction
from stepwell.store.queues import Queue

MOST_ENTRIES = 10
LONGEST_BATCH = 1_048_576
ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")

Act = Callable[[Transaction, Queue, Document], Document]
"""Does what an entry says and returns its answer; raises Fault, having changed nothing."""


@operation
def send_message_batch(call: Call, request: Document) -> Document:
    def act(transaction: Transaction, queue: Queue, entry: Document) -> Document:
        return messages.put(transaction, call.scope, queue, entry, call.now)

    return _batch(call, request, "SendMessageBatch", act, _check_sendable)


@operation
def delete_message_batch(call: Call, request: Document) -> Document:
    def act(transaction: Transaction, queue: Queue, entry: Document) -> Document:
        receipts.delete(transaction, queue, entry["ReceiptHandle"], call.now)
        return {}

    return _batch(call, request, "DeleteMessageBatch", act)


@operation
def change_message_visibility_batch(call: Call, request: Document) -> Document:
    def act(transaction: Transaction, queue: Queue, entry: Document) -> Document:
        if "VisibilityTimeout" not in entry:
            raise missing("VisibilityTimeout")
        receipts.check_timeout(entry["VisibilityTimeout"])
        receipts.change(transaction, queue, entry["ReceiptHandle"], entry["VisibilityTimeout"], call.now)
        return {}

    return _batch(call, request, "ChangeMessageVisibilityBatch", act)


def _batch(
    call: Call,
    request: Document,
    name: str,
    act: Act,
    check: Callable[[Queue, Sequence[Document]], None] = lambda _queue, _entries: None,
) -> Document:
    """Do every entry in turn. Raises Fault when the batch as a whole is wrong."""
    entries: Sequence[Document] = request["Entries"]
    _check_entries(name, entries)
    answer: Document = {"Successful": [], "Failed": []}
    with call.site.database.write() as transaction:
        queue = addresses.find(transaction.connection, call.scope, request["QueueUrl"])
        check(queue, entries)
        for entry in entries:
            try:
                answer["Successful"].append({"Id": entry["Id"], **act(transaction, queue, entry)})
            except Fault as fault:
                answer["Failed"].append(
                    {"Id": entry["Id"], "SenderFault": True, "Code": fault.code, "Message": fault.message}
                )
    return answer


def _check_entries(name: str, entries: Sequence[Document]) -> None:
    if not entries:
        raise Fault("EmptyBatchRequest", f"There should be at least one {name}RequestEntry in the request.")
    if len(entries) > MOST_ENTRIES:
        text = f"Maximum number of entries per request are {MOST_ENTRIES}. You have sent {len(entries)}."
        raise Fault("TooManyEntriesInBatchRequest", text)
    seen: set[str] = set()
    for entry in entries:
        if not ENTRY_ID.fullmatch(entry["Id"]):
            raise Fault(
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
                "It can be at most 80 letters long.",
            )
        if entry["Id"] in seen:
            raise Fault("BatchEntryIdsNotDistinct", f"Id {entry['Id']} repeated.")
        seen.add(entry["Id"])


def _check_sendable(queue: Queue, entries: Sequence[Document]) -> None:
    """What SQS refuses a whole batch for, though it lies in one entry."""
    size = sum(_size(entry) for entry in entries)
    if size > LONGEST_BATCH:
        text = f"Batch requests cannot be longer than {LONGEST_BATCH} bytes. You have sent {size} bytes."
        raise Fault("BatchRequestTooLong", text)
    if not queue.is_fifo:
        return
    for entry in entries:
        if "MessageGroupId" not in entry:
            raise missing("MessageGroupId")
    if settings.value(queue, "ContentBasedDeduplication") != "true":
        for entry in entries:
            if "MessageDeduplicationId" not in entry:
                raise Fault("InvalidParameterValue", messages.NO_DEDUPLICATION)


def _size(entry: Document) -> int:
    """Bytes of an entry, whatever else is wrong with it."""
    size = len(entry["MessageBody"].encode())
    for name, attribute in entry.get("MessageAttributes", {}).items():
        value = attribute.get("StringValue", "").encode() or attribute.get("BinaryValue", b"")
        size += len(name.encode()) + len(attribute["DataType"].encode()) + len(value)
    return size
