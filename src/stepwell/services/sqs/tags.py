"""Tags of queues."""

from __future__ import annotations

from collections.abc import Mapping

from stepwell.base.documents import Document
from stepwell.services.registry import Call, operation
from stepwell.services.sqs import addresses
from stepwell.services.sqs.faults import invalid_parameters, invalid_value
from stepwell.store import tags
from stepwell.store.database import Transaction

MOST_TAGS = 50
LONGEST_KEY, LONGEST_VALUE = 128, 256


@operation
def tag_queue(call: Call, request: Document) -> Document:
    with call.site.database.write() as transaction:
        add(transaction, addresses.find(transaction.connection, call.scope, request["QueueUrl"]).arn, request["Tags"])
    return {}


@operation
def untag_queue(call: Call, request: Document) -> Document:
    with call.site.database.write() as transaction:
        queue = addresses.find(transaction.connection, call.scope, request["QueueUrl"])
        tags.remove(transaction, queue.arn, request["TagKeys"])
    return {}


@operation
def list_queue_tags(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        found = tags.of(connection, addresses.find(connection, call.scope, request["QueueUrl"]).arn)
    return {"Tags": found} if found else {}


def add(transaction: Transaction, arn: str, added: Mapping[str, str]) -> None:
    """Add tags to a queue. Raises Fault."""
    for key, value in added.items():
        if not 1 <= len(key) <= LONGEST_KEY or key.lower().startswith("aws:"):
            raise invalid_value(key, "TagKey", f"Tag keys have 1 to {LONGEST_KEY} characters and no aws: prefix.")
        if len(value) > LONGEST_VALUE:
            raise invalid_value(value, "TagValue", f"Tag values have at most {LONGEST_VALUE} characters.")
    if len({**tags.of(transaction.connection, arn), **added}) > MOST_TAGS:
        raise invalid_parameters(f"Too many tags: a queue can have no more than {MOST_TAGS}.")
    tags.put(transaction, arn, added)
