"""How every List operation pages, filters and sorts: request members in, a store query out.

Tokens are opaque to clients and name the last row of their page (keyset paging), so a page stays right while rows
come and go. Spec 06, section 3.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable

from stepwell.base.documents import Document
from stepwell.base.faults import validation
from stepwell.services.registry import Call
from stepwell.store import resources
from stepwell.store.resources import Resource, SortBy

SORT_COLUMNS: dict[str, SortBy] = {
    "Name": "name",
    "CreationTime": "created",
    "LastModifiedTime": "modified",
    "Status": "status",
    "PipelineExecutionArn": "name",
}


def encode(position: tuple[object, int] | None) -> str | None:
    """The NextToken for where the next page begins; None stays None."""
    if position is None:
        return None
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def decode(token: str | None) -> tuple[object, int] | None:
    """Where a page begins. Raises ValidationException for a token that we did not give."""
    if not token:
        return None
    try:
        value, row_id = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (binascii.Error, ValueError, TypeError) as error:
        raise validation("The NextToken is not valid. Use the NextToken of the previous answer as it is.") from error
    if not isinstance(row_id, int) or not isinstance(value, str | int | float):
        raise validation("The NextToken is not valid. Use the NextToken of the previous answer as it is.")
    return value, row_id


def query(
    request: Document,
    call: Call,
    kind: str,
    *,
    parent: str | None = None,
    name_prefix: str = "",
    members: tuple[tuple[str, str], ...] = (),
    limit: int = 10,
) -> resources.Query:
    """The store query of a List request. Without SortBy and SortOrder: newest first (docs/decisions)."""
    sort_by = request.get("SortBy", "CreationTime")
    return resources.Query(
        kind,
        call.scope,
        parent,
        name_contains=request.get("NameContains", ""),
        name_prefix=name_prefix,
        status=request.get("StatusEquals", ""),
        created_after=request.get("CreationTimeAfter", request.get("CreatedAfter")),
        created_before=request.get("CreationTimeBefore", request.get("CreatedBefore")),
        modified_after=request.get("LastModifiedTimeAfter"),
        modified_before=request.get("LastModifiedTimeBefore"),
        members=members,
        sort_by=SORT_COLUMNS.get(sort_by, "name" if sort_by.endswith("Name") else "created"),
        descending=request.get("SortOrder", "Descending") == "Descending",
        limit=request.get("MaxResults", limit),
        after=decode(request.get("NextToken")),
    )


def answer(call: Call, wanted: resources.Query, member: str, summary: Callable[[Resource], Document]) -> Document:
    """Run the query and answer with `member` and, if there is more, NextToken."""
    with call.site.database.read() as connection:
        rows, following = resources.page(connection, wanted)
    result: Document = {member: [summary(row) for row in rows]}
    if following is not None:
        result["NextToken"] = encode(following)
    return result
