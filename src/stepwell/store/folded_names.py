"""Room store: resources whose names count as the same in any case: experiments, trials, trial components.

No table of its own: an index over those resources by their names in small letters. In: a key, in any case. Out: the
resource that has that name.
"""

from __future__ import annotations

from sqlalchemy import Connection, Index, bindparam, func, select, text

from stepwell.store import resources
from stepwell.store.prepared import Prepared
from stepwell.store.resources import Key, Resource

KINDS = ("experiment", "experiment-trial", "experiment-trial-component")

_table = resources.table
_is_folded = text(f"kind IN ({', '.join(map(repr, KINDS))})")
"""Said literally, and in the query as well: SQLite takes a partial index only where its condition stands there."""

_folded = func.lower(_table.c.name)
Index("resource_folded_name", _table.c.kind, _table.c.account, _table.c.region, _folded, sqlite_where=_is_folded)

_FIND = Prepared(
    select(_table.c.id)
    .where(
        _is_folded,
        *(_table.c[name] == bindparam(name) for name in ("kind", "account", "region")),
        _folded == bindparam("folded"),
    )
    .order_by(_table.c.id)
    .limit(1)
)


def find(connection: Connection, wanted: Key) -> Resource | None:
    """The resource of that key; if there is none, the oldest whose name differs from it in case alone."""
    exact = resources.find(connection, wanted)
    if exact is not None:
        return exact
    row = _FIND.first(
        connection, kind=wanted.kind, account=wanted.account, region=wanted.region, folded=wanted.name.lower()
    )
    return resources.find_id(connection, row[0]) if row else None
