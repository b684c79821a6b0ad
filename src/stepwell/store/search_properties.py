"""Room store: which properties are searched by, of which kind of resource, and how far their entries are built.

A property stands here from the first Search that needs it. From then on every change of such a resource keeps its
entries (store/search_entries.py); `progress` is the resource up to which those from before have them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Column, Connection, Integer, String, Table, UniqueConstraint, bindparam, select, update
from sqlalchemy.dialects.sqlite import insert

from stepwell.base.arn import Scope
from stepwell.store.database import Transaction, metadata
from stepwell.store.prepared import Prepared

table = Table(
    "search_properties",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account", String, nullable=False),
    Column("region", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("name", String, nullable=False),
    Column("progress", Integer),
    UniqueConstraint("account", "region", "kind", "name"),
)


@dataclass(frozen=True, slots=True)
class Indexed:
    """A property that has entries."""

    id: int
    name: str
    progress: int | None
    """The row id up to which resources have entries; None: all have."""


_WHOSE = tuple(table.c[name] == bindparam(name) for name in ("account", "region", "kind"))
_OF = Prepared(select(table.c.id, table.c.name, table.c.progress).where(*_WHOSE).order_by(table.c.id))
_ADD = Prepared(
    insert(table)
    .values({**{name: bindparam(name) for name in ("account", "region", "kind", "name")}, "progress": 0})
    .on_conflict_do_nothing()
)
_ADVANCE = Prepared(
    update(table)
    .values(progress=bindparam("reached"))
    .where(table.c.id == bindparam("of_id"), table.c.progress < bindparam("beyond"))
)
_FINISH = Prepared(update(table).values(progress=None).where(table.c.id == bindparam("of_id")))


def of(connection: Connection, scope: Scope, kind: str) -> list[Indexed]:
    """The properties of resources of that kind, those first that were searched by first."""
    return [Indexed(*row) for row in _OF.all(connection, account=scope.account, region=scope.region, kind=kind)]


def add(transaction: Transaction, scope: Scope, kind: str, names: Iterable[str]) -> None:
    """From now on these have entries; one that stands already stays as it is."""
    whose = {"account": scope.account, "region": scope.region, "kind": kind}
    _ADD.run_all(transaction.connection, ({**whose, "name": name} for name in names))


def advance(transaction: Transaction, properties: Iterable[Indexed], reached: int) -> None:
    """Resources up to this row have entries of these."""
    _ADVANCE.run_all(
        transaction.connection, ({"of_id": each.id, "reached": reached, "beyond": reached} for each in properties)
    )


def finish(transaction: Transaction, properties: Iterable[Indexed]) -> None:
    """All resources have entries of these."""
    _FINISH.run_all(transaction.connection, ({"of_id": each.id} for each in properties))
