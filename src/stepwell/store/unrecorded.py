"""Room store: resources that changed since what follows from them was recorded (docs/decisions/0027).

A row is written in the transaction that adds or saves the resource, and removed in the one that records what follows
from it: its lineage, its trial component, its entries in the search index. A resource stands here once, in the place
of its first change.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Column, Connection, Integer, Table, bindparam, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from stepwell.store.database import Transaction, metadata
from stepwell.store.prepared import Prepared

table = Table(
    "unrecorded",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("resource", Integer, nullable=False, unique=True),
    sqlite_autoincrement=True,
)

_ADD = Prepared(insert(table).values(resource=bindparam("of_resource")).on_conflict_do_nothing())
_LAST = Prepared(select(func.max(table.c.id)))
_NEXT = Prepared(
    select(table.c.id, table.c.resource)
    .where(table.c.id <= bindparam("last"))
    .order_by(table.c.id)
    .limit(bindparam("most"))
)
_REMOVE = Prepared(delete(table).where(table.c.id == bindparam("row_id")))


def add(transaction: Transaction, resource: int) -> None:
    """The resource of that row id changed."""
    _ADD.run(transaction.connection, of_resource=resource)


def last(connection: Connection) -> int | None:
    """The newest row's id; None when everything is recorded."""
    row = _LAST.first(connection)
    return row[0] if row else None


def following(connection: Connection, last: int, most: int) -> list[tuple[int, int]]:
    """The oldest (row id, resource) up to row `last`."""
    return [(row[0], row[1]) for row in _NEXT.all(connection, last=last, most=most)]


def remove(transaction: Transaction, rows: Iterable[int]) -> None:
    """These were recorded."""
    _REMOVE.run_all(transaction.connection, ({"row_id": row} for row in rows))
