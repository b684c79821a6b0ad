"""Tags of rules and buses: TagResource, UntagResource, ListTagsForResource."""

from __future__ import annotations

from collections.abc import Iterable

from stepwell.base import arn as arns
from stepwell.base.documents import Document
from stepwell.base.faults import validation
from stepwell.services.events import faults, rule_rows
from stepwell.services.registry import Call, operation
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
        arn = _tagged(transaction.connection, call, request["ResourceARN"])
        if len({**tags.of(transaction.connection, arn), **added}) > MOST_TAGS:
            raise validation(f"A resource can have at most {MOST_TAGS} tags.")
        tags.put(transaction, arn, added)
    return {}


@operation
def untag_resource(call: Call, request: Document) -> Document:
    with call.site.database.write() as transaction:
        arn = _tagged(transaction.connection, call, request["ResourceARN"])
        tags.remove(transaction, arn, request["TagKeys"])
    return {}


@operation
def list_tags_for_resource(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        found = tags.of(connection, _tagged(connection, call, request["ResourceARN"]))
    return {"Tags": [{"Key": key, "Value": value} for key, value in found.items()]}


def _tagged(connection: Connection, call: Call, arn: str) -> str:
    """The ARN, if a rule or bus of this account and region has it. Raises ResourceNotFoundException."""
    parsed = arns.parse(arn)
    if parsed is None or (parsed.account, parsed.region) != (call.scope.account, call.scope.region):
        raise faults.missing(f"Resource {arn} does not exist.")
    if parsed.kind == rule_rows.BUS:
        rule_rows.find_bus(connection, call.scope, parsed.name)
    elif rule_rows.rule_of_arn(connection, arn) is None:
        raise faults.missing(f"Rule {parsed.name.rpartition('/')[2]} does not exist.")
    return arn
