"""Tags of schedule groups: TagResource, UntagResource, ListTagsForResource. Schedules have none, as on AWS."""

from __future__ import annotations

from collections.abc import Iterable

from stepwell.base import arn as arns
from stepwell.base.documents import Document
from stepwell.base.faults import validation
from stepwell.services.registry import Call, operation
from stepwell.services.scheduler import schedule_rows
from stepwell.store import tags
from stepwell.store.database import Connection

MOST_TAGS = 50


def tag_map(given: Iterable[Document] | None) -> dict[str, str]:
    """Tags of a request by key. Raises ValidationException for reserved keys."""
    found = {tag["Key"]: tag["Value"] for tag in given or ()}
    if any(key.lower().startswith("aws:") for key in found):
        raise validation("Tag keys starting with 'aws:' are reserved for system use.")
    return found


@operation
def tag_resource(call: Call, request: Document) -> Document:
    added = tag_map(request["Tags"])
    with call.site.database.write() as transaction:
        arn = _tagged(transaction.connection, call, request["ResourceArn"])
        if len({**tags.of(transaction.connection, arn), **added}) > MOST_TAGS:
            raise validation(f"A schedule group can have at most {MOST_TAGS} tags.")
        tags.put(transaction, arn, added)
    return {}


@operation
def untag_resource(call: Call, request: Document) -> Document:
    with call.site.database.write() as transaction:
        arn = _tagged(transaction.connection, call, request["ResourceArn"])
        tags.remove(transaction, arn, request["TagKeys"])
    return {}


@operation
def list_tags_for_resource(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        found = tags.of(connection, _tagged(connection, call, request["ResourceArn"]))
    return {"Tags": [{"Key": key, "Value": value} for key, value in found.items()]}


def _tagged(connection: Connection, call: Call, arn: str) -> str:
    parsed = arns.parse(arn)
    if parsed is None or (parsed.kind, parsed.account, parsed.region) != (
        schedule_rows.GROUP,
        call.scope.account,
        call.scope.region,
    ):
        raise schedule_rows.missing(f"Resource {arn} does not exist.")
    schedule_rows.find_group(connection, call.scope, parsed.name)
    return arn
