"""Room store: the edges of lineage: from one entity to another, by their ids, one at most between two in a direction.

They lie by source and, once more, by destination, in indexes that hold nothing else: the neighbours of an entity are
one short run either way, and a page of the file holds those of many. A level of a walk is one statement, whose answer
is one text: rows would cost several times as much as finding them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Float,
    ForeignKey,
    Index,
    String,
    Table,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
)
from sqlalchemy.dialects.sqlite import insert

from stepwell.base.arn import Scope
from stepwell.store import lineage_entities
from stepwell.store.database import Transaction, metadata
from stepwell.store.prepared import Prepared

_entities = lineage_entities.table

table = Table(
    "associations",
    metadata,
    Column("source", ForeignKey(_entities.c.id, ondelete="CASCADE"), primary_key=True),
    Column("destination", ForeignKey(_entities.c.id, ondelete="CASCADE"), primary_key=True),
    Column("type", String, nullable=False),
    Column("created", Float, nullable=False),
    Index("association_forward", "source", "destination"),
    Index("association_inverse", "destination", "source"),
    Index("association_created", "created", "source", "destination"),
    sqlite_with_rowid=False,
)

Direction = Literal["Both", "Ascendants", "Descendants"]
SortBy = Literal["created", "source", "destination", "source_type", "destination_type"]
AT_ONCE = 4096
"""So many entities' neighbours are asked for in one statement."""


@dataclass(frozen=True, slots=True)
class Association:
    """One edge. `type` "" is none."""

    source: int
    destination: int
    type: str
    created: float


class AlreadyExists(Exception):
    """There is one between these two already."""


_INSERT = Prepared(
    insert(table).values({column.name: bindparam(column.name) for column in table.c}).on_conflict_do_nothing()
)
_REMOVE = Prepared(
    delete(table).where(table.c.source == bindparam("of_source"), table.c.destination == bindparam("of_destination"))
)
_HAS = Prepared(
    select(table.c.source)
    .where(or_(table.c.source == bindparam("entity"), table.c.destination == bindparam("entity")))
    .limit(1)
)
_GIVEN = func.json_each(bindparam("ids")).table_valued("value")


def _neighbours(near: Column[int], far: Column[int]) -> Prepared:
    return Prepared(select(func.json_group_array(far)).select_from(_GIVEN.join(table, near == _GIVEN.c.value)))


def _edges(near: Column[int]) -> Prepared:
    columns = (table.c.source, table.c.destination, table.c.type, table.c.created)
    return Prepared(select(*columns).select_from(_GIVEN.join(table, near == _GIVEN.c.value)))


_DOWN = _neighbours(table.c.source, table.c.destination)
_UP = _neighbours(table.c.destination, table.c.source)
_WAYS: dict[Direction, tuple[Prepared, ...]] = {"Descendants": (_DOWN,), "Ascendants": (_UP,), "Both": (_DOWN, _UP)}
_FROM, _TO = _edges(table.c.source), _edges(table.c.destination)


def add(transaction: Transaction, association: Association) -> None:
    """Add it. Raises AlreadyExists."""
    values = {name: getattr(association, name) for name in ("source", "destination", "type", "created")}
    if _INSERT.run(transaction.connection, **values) == 0:
        raise AlreadyExists(association)


def remove(transaction: Transaction, source: int, destination: int) -> bool:
    """Delete it; False if there was none."""
    return _REMOVE.run(transaction.connection, of_source=source, of_destination=destination) > 0


def is_associated(connection: Connection, entity: int) -> bool:
    """Whether any edge begins or ends at that entity."""
    return _HAS.first(connection, entity=entity) is not None


def neighbours(connection: Connection, ids: Collection[int], direction: Direction) -> set[int]:
    """Whatever is one edge away from any of these: where edges lead to, where they come from, or both."""
    found: set[int] = set()
    for some in _slices(ids):
        for way in _WAYS[direction]:
            row = way.first(connection, ids=some)
            assert row is not None
            found.update(json.loads(row[0]))
    return found


def out_of(connection: Connection, ids: Collection[int]) -> list[Association]:
    """Every edge that begins at any of these, ordered by its ends."""
    return _found(connection, _FROM, ids)


def into(connection: Connection, ids: Collection[int]) -> list[Association]:
    """Every edge that ends at any of these, ordered by its ends."""
    return _found(connection, _TO, ids)


def _found(connection: Connection, statement: Prepared, ids: Collection[int]) -> list[Association]:
    rows = [row for some in _slices(ids) for row in statement.all(connection, ids=some)]
    return [Association(*row) for row in sorted(rows)]


def _slices(ids: Collection[int]) -> Iterable[str]:
    given = list(ids)
    return (json.dumps(given[begin : begin + AT_ONCE]) for begin in range(0, len(given), AT_ONCE))


@dataclass(frozen=True, slots=True)
class Query:
    """What ListAssociations asks for. Times are epoch seconds, exclusive."""

    scope: Scope
    source: int | None = None
    destination: int | None = None
    source_type: str | None = None
    destination_type: str | None = None
    type: str | None = None
    created_after: float | None = None
    created_before: float | None = None
    sort_by: SortBy = "created"
    descending: bool = True
    limit: int = 10
    after: tuple[object, int, int] | None = None
    """Sort value and ends of the last row of the page before."""


_SOURCE, _DESTINATION = _entities.alias("source_entity"), _entities.alias("destination_entity")
_SORTED: dict[SortBy, ColumnElement[object]] = {
    "created": table.c.created,
    "source": _SOURCE.c.kind + "/" + _SOURCE.c.name,
    "destination": _DESTINATION.c.kind + "/" + _DESTINATION.c.name,
    "source_type": _SOURCE.c.type,
    "destination_type": _DESTINATION.c.type,
}


def page(connection: Connection, query: Query) -> tuple[list[Association], tuple[object, int, int] | None]:
    """One page, and where the next begins (None: this was the last)."""
    column = _SORTED[query.sort_by]
    order = (column, table.c.source, table.c.destination)
    statement = (
        select(table, column.label("sorted"))
        .select_from(
            table.join(_SOURCE, _SOURCE.c.id == table.c.source).join(
                _DESTINATION, _DESTINATION.c.id == table.c.destination
            )
        )
        .where(*_conditions(query))
        .order_by(*(each.desc() if query.descending else each for each in order))
        .limit(query.limit + 1)
    )
    rows = connection.execute(statement).all()
    found = [Association(row.source, row.destination, row.type, row.created) for row in rows[: query.limit]]
    if len(rows) <= query.limit:
        return found, None
    return found, (rows[query.limit - 1].sorted, found[-1].source, found[-1].destination)


def _conditions(query: Query) -> list[ColumnElement[bool]]:
    # Joined with nothing: else all entities of the account would be gone through, and not the order asked for.
    scope = ((_SOURCE.c.account, query.scope.account), (_SOURCE.c.region, query.scope.region))
    wanted = [column.concat("") == value for column, value in scope]
    equal = (
        (table.c.source, query.source),
        (table.c.destination, query.destination),
        (_SOURCE.c.type, query.source_type),
        (_DESTINATION.c.type, query.destination_type),
        (table.c.type, query.type),
    )
    wanted.extend(column == value for column, value in equal if value is not None)
    if query.created_after is not None:
        wanted.append(table.c.created > query.created_after)
    if query.created_before is not None:
        wanted.append(table.c.created < query.created_before)
    if query.after is not None:
        wanted.append(_beyond(_SORTED[query.sort_by], query.after, descending=query.descending))
    return wanted


def _beyond(
    column: ColumnElement[object], after: tuple[object, int, int], *, descending: bool
) -> ColumnElement[bool]:
    value, source, destination = after
    if descending:
        ends = or_(table.c.source < source, and_(table.c.source == source, table.c.destination < destination))
        return or_(column < value, and_(column == value, ends))
    ends = or_(table.c.source > source, and_(table.c.source == source, table.c.destination > destination))
    return or_(column > value, and_(column == value, ends))
