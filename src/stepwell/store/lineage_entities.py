"""Room store: what lineage is made of: artifacts, actions, contexts, trial components and experiments, narrowly.

Each is a row of `resources`, whose id it has here too: what is removed there is gone here, and with it whatever
joins it (store/associations.py). The walk needs nothing but these ids; here is what a walk is filtered by, what
a vertex shows, and what lists of artifacts, actions and contexts are filtered and sorted by.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
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
    exists,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.sqlite import insert

from stepwell.base.arn import Scope
from stepwell.store import resources
from stepwell.store.database import Transaction, metadata
from stepwell.store.prepared import Prepared
from stepwell.store.resources import Key

table = Table(
    "lineage_entities",
    metadata,
    Column("id", ForeignKey(resources.table.c.id, ondelete="CASCADE"), primary_key=True),
    Column("account", String, nullable=False),
    Column("region", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("name", String, nullable=False),
    Column("title", String, nullable=False),
    Column("type", String, nullable=False),
    Column("uri", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("modified", Float, nullable=False),
    Index("lineage_entity_uri", "account", "region", "kind", "uri", "created", "id"),
    Index("lineage_entity_created", "account", "region", "kind", "created", "id"),
)

SortBy = Literal["created", "name"]
Position = tuple[object, int]
"""Sort value and id of the last row of a page."""


@dataclass(frozen=True, slots=True)
class Entity:
    """One of them. `kind` and `name` are those of its ARN; `title` is what a client calls it, "" for nothing."""

    id: int
    account: str
    region: str
    kind: str
    name: str
    title: str
    type: str
    uri: str
    created: float
    modified: float

    @property
    def arn(self) -> str:
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entities are wanted. Whatever is empty or None asks for nothing; times are epoch seconds, exclusive."""

    kinds: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    created_after: float | None = None
    created_before: float | None = None
    modified_after: float | None = None
    modified_before: float | None = None
    properties: tuple[tuple[str, str], ...] = ()
    """Any one of these pairs must be among the entity's properties."""


@dataclass(frozen=True, slots=True)
class Query:
    """What a List operation asks for."""

    kind: str
    scope: Scope
    wanted: Filter = Filter()
    uri: str | None = None
    sort_by: SortBy = "created"
    descending: bool = True
    limit: int = 10
    after: Position | None = None


_COLUMNS = tuple(table.c)
_CHANGING = ("title", "type", "uri", "modified")
_INSERT = insert(table).values({column.name: bindparam(column.name) for column in _COLUMNS})
_PUT = Prepared(
    _INSERT.on_conflict_do_update(index_elements=["id"], set_={name: _INSERT.excluded[name] for name in _CHANGING})
)
_FIND = Prepared(
    select(*_COLUMNS)
    .select_from(resources.table.join(table, table.c.id == resources.table.c.id))
    .where(*(resources.table.c[name] == bindparam(name) for name in ("kind", "account", "region", "parent", "name")))
)
_AT = (
    table.c.account == bindparam("account"),
    table.c.region == bindparam("region"),
    table.c.kind == bindparam("kind"),
    table.c.uri == bindparam("uri"),
)
_FIRST_AT = Prepared(select(*_COLUMNS).where(*_AT).order_by(table.c.created, table.c.id).limit(1))
_NEWEST_AT = Prepared(
    select(*_COLUMNS)
    .where(*_AT, table.c.type == bindparam("type"))
    .order_by(table.c.created.desc(), table.c.id.desc())
    .limit(1)
)
_GIVEN = func.json_each(bindparam("ids")).table_valued("value")
_OF_IDS = Prepared(select(*_COLUMNS).select_from(_GIVEN.join(table, table.c.id == _GIVEN.c.value)))


def put(transaction: Transaction, entity: Entity) -> None:
    """Add it, or bring what may change of it up to date."""
    _PUT.run(transaction.connection, **{name: getattr(entity, name) for name in table.c.keys()})  # noqa: SIM118


def find(connection: Connection, key: Key) -> Entity | None:
    """The entity of that resource, or None."""
    row = _FIND.first(
        connection, kind=key.kind, account=key.account, region=key.region, parent=key.parent, name=key.name
    )
    return Entity(*row) if row else None


def first_at(connection: Connection, scope: Scope, kind: str, uri: str) -> Entity | None:
    """The oldest of that kind with that source, or None."""
    row = _FIRST_AT.first(connection, account=scope.account, region=scope.region, kind=kind, uri=uri)
    return Entity(*row) if row else None


def newest_at(connection: Connection, scope: Scope, kind: str, uri: str, type_: str) -> Entity | None:
    """The newest of that kind and type with that source, or None."""
    row = _NEWEST_AT.first(connection, account=scope.account, region=scope.region, kind=kind, uri=uri, type=type_)
    return Entity(*row) if row else None


def of_ids(connection: Connection, ids: Iterable[int]) -> dict[int, Entity]:
    """Those of these ids that there are."""
    rows = _OF_IDS.all(connection, ids=json.dumps(list(ids)))
    return {row[0]: Entity(*row) for row in rows}


def matching(connection: Connection, ids: Sequence[int], wanted: Filter) -> list[int]:
    """Those of these ids that are wanted, in the same order."""
    if wanted == Filter() or not ids:
        return list(ids)
    found = select(func.json_group_array(table.c.id)).select_from(_GIVEN.join(table, table.c.id == _GIVEN.c.value))
    statement = found.where(*_conditions(wanted))
    kept = set(json.loads(connection.execute(statement, {"ids": json.dumps(list(ids))}).scalar_one()))
    return [each for each in ids if each in kept]


def everything(connection: Connection, scope: Scope, wanted: Filter, after: int, most: int) -> list[int]:
    """The ids of all that are wanted in that account and region, from behind `after` on, at most `most`."""
    # Joined with nothing: else everything of the account would be sorted by id, and not read in that order.
    within = (table.c.account.concat("") == scope.account, table.c.region.concat("") == scope.region)
    statement = select(table.c.id).where(table.c.id > after, *within, *_conditions(wanted))
    return list(connection.execute(statement.order_by(table.c.id).limit(most)).scalars())


def page(connection: Connection, query: Query) -> tuple[list[int], Position | None]:
    """The ids of one page, and where the next begins (None: this was the last)."""
    column = table.c[query.sort_by]
    conditions = [
        table.c.account == query.scope.account,
        table.c.region == query.scope.region,
        table.c.kind == query.kind,
        table.c.uri == query.uri if query.uri is not None else true(),
        *_conditions(query.wanted),
    ]
    if query.after is not None:
        conditions.append(_beyond(column, query.after, descending=query.descending))
    order = (column.desc(), table.c.id.desc()) if query.descending else (column, table.c.id)
    statement = select(column, table.c.id).where(*conditions).order_by(*order).limit(query.limit + 1)
    rows = [(value, row_id) for value, row_id in connection.execute(statement)]
    given = rows[: query.limit]
    return [row_id for _, row_id in given], given[-1] if len(rows) > query.limit else None


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.kinds:
        conditions.append(table.c.kind.in_(wanted.kinds))
    if wanted.types:
        conditions.append(table.c.type.in_(wanted.types))
    bounds = (
        (table.c.created, wanted.created_after, wanted.created_before),
        (table.c.modified, wanted.modified_after, wanted.modified_before),
    )
    for column, after, before in bounds:
        if after is not None:
            conditions.append(column > after)
        if before is not None:
            conditions.append(column < before)
    if wanted.properties:
        conditions.append(_has_property(wanted.properties))
    return conditions


def _has_property(pairs: Sequence[tuple[str, str]]) -> ColumnElement[bool]:
    """Whether one of the pairs is among the properties in the entity's document."""
    held = func.json_each(resources.table.c.document, "$.Properties").table_valued("key", "value", name="held")
    same = or_(*(and_(held.c.key == name, held.c.value == value) for name, value in pairs))
    documents = resources.table.join(held, true())
    return exists().select_from(documents).where(resources.table.c.id == table.c.id, same).correlate(table)


def _beyond(column: Column[object], after: Position, *, descending: bool) -> ColumnElement[bool]:
    value, row_id = after
    if descending:
        return or_(column < value, and_(column == value, table.c.id < row_id))
    return or_(column > value, and_(column == value, table.c.id > row_id))
