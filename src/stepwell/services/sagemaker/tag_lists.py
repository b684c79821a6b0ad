"""Tags as SageMaker passes them around: a list of {Key, Value} in a request, a dict by key inside.

Every noun that takes Tags at Create reads them through `tag_map`, which refuses what AWS refuses, and stores the
result with `store.tags.put(transaction, arn, …)`. Spec 06, section 5.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from stepwell.base.documents import Document
from stepwell.base.faults import Fault, validation

MOST_TAGS = 50
RESERVED_PREFIX = "aws:"


def tag_map(tags: Iterable[Document] | None) -> dict[str, str]:
    """Tags of a request by key. Raises Fault for doubled or reserved keys and for too many."""
    given = list(tags or ())
    doubled = [key for key, count in Counter(tag["Key"] for tag in given).items() if count > 1]
    if doubled:
        raise validation(f"Duplicate tag keys found: {doubled}. Each key may be given once.")
    refuse_reserved(tag["Key"] for tag in given)
    refuse_too_many(len(given))
    return {tag["Key"]: tag["Value"] for tag in given}


def tag_list(tags: Mapping[str, str]) -> list[Document]:
    """Tags by key as answers show them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def refuse_reserved(keys: Iterable[str]) -> None:
    """Raises ValidationException when a key is one of AWS's own."""
    reserved = [key for key in keys if key.lower().startswith(RESERVED_PREFIX)]
    if reserved:
        raise validation(f"Tag keys starting with '{RESERVED_PREFIX}' are reserved for system use: {reserved}")


def refuse_too_many(count: int) -> None:
    """Raises ResourceLimitExceeded when a resource would carry more tags than AWS allows."""
    if count > MOST_TAGS:
        raise Fault(
            "ResourceLimitExceeded", f"A resource can have at most {MOST_TAGS} tags; this would make {count}."
        )
