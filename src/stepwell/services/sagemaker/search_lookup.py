"""Finding what a Search asks for: records in order, from behind a position, and no more than wanted.

Of a kind with few resources all records are read. Otherwise the index proposes where to look, in order
(`search_proposals.py`), and each record is then judged exactly, until there are enough.
"""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.machines import search_plans
from stepwell.machines.search_expressions import leaves
from stepwell.machines.search_matching import matches
from stepwell.machines.search_values import Position, Value, in_order, is_beyond, sort_value, values
from stepwell.services.registry import Call
from stepwell.services.sagemaker import recording, search_index, search_proposals
from stepwell.services.sagemaker.search_joined import Reading
from stepwell.services.sagemaker.search_proposals import Asked
from stepwell.store import search_rows

FEW = 100
"""Up to so many resources of a kind are all read: an index would cost more than it saves."""
READ_TOGETHER = 500
"""So many records are read together where all are."""

Found = tuple[Position, Document]


def find(call: Call, asked: Asked) -> list[Found]:
    """Up to `limit` records in order, with where they stand."""
    recording.catch_up(call.site)
    ids = _indexed(call, asked)
    with call.site.database.read() as connection:
        reading = Reading(call.door, connection, call.scope)
        if ids is None:
            return _all(reading, asked)
        plan = search_plans.plan(asked.condition, asked.sorted_by, lambda wanted: wanted.name in ids)
        found: list[Found] = []
        for part in search_proposals.proposed(connection, plan, ids, asked):
            found += _judged(reading, asked, part, asked.limit - len(found))
            if len(found) == asked.limit:
                break
        return found


def _indexed(call: Call, asked: Asked) -> dict[str, int] | None:
    """Ids of the indexed properties by name; None when all records are to be read."""
    searched = asked.searched
    if not searched.is_indexable(asked.sorted_by):
        return None
    with call.site.database.read() as connection:
        if not search_rows.are_more_than(connection, searched.kind, call.scope, FEW):
            return None
    wanted = {leaf.property for leaf in leaves(asked.condition)} | {asked.sorted_by}
    names = {each.name for each in wanted if searched.is_indexable(each)}
    ids = search_index.ready(call.site, call.scope, searched, names)
    search_index.refresh(call.site, call.scope, searched, ids)
    return ids


def _all(reading: Reading, asked: Asked) -> list[Found]:
    """Among all resources."""
    found: list[Position] = []
    last = 0
    while rows := search_rows.after(reading.connection, asked.searched.kind, reading.scope, last, READ_TOGETHER):
        records = asked.searched.records(reading, rows, _looked_at(asked))
        found += [
            Position(_sort_value(asked, record), row.id)
            for row, record in zip(rows, records, strict=True)
            if record is not None and matches(asked.condition, record)
        ]
        last = rows[-1].id
    behind = [
        each
        for each in in_order(found, descending=asked.descending)
        if asked.after is None or is_beyond(each, asked.after, descending=asked.descending)
    ]
    return _judged(reading, asked, behind[: asked.limit], asked.limit)


def _judged(reading: Reading, asked: Asked, proposed: list[Position], most: int) -> list[Found]:
    """The first of the proposed that match and stand there: of several values of a record one is its place."""
    rows = search_rows.by_id(reading.connection, [position.row for position in proposed])
    standing = [position for position in proposed if position.row in rows]
    looked_at = _looked_at(asked)
    records = asked.searched.records(reading, [rows[position.row] for position in standing], looked_at)
    found = [
        (position, record)
        for position, record in zip(standing, records, strict=True)
        if record is not None and _sort_value(asked, record) == position.value and matches(asked.condition, record)
    ][:most]
    asked.searched.complete(reading, [(rows[position.row], record) for position, record in found], looked_at)
    return found


def _looked_at(asked: Asked) -> set[str]:
    """The members that judging a record looks at."""
    return {leaf.property.path[0] for leaf in leaves(asked.condition)} | {asked.sorted_by.path[0]}


def _sort_value(asked: Asked, record: Document) -> Value:
    return sort_value(values(asked.sorted_by, record), descending=asked.descending)
