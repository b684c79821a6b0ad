"""Queues: making, finding, listing, emptying and deleting them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.registry import Call, operation
from stepwell.services.sqs import addresses, dead_letters, settings, tags
from stepwell.services.sqs.faults import invalid_value, no_queue
from stepwell.store import queue_messages, queues
from stepwell.store import tags as tag_rows
from stepwell.store.queues import Queue

NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
LONGEST_NAME = 80
FIFO_SUFFIX = ".fifo"
MOST_LISTED = 1000


@operation
def create_queue(call: Call, request: Document) -> Document:
    """Make a queue. Asking again with attributes that hold already is success."""
    name, given = request["QueueName"], request.get("Attributes", {})
    is_fifo = str(given.get("FifoQueue", "false")).lower() == "true"
    _check_name(name, is_fifo=is_fifo)
    changes = settings.checked(given, is_fifo=is_fifo)
    with call.site.database.write() as transaction:
        standing = queues.find(transaction.connection, call.scope.account, call.scope.region, name)
        if standing is not None:
            _check_same(standing, changes)
            return {"QueueUrl": addresses.url_of(call, standing)}
        attributes = settings.combined({}, changes)
        arn = call.scope.arn("sqs", name)
        target = dead_letters.checked_target(transaction.connection, call.scope, arn, attributes, is_fifo=is_fifo)
        queues.add(
            transaction,
            call.scope,
            name,
            is_fifo=is_fifo,
            now=call.now,
            attributes=attributes,
            dead_letter_arn=target,
        )
        tags.add(transaction, arn, request.get("tags", {}))
    return {"QueueUrl": f"{call.site.endpoint}/{call.scope.account}/{name}"}


@operation
def delete_queue(call: Call, request: Document) -> Document:
    """Delete a queue and its messages; its name is free at once."""
    with call.site.database.write() as transaction:
        queue = addresses.find(transaction.connection, call.scope, request["QueueUrl"])
        queues.remove(transaction, queue)
        tag_rows.clear(transaction, queue.arn)
    return {}


@operation
def get_queue_url(call: Call, request: Document) -> Document:
    owner = request.get("QueueOwnerAWSAccountId", call.scope.account)
    with call.site.database.read() as connection:
        queue = queues.find(connection, owner, call.scope.region, request["QueueName"])
    if queue is None or owner != call.scope.account:
        raise no_queue()
    return {"QueueUrl": addresses.url_of(call, queue)}


@operation
def list_queues(call: Call, request: Document) -> Document:
    prefix = request.get("QueueNamePrefix", "")
    with call.site.database.read() as connection:
        return _page(
            call,
            request,
            "QueueUrls",
            lambda after, limit: queues.page(connection, call.scope, prefix=prefix, after=after, limit=limit),
        )


@operation
def list_dead_letter_source_queues(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        arn = addresses.find(connection, call.scope, request["QueueUrl"]).arn
        found = _page(
            call,
            request,
            "queueUrls",
            lambda after, limit: queues.page_sources(connection, arn, after=after, limit=limit),
        )
    return {"queueUrls": [], **found}


@operation
def purge_queue(call: Call, request: Document) -> Document:
    """Delete every message. It is done when it is answered, so a second purge need not wait for the first."""
    with call.site.database.write() as transaction:
        queue_messages.purge(transaction, addresses.find(transaction.connection, call.scope, request["QueueUrl"]))
    return {}


def _page(call: Call, request: Document, member: str, read: Callable[[str, int], list[Queue]]) -> Document:
    """One page of URLs. NextToken only comes to those who set MaxResults (SQS API Reference, ListQueues)."""
    most = request.get("MaxResults", MOST_LISTED)
    if not 1 <= most <= MOST_LISTED:
        raise invalid_value(most, "MaxResults", f"Must be between 1 and {MOST_LISTED}, if provided.")
    found = read(_after(request.get("NextToken")), most + 1)
    answer: Document = {member: [addresses.url_of(call, queue) for queue in found[:most]]} if found else {}
    if len(found) > most and "MaxResults" in request:
        answer["NextToken"] = base64.urlsafe_b64encode(found[most - 1].name.encode()).decode()
    return answer


def _after(token: str | None) -> str:
    try:
        return base64.urlsafe_b64decode(token or "").decode()
    except (binascii.Error, ValueError):
        raise invalid_value(token, "NextToken", "Not a token of the previous page.") from None


def _check_name(name: str, *, is_fifo: bool) -> None:
    if not is_fifo and not NAME.fullmatch(name):
        raise invalid_value(
            name, "QueueName", "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )
    is_fifo_name = name.endswith(FIFO_SUFFIX) and len(name) <= LONGEST_NAME
    if is_fifo and not (is_fifo_name and NAME.fullmatch(name.removesuffix(FIFO_SUFFIX))):
        raise invalid_value(
            name,
            "QueueName",
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end "
            "with .fifo suffix and be 1 to 80 in length.",
        )


def _check_same(standing: Queue, given: Document) -> None:
    for name, text in given.items():
        if (settings.value(standing, name) or "") != text:
            raise Fault(
                "QueueNameExists",
                f"A queue already exists with the same name and a different value for attribute {name}",
            )
