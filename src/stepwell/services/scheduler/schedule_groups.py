"""Groups of schedules: `default`, which is always there, and those that clients make."""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.base.faults import validation
from stepwell.services import paging
from stepwell.services.registry import Call, operation
from stepwell.services.scheduler import schedule_rows
from stepwell.services.scheduler.schedule_rows import DEFAULT_GROUP, GROUP, SCHEDULE, TOKEN
from stepwell.services.scheduler.tags import tag_map
from stepwell.store import resources, tags
from stepwell.store.resources import Query, Resource

MOST_A_PAGE = 100
MOST_SCHEDULES = 1_000_000


@operation
def create_schedule_group(call: Call, request: Document) -> Document:
    """Make the group. The same ClientToken makes it once."""
    name = request["Name"]
    arn = schedule_rows.group_arn(call.scope, name)
    given = tag_map(request.get("Tags"))
    with call.site.database.write() as transaction:
        key = resources.key(call.scope, GROUP, name)
        standing = resources.find(transaction.connection, key)
        if standing is not None and TOKEN in request and standing.document.get(TOKEN) == request[TOKEN]:
            return {"ScheduleGroupArn": arn}
        if standing is not None or name == DEFAULT_GROUP:
            raise schedule_rows.conflict(f"Schedule group {name} already exists.")
        document = {TOKEN: request[TOKEN]} if TOKEN in request else {}
        resources.add(transaction, Resource(key, "ACTIVE", call.now, call.now, document))
        tags.put(transaction, arn, given)
    return {"ScheduleGroupArn": arn}


@operation
def get_schedule_group(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        row = schedule_rows.find_group(connection, call.scope, request["Name"])
    return _shown(call, request["Name"], row)


@operation
def list_schedule_groups(call: Call, request: Document) -> Document:
    """The default group stands at the head of the first page."""
    after = paging.decode(request.get("NextToken"))
    prefix = request.get("NamePrefix", "")
    limit = request.get("MaxResults", MOST_A_PAGE)
    shows_default = after is None and DEFAULT_GROUP.startswith(prefix)
    wanted = Query(
        GROUP,
        call.scope,
        name_prefix=prefix,
        sort_by="name",
        descending=False,
        limit=limit - 1 if shows_default and limit > 1 else limit,
        after=after,
    )
    answer = paging.answer(call, wanted, "ScheduleGroups", lambda row: _shown(call, row.name, row))
    if shows_default:
        answer["ScheduleGroups"].insert(0, _shown(call, DEFAULT_GROUP, None))
    return answer


@operation
def delete_schedule_group(call: Call, request: Document) -> Document:
    """Delete the group with all its schedules."""
    name = request["Name"]
    if name == DEFAULT_GROUP:
        raise validation("The default schedule group cannot be deleted.")
    with call.site.database.write() as transaction:
        schedule_rows.find_group(transaction.connection, call.scope, name)
        rows, _ = resources.page(transaction.connection, Query(SCHEDULE, call.scope, name, limit=MOST_SCHEDULES))
        for row in rows:
            call.site.wake(transaction, schedule_rows.MACHINE, schedule_rows.schedule_arn(call.scope, row), call.now)
        resources.remove_children(transaction, SCHEDULE, call.scope, name)
        resources.remove(transaction, resources.key(call.scope, GROUP, name))
        tags.clear(transaction, schedule_rows.group_arn(call.scope, name))
    return {}


def _shown(call: Call, name: str, row: Resource | None) -> Document:
    shown: Document = {"Arn": schedule_rows.group_arn(call.scope, name), "Name": name, "State": "ACTIVE"}
    return shown if row is None else {**shown, "CreationDate": row.created, "LastModificationDate": row.modified}
