"""Room store: what lies under an S3 URI, as one digest. In: a URI. Out: equal texts for equal bytes, or None.

A URI stands for every key that begins with it, as it does for the input of a job. The digest covers the keys behind
the URI and their blobs, whose names are the hashes of their bytes: nothing is read, and data that only moved to
another bucket or prefix has the digest it had.
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from stepwell.base import contents
from stepwell.store import buckets, objects
from stepwell.store.object_listing import end_of
from stepwell.store.objects import table

MOST_OBJECTS = 100_000
"""What is larger has no digest: whoever asks is waiting."""

_BEYOND = "\U0010ffff" * 257
"""Greater than every key: they have at most 1024 bytes."""

# Built once: the engine asks for every input of every step that may be cached.
_BELOW = (
    select(table.c.key, table.c.blob)
    .where(
        table.c.bucket == bindparam("of_bucket"),
        objects.IS_LISTED,
        table.c.key >= bindparam("begin"),
        table.c.key < bindparam("end"),
    )
    .order_by(table.c.key)
    .limit(bindparam("most"))
)


def of_uri(connection: Connection, account: str, uri: str) -> str | None:
    """The digest of what lies there now; None: nothing, too much, or a bucket of another account."""
    name, _, prefix = uri.removeprefix("s3://").partition("/")
    bucket = buckets.find(connection, name)
    if bucket is None or bucket.account != account:
        return None
    place = {"of_bucket": bucket.id, "begin": prefix, "end": end_of(prefix) or _BEYOND}
    rows = connection.execute(_BELOW, {**place, "most": MOST_OBJECTS + 1}).all()
    if not 0 < len(rows) <= MOST_OBJECTS:
        return None
    return contents.digest((key[len(prefix) :].lstrip("/"), blob) for key, blob in rows)
