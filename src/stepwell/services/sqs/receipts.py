"""Receipts: what a receiver may do with a message it holds. DeleteMessage and ChangeMessageVisibility.

A receipt handle names the message and which of its receives this was, so it goes stale by itself when the message is
given out again, and nothing needs to be stored. It is opaque to clients.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from functools import partial

from stepwell.base.documents import Document
from stepwell.services.registry import Call, operation
from stepwell.services.sqs import addresses, arrivals
from stepwell.services.sqs.faults import invalid_handle, invalid_value
from stepwell.store import queue_messages
from stepwell.store.database import Transaction
from stepwell.store.queue_messages import Message
from stepwell.store.queues import Queue

LONGEST_VISIBILITY = 43_200
LONGEST_HANDLE = 1024


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a handle says: the message, and the how-manieth receive of it."""

    queue_id: int
    row_id: int
    message_id: str
    receive: int

    @property
    def handle(self) -> str:
        """The text that clients carry."""
        text = f"{self.queue_id}:{self.row_id}:{self.message_id}:{self.receive}"
        return base64.urlsafe_b64encode(text.encode()).decode()


def receipt_of(message: Message) -> Receipt:
    """The receipt of the message's latest receive."""
    return Receipt(message.queue_id, message.id, message.message_id, message.receive_count)


def read(queue: Queue, handle: str) -> Receipt:
    """What a handle says. Raises Fault when this queue never gave it."""
    try:
        text = base64.b64decode(handle[:LONGEST_HANDLE], altchars=b"-_", validate=True).decode()
        queue_id, row_id, message_id, receive = text.split(":")
        found = Receipt(int(queue_id), int(row_id), message_id, int(receive))
    except (binascii.Error, ValueError):
        raise invalid_handle(handle) from None
    if found.queue_id != queue.id or found.row_id >= 2**63 or found.handle != handle:
        raise invalid_handle(handle)
    return found


@operation
def delete_message(call: Call, request: Document) -> Document:
    with call.site.database.write() as transaction:
        queue = addresses.find(transaction.connection, call.scope, request["QueueUrl"])
        delete(transaction, queue, request["ReceiptHandle"], call.now)
    return {}


@operation
def change_message_visibility(call: Call, request: Document) -> Document:
    check_timeout(request["VisibilityTimeout"])
    with call.site.database.write() as transaction:
        queue = addresses.find(transaction.connection, call.scope, request["QueueUrl"])
        change(transaction, queue, request["ReceiptHandle"], request["VisibilityTimeout"], call.now)
    return {}


def delete(transaction: Transaction, queue: Queue, handle: str, now: float) -> None:
    """Delete the message, if this is its latest receipt. Raises Fault.

    With an old receipt a standard queue answers success and keeps the message; a FIFO queue refuses, also once the
    visibility of the latest one has ended. A message that is gone already is success (DeleteMessage).
    """
    receipt = read(queue, handle)
    message = queue_messages.find(transaction.connection, queue, receipt.row_id)
    if message is None:
        return
    is_latest = message.receive_count == receipt.receive
    if queue.is_fifo and (not is_latest or message.visible_at <= now):
        raise invalid_value(handle, "ReceiptHandle", "The receipt handle has expired.")
    if is_latest:
        queue_messages.remove(transaction, queue, message)
        transaction.on_commit(partial(arrivals.announce, queue.id))


def change(transaction: Transaction, queue: Queue, handle: str, timeout: int, now: float) -> None:
    """Hide the message for so many seconds from now, or show it (0). Raises Fault.

    A standard queue lets the latest receiver take the message back after its time has ended, until someone else
    receives it; a FIFO queue does not.
    """
    receipt = read(queue, handle)
    message = queue_messages.find(transaction.connection, queue, receipt.row_id)
    if message is None or message.receive_count != receipt.receive:
        reason = "Message does not exist or is not available for visibility timeout change."
        raise invalid_value(handle, "ReceiptHandle", reason)
    if queue.is_fifo and message.visible_at <= now:
        raise invalid_value(handle, "ReceiptHandle", "The receipt handle has expired.")
    received = message.last_received if message.last_received is not None else now
    if now + timeout - received > LONGEST_VISIBILITY:
        reason = f"Total VisibilityTimeout for the message is beyond the limit [{LONGEST_VISIBILITY} seconds]"
        raise invalid_value(timeout, "VisibilityTimeout", reason)
    queue_messages.set_visible(transaction, queue, message, now + timeout)
    transaction.on_commit(partial(arrivals.announce, queue.id))


def check_timeout(timeout: int) -> None:
    """The bounds of a visibility timeout. Raises Fault."""
    if not 0 <= timeout <= LONGEST_VISIBILITY:
        raise invalid_value(timeout, "VisibilityTimeout", f"Must be between 0 and {LONGEST_VISIBILITY}, if provided.")
