"""Room store: every resource of a kind, whatever account and region it is in. For who cares for the whole site."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, func, select

from stepwell.base.arn import Scope
from stepwell.store.resources import COLUMNS, Key, Resource, table

_OF_KIND = select(*(table.c[name] for name in COLUMNS))


def of_kind(connection: Connection, kind: str) -> Iterator[Resource]:
    """All of that kind, in no order."""
    for row in connection.execute(_OF_KIND.where(table.c.kind == kind)):
        yield Resource(Key(*row[:5]), *row[5:])


def scopes(connection: Connection, kinds: Sequence[str]) -> list[Scope]:
    """Every account and region that has any of these kinds, in order."""
    query = select(table.c.account, table.c.region).where(table.c.kind.in_(kinds)).distinct()
    return [Scope(*row) for row in sorted(tuple(row) for row in connection.execute(query))]


def last_id(connection: Connection, kind: str) -> int:
    """The greatest row id of that kind; 0 when there is none. One that is made later has a greater one."""
    query = select(func.coalesce(func.max(table.c.id), 0)).where(table.c.kind == kind)
    return int(connection.execute(query).scalar_one())
