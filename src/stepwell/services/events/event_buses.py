"""Event buses: `default`, which is always there, and those that clients make. No policies, no encryption."""

from __future__ import annotations

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import validation
from stepwell.services.events import faults, listing, rule_rows
from stepwell.services.events.tags import tag_map
from stepwell.services.registry import Call, operation
from stepwell.store import resources, tags
from stepwell.store.outbox import DEFAULT_BUS, RULE
from stepwell.store.resources import Query, Resource

MOST_BUSES = 1_000


def bus_arn(scope: Scope, name: str) -> str:
    """The ARN of the bus of that name."""
    return scope.arn("events", f"{rule_rows.BUS}/{name}")


@operation
def create_event_bus(call: Call, request: Document) -> Document:
    name = request["Name"]
    if name == DEFAULT_BUS:
        raise faults.exists(f"Event bus {name} already exists.")
    if "/" in name:
        raise validation("Event bus name must not contain '/'.")
    described: Document = {"Description": request["Description"]} if "Description" in request else {}
    row = Resource(resources.key(call.scope, rule_rows.BUS, name), "ACTIVE", call.now, call.now, described)
    arn = bus_arn(call.scope, name)
    given = tag_map(request.get("Tags"))
    try:
        with call.site.database.write() as transaction:
            resources.add(transaction, row)
            tags.put(transaction, arn, given)
    except resources.AlreadyExists:
        raise faults.exists(f"Event bus {name} already exists.") from None
    return {"EventBusArn": arn, **described}


@operation
def delete_event_bus(call: Call, request: Document) -> Document:
    """Delete a bus without rules; one that does not exist is deleted already."""
    name = rule_rows.bus_name(call.scope, request["Name"])
    if name == DEFAULT_BUS:
        raise validation("Cannot delete event bus default.")
    with call.site.database.write() as transaction:
        if resources.count(transaction.connection, RULE, call.scope, name):
            raise validation("Event bus can't be deleted since it has rules.")
        resources.remove(transaction, resources.key(call.scope, rule_rows.BUS, name))
        tags.clear(transaction, bus_arn(call.scope, name))
    return {}


@operation
def describe_event_bus(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        name = rule_rows.find_bus(connection, call.scope, request.get("Name"))
        row = resources.find(connection, resources.key(call.scope, rule_rows.BUS, name))
    return _shown(call.scope, name, row)


@operation
def list_event_buses(call: Call, request: Document) -> Document:
    prefix = request.get("NamePrefix", "")
    with call.site.database.read() as connection:
        wanted = Query(rule_rows.BUS, call.scope, sort_by="name", descending=False, limit=MOST_BUSES)
        rows, _ = resources.page(connection, wanted)
    found = [_shown(call.scope, DEFAULT_BUS, None), *(_shown(call.scope, row.name, row) for row in rows)]
    return listing.page(request, "EventBuses", [bus for bus in found if bus["Name"].startswith(prefix)])


def _shown(scope: Scope, name: str, row: Resource | None) -> Document:
    shown: Document = {"Name": name, "Arn": bus_arn(scope, name)}
    if row is not None:
        shown.update(row.document, CreationTime=row.created, LastModifiedTime=row.modified)
    return shown
