"""The generic noun: most of what the API names is one row here (docs/architecture.md).

A resource is known by kind, account, region, parent and name. `document` is what Describe answers, apart from
what the columns hold; the service model says its shape, so no column repeats a field unless a list sorts or
filters by it. Lists use keyset paging: a page costs what it holds, wherever it lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    Float,
    Index,
    Integer,
    Row,
    String,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.exc import IntegrityError

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.store import unrecorded
from stepwell.store.database import Transaction, metadata
from stepwell.store.prepared import Prepared

table = Table(
    "resources",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("account", String, nullable=False),
    Column("region", String, nullable=False),
    Column("parent", String, nullable=False),
    Column("name", String, nullable=False),
    Column("status", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("modified", Float, nullable=False),
    Column("document", JSON, nullable=False),
    Column("revision", Integer, nullable=False, default=0),
    Index("resource_name", "kind", "account", "region", "parent", "name", unique=True),
    Index("resource_created", "kind", "account", "region", "parent", "created", "id"),
    Index("resource_modified", "kind", "account", "region", "parent", "modified", "id"),
    sqlite_autoincrement=True,
)

SortBy = Literal["created", "modified", "name", "status"]


@dataclass(frozen=True, slots=True)
class Key:
    """What a resource is known by. `parent` is empty but for nouns that live inside another."""

    kind: str
    account: str
    region: str
    name: str
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Resource:
    """One row. `created` and `modified` are epoch seconds."""

    key: Key
    status: str
    created: float
    modified: float
    document: Document = field(default_factory=dict)
    id: int = 0
    revision: int = 0
    """How often it was saved."""

    @property
    def name(self) -> str:
        return self.key.name

    def with_changes(self, now: float, *, status: str | None = None, **members: object) -> Resource:
        """The same resource at `now` with these document members set (None removes one)."""
        merged = {k: v for k, v in {**self.document, **members}.items() if v is not None}
        return replace(self, status=status or self.status, modified=now, document=merged)


class AlreadyExists(Exception):
    """A resource of that key stands already."""


class Conflict(Exception):
    """Somebody changed the resource since it was read."""


# Statements are built once: building one costs as much as running it.
_OF_KEY = tuple(table.c[name] == bindparam(name) for name in ("kind", "account", "region", "parent", "name"))
_FOUND = ("status", "created", "modified", "document", "id", "revision")
_FIND = Prepared(select(*(table.c[name] for name in _FOUND)).where(*_OF_KEY))
_KEY = ("kind", "account", "region", "name", "parent")
COLUMNS = (*_KEY, *_FOUND)
"""What a Resource is made of, in the order of `Resource(Key(*row[:5]), *row[5:])`."""
_FIND_ID = Prepared(select(*(table.c[name] for name in COLUMNS)).where(table.c.id == bindparam("row_id")))
_WRITTEN = ("kind", "account", "region", "parent", "name", "status", "created", "modified", "document")
_INSERT = Prepared(
    insert(table).values({**{name: bindparam(name) for name in _WRITTEN}, "revision": 0}).returning(table.c.id)
)
_CHANGING = ("status", "modified", "document")
_CHANGE = (
    update(table)
    .values({**{name: bindparam(name) for name in _CHANGING}, "revision": table.c.revision + 1})
    .where(table.c.id == bindparam("row_id"))
    .returning(table.c.revision)
)
_SAVE = Prepared(_CHANGE)
_SAVE_UNCHANGED = Prepared(_CHANGE.where(table.c.revision == bindparam("seen_revision")))


def key(scope: Scope, kind: str, name: str, parent: str = "") -> Key:
    """The key of a noun in the account and region of `scope`."""
    return Key(kind, scope.account, scope.region, name, parent)


def add(transaction: Transaction, resource: Resource) -> Resource:
    """Insert; raises AlreadyExists. Returns the resource with its row id."""
    try:
        made = _INSERT.first(transaction.connection, **_columns(resource))
    except IntegrityError as error:
        raise AlreadyExists(resource.key) from error
    assert made is not None
    unrecorded.add(transaction, made[0])
    return replace(resource, id=made[0])


def find(connection: Connection, wanted: Key) -> Resource | None:
    """The resource of that key, or None."""
    row = _FIND.first(connection, **_named(wanted))
    return Resource(wanted, *row) if row else None


def find_id(connection: Connection, row_id: int) -> Resource | None:
    """The resource of that row id, or None."""
    row = _FIND_ID.first(connection, row_id=row_id)
    return Resource(Key(*row[:5]), *row[5:]) if row else None


def find_ignoring_case(connection: Connection, wanted: Key) -> Resource | None:
    """As `find`, but ARNs that lost their capitals still lead to the resource (spec 02, section 1)."""
    exact = find(connection, wanted)
    if exact:
        return exact
    same = and_(
        table.c.kind == wanted.kind,
        table.c.account == wanted.account,
        table.c.region == wanted.region,
        func.lower(table.c.parent) == wanted.parent.lower(),
        func.lower(table.c.name) == wanted.name.lower(),
    )
    row = connection.execute(select(table).where(same).limit(1)).one_or_none()
    return _resource(row) if row else None


def save(transaction: Transaction, resource: Resource, *, seen: Resource | None = None) -> Resource:
    """Write status, time and document of the row of `resource.id`; with `seen`, only if nobody has saved it since
    that was read. Raises Conflict. Returns the resource as it stands now."""
    values = {**_columns(resource), "row_id": resource.id}
    if seen is None:
        saved = _SAVE.first(transaction.connection, **values)
    else:
        saved = _SAVE_UNCHANGED.first(transaction.connection, **values, seen_revision=seen.revision)
    if saved is None:
        raise Conflict(resource.key)
    unrecorded.add(transaction, resource.id)
    return replace(resource, revision=saved[0])


def remove(transaction: Transaction, wanted: Key) -> bool:
    """Delete it; False if there was none."""
    return transaction.connection.execute(delete(table).where(*_OF_KEY), _named(wanted)).rowcount > 0


def remove_children(transaction: Transaction, kind: str, scope: Scope, parent: str) -> None:
    """Delete every `kind` of that parent."""
    transaction.connection.execute(delete(table).where(*_within(kind, scope, parent)))


def count(connection: Connection, kind: str, scope: Scope, parent: str | None = None) -> int:
    """How many there are."""
    query = select(func.count()).select_from(table).where(*_within(kind, scope, parent))
    return int(connection.execute(query).scalar_one())


def first_with_status(
    connection: Connection, kind: str, scope: Scope, parent: str, statuses: Sequence[str]
) -> Resource | None:
    """Any one of that parent whose status is among these."""
    query = select(table).where(*_within(kind, scope, parent), table.c.status.in_(statuses)).limit(1)
    row = connection.execute(query).one_or_none()
    return _resource(row) if row else None


@dataclass(frozen=True, slots=True)
class Query:
    """What a List operation asks for. Times are epoch seconds, bounds exclusive as in AWS's wording "after"."""

    kind: str
    scope: Scope
    parent: str | None = None
    name_contains: str = ""
    name_prefix: str = ""
    status: str = ""
    created_after: float | None = None
    created_before: float | None = None
    modified_after: float | None = None
    modified_before: float | None = None
    members: tuple[tuple[str, str], ...] = ()
    """Document members (a path where they lie deeper: A/B) that must equal a text."""
    sort_by: SortBy = "created"
    descending: bool = True
    limit: int = 10
    after: tuple[object, int] | None = None
    """Sort value and id of the last row of the page before."""


def page(connection: Connection, query: Query) -> tuple[list[Resource], tuple[object, int] | None]:
    """One page, and where the next begins (None: this was the last)."""
    column = table.c[query.sort_by]
    conditions = [*_within(query.kind, query.scope, query.parent), *_filters(query)]
    if query.after is not None:
        conditions.append(_beyond(column, query.after, descending=query.descending))
    order = (column.desc(), table.c.id.desc()) if query.descending else (column, table.c.id)
    statement = select(table).where(*conditions).order_by(*order).limit(query.limit + 1)
    rows = [_resource(row) for row in connection.execute(statement)]
    if len(rows) <= query.limit:
        return rows, None
    last = rows[query.limit - 1]
    value = last.name if query.sort_by == "name" else getattr(last, query.sort_by)
    return rows[: query.limit], (value, last.id)


def _filters(query: Query) -> Sequence[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if query.name_contains:
        wanted.append(table.c.name.icontains(query.name_contains, autoescape=True))
    if query.name_prefix:
        wanted.append(table.c.name.startswith(query.name_prefix, autoescape=True))
    if query.status:
        wanted.append(table.c.status == query.status)
    bounds = (
        (table.c.created, query.created_after, query.created_before),
        (table.c.modified, query.modified_after, query.modified_before),
    )
    for column, after, before in bounds:
        if after is not None:
            wanted.append(column > after)
        if before is not None:
            wanted.append(column < before)
    wanted.extend(table.c.document[tuple(member.split("/"))].as_string() == value for member, value in query.members)
    return wanted


def _beyond(column: Column[object], after: tuple[object, int], *, descending: bool) -> ColumnElement[bool]:
    place, here = tuple_(column, table.c.id), tuple_(*after)  # compared as one, an index leads right there
    return place < here if descending else place > here


def _within(kind: str, scope: Scope, parent: str | None) -> list[ColumnElement[bool]]:
    wanted = [table.c.kind == kind, table.c.account == scope.account, table.c.region == scope.region]
    return wanted if parent is None else [*wanted, table.c.parent == parent]


def _named(wanted: Key) -> dict[str, object]:
    return {
        "kind": wanted.kind,
        "account": wanted.account,
        "region": wanted.region,
        "parent": wanted.parent,
        "name": wanted.name,
    }


def _columns(resource: Resource) -> dict[str, object]:
    return {
        **_named(resource.key),
        "status": resource.status,
        "created": resource.created,
        "modified": resource.modified,
        "document": resource.document,
    }


def _resource(row: Row[tuple[object, ...]]) -> Resource:
    return Resource(
        Key(row.kind, row.account, row.region, row.name, row.parent),
        row.status,
        row.created,
        row.modified,
        row.document,
        row.id,
        row.revision,
    )
