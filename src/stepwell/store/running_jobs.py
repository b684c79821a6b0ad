"""Which jobs are under way, asked every second by who watches them all. No tables: what others keep is read.

A job is under way while its machine has something left to do. Its row says how it stands; the stamp of the row says
whether it changed, at a fraction of the price of its document.
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from stepwell.store import resources, work
from stepwell.store.prepared import Prepared
from stepwell.store.resources import Key

_UNDER_WAY = Prepared(select(work.table.c.subject).where(work.table.c.machine == bindparam("of_machine")))
_NAMES = ("kind", "account", "region", "parent", "name")
_STAMP = Prepared(
    select(resources.table.c.modified).where(*(resources.table.c[name] == bindparam(name) for name in _NAMES))
)


def under_way(connection: Connection, machine: str) -> list[str]:
    """ARNs of the jobs that `machine` has not done with."""
    return [row[0] for row in _UNDER_WAY.all(connection, of_machine=machine)]


def stamp(connection: Connection, key: Key) -> float | None:
    """When the row of that key changed last (epoch seconds); None when there is none."""
    row = _STAMP.first(connection, **{name: getattr(key, name) for name in _NAMES})
    return row[0] if row else None
