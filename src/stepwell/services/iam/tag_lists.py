"""Tags as IAM passes them around: a list of {Key, Value}; keys differ by more than their case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.iam import entities
from stepwell.store import tags
from stepwell.store.database import Transaction

MOST_TAGS = 50
RESERVED_PREFIX = "aws:"


def tag_map(given: Iterable[Document]) -> dict[str, str]:
    """Tags of a request by key. Raises InvalidInput for doubled and for reserved keys."""
    found = {tag["Key"]: tag["Value"] for tag in given}
    lowered = [tag["Key"].lower() for tag in given]
    if len(set(lowered)) < len(lowered):
        raise _invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    if any(key.startswith(RESERVED_PREFIX) for key in lowered):
        raise _invalid(f"Tag keys beginning with {RESERVED_PREFIX} are reserved for system use.")
    return found


def tag_list(by_key: Mapping[str, str]) -> list[Document]:
    """Tags by key as answers show them."""
    return [{"Key": key, "Value": value} for key, value in by_key.items()]


def add(transaction: Transaction, arn: str, added: Mapping[str, str]) -> None:
    """Add tags to what has that ARN. Raises LimitExceeded beyond 50."""
    standing = tags.of(transaction.connection, arn)
    if len({**standing, **added}) > MOST_TAGS:
        raise entities.limit_exceeded(f"The number of tags has reached the maximum limit: {MOST_TAGS}.")
    tags.put(transaction, arn, added)


def _invalid(message: str) -> Fault:
    return Fault("InvalidInput", message)
