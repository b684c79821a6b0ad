"""Log groups: making, listing and deleting them, and how long they keep their events."""

from __future__ import annotations

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.services.logs import lookups, tokens
from stepwell.services.logs.faults import group_exists, invalid_parameter
from stepwell.services.registry import Call, operation
from stepwell.store import logs, tags
from stepwell.store.logs import Group

MOST_GROUPS = 50
RETENTION_DAYS = frozenset(
    {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
)


@operation
def create_log_group(call: Call, request: Document) -> Document:
    name = request["logGroupName"]
    with call.site.database.write() as transaction:
        if not logs.add_group(transaction, call.scope, name, call.now):
            raise group_exists()
        tags.put(transaction, lookups.group_arn(call.scope, name), request.get("tags", {}))
    return {}


@operation
def describe_log_groups(call: Call, request: Document) -> Document:
    prefix, contains = request.get("logGroupNamePrefix", ""), request.get("logGroupNamePattern", "")
    if prefix and contains:
        raise invalid_parameter("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
    limit = request.get("limit", MOST_GROUPS)
    after = str(tokens.decode(request["nextToken"], str)[0]) if "nextToken" in request else ""
    with call.site.database.read() as connection:
        found = logs.page_groups(
            connection, call.scope, prefix=prefix, contains=contains, after=after, limit=limit + 1
        )
    answer: Document = {"logGroups": [shown(call.scope, group) for group in found[:limit]]}
    if len(found) > limit:
        answer["nextToken"] = tokens.encode(found[limit - 1].name)
    return answer


def shown(scope: Scope, group: Group) -> Document:
    """A group as answers show it. storedBytes is 0: what jobs write is not stored here a second time."""
    arn = lookups.group_arn(scope, group.name)
    answer: Document = {
        "logGroupName": group.name,
        "creationTime": int(group.created * 1000),
        "metricFilterCount": 0,
        "arn": f"{arn}:*",
        "logGroupArn": arn,
        "storedBytes": 0,
        "logGroupClass": "STANDARD",
    }
    return answer if group.retention_days is None else {**answer, "retentionInDays": group.retention_days}


@operation
def delete_log_group(call: Call, request: Document) -> Document:
    with call.site.database.write() as transaction:
        group = lookups.group(transaction.connection, call.scope, request["logGroupName"])
        logs.remove_group(transaction, group)
        tags.clear(transaction, lookups.group_arn(call.scope, group.name))
    return {}


@operation
def put_retention_policy(call: Call, request: Document) -> Document:
    days = request["retentionInDays"]
    if days not in RETENTION_DAYS:
        raise invalid_parameter(f"Invalid retentionInDays {days}. Valid values: {sorted(RETENTION_DAYS)}")
    _retain(call, request["logGroupName"], days)
    return {}


@operation
def delete_retention_policy(call: Call, request: Document) -> Document:
    _retain(call, request["logGroupName"], None)
    return {}


def _retain(call: Call, name: str, days: int | None) -> None:
    with call.site.database.write() as transaction:
        logs.set_retention(transaction, lookups.group(transaction.connection, call.scope, name), days)
