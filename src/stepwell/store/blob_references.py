"""Room store: which blobs are named by rows, and which were let go of, and when. For who collects the rest.

Three tables name blobs: `objects`, `upload_parts` and `job_manifests`. When a row of the first two goes, or a part is
replaced, a trigger notes its blob and the moment in `released_blobs`: whoever had read that row may still be about to
open the file. It is a trigger so that no statement, and no cascade, can forget it; the clock is the database's for
the same reason. Notes go once they are old and their blobs collected (docs/decisions/0031).
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Column, Connection, Float, MetaData, String, Table, bindparam, delete, event, select

from stepwell.store import objects, uploads
from stepwell.store.database import Transaction, metadata

table = Table(
    "released_blobs",
    metadata,
    Column("blob", String, primary_key=True),
    Column("moment", Float, nullable=False),
    sqlite_with_rowid=False,
)

TRIGGERS = {
    "object_released": "AFTER DELETE ON objects WHEN OLD.blob IS NOT NULL",
    "part_released": "AFTER DELETE ON upload_parts",
    "part_replaced": "AFTER UPDATE OF blob ON upload_parts WHEN OLD.blob <> NEW.blob",
}
NOTE = """
CREATE TRIGGER IF NOT EXISTS {name} {when} BEGIN
    INSERT INTO released_blobs (blob, moment) VALUES (OLD.blob, (julianday('now') - 2440587.5) * 86400.0)
    ON CONFLICT (blob) DO UPDATE SET moment = excluded.moment;
END
"""


@event.listens_for(
    metadata, "after_create"
)  # of the metadata: a database that has these tables already gets them too
def _make_triggers(_metadata: MetaData, connection: Connection, **_: object) -> None:
    for name, when in TRIGGERS.items():
        connection.exec_driver_sql(NOTE.format(name=name, when=when))


_OBJECTS = select(objects.table.c.id, objects.table.c.blob).where(
    objects.table.c.id > bindparam("after"), objects.table.c.blob.is_not(None)
)
_PARTS = select(uploads.parts.c.blob)
_RELEASED = select(table.c.blob).where(table.c.moment >= bindparam("since"))
_AMONG = _RELEASED.where(table.c.blob.in_(bindparam("blobs", expanding=True)))
_FORGET = delete(table).where(table.c.moment < bindparam("before"))


def of_objects(connection: Connection, after: int = 0) -> tuple[set[str], int]:
    """The blobs of all versions of objects whose row id is greater than `after`, and the greatest id among these (or
    `after`). Ids only grow, and a version never changes its blob: what came since is what lies behind that id."""
    found: set[str] = set()
    last = after
    for row_id, blob in connection.execute(_OBJECTS, {"after": after}):
        found.add(blob)
        last = max(last, row_id)
    return found, last


def of_uploads(connection: Connection) -> set[str]:
    """The blobs of parts of uploads that are neither completed nor aborted."""
    return set(connection.execute(_PARTS).scalars())


def released(connection: Connection, since: float = 0.0, among: Sequence[str] | None = None) -> set[str]:
    """The blobs, of all or of these, that a row let go of at that time (epoch seconds) or later. Other rows may name
    them still."""
    if among is None:
        return set(connection.execute(_RELEASED, {"since": since}).scalars())
    return set(connection.execute(_AMONG, {"since": since, "blobs": list(among)}).scalars())


def forget_released(transaction: Transaction, before: float) -> None:
    """Drop the notes that are older: their blobs are collected, or somebody names them."""
    transaction.connection.execute(_FORGET, {"before": before})
