"""Room store: lists of keys, versions and common prefixes, in the binary order of UTF-8, as S3 pages them.

In: a bucket and what the client asked for. Out: one page and where the next begins. A page costs what it shows:
keys below a common prefix are not read but jumped over. The functions here know one thing of keys: that texts
sort by code point, which is the order of their UTF-8 bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from stepwell.store import objects
from stepwell.store.buckets import Bucket
from stepwell.store.objects import table

FEW = 64
"""Rows read at a time while prefixes are being jumped over; doubles as long as none is."""


class Listed(NamedTuple):
    """A key of a list. Of a delete marker the size is 0 and the ETag empty."""

    id: int
    key: str
    version: str
    is_latest: bool
    blob: str | None
    size: int
    etag: str
    modified: float
    document: dict[str, object]


Entry = Listed | str
"""A key, or the common prefix of several."""


class Position(NamedTuple):
    """Where a list goes on: behind `version` (a row id) of `key`, or, without one, at `key` itself."""

    key: str
    version: int | None = None


BEGINNING = Position("")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list asks for. An empty delimiter rolls nothing up."""

    prefix: str = ""
    delimiter: str = ""
    limit: int = 1000
    start: Position = BEGINNING


@dataclass(frozen=True, slots=True)
class Page:
    """Entries in order, and where the next page begins (None: this is the last)."""

    entries: list[Entry]
    following: Position | None


Rows = Callable[[Position, str | None, int], list[Listed]]
"""Reads at most so many rows from a position on, below the end of the prefix."""


def keys(connection: Connection, bucket: Bucket, wanted: Wanted) -> Page:
    """One page of the keys that exist now."""

    def rows(start: Position, end: str | None, limit: int) -> list[Listed]:
        query = select(*COLUMNS).where(table.c.bucket == bucket.id, objects.IS_LISTED, *_between(start.key, end))
        return list(map(Listed._make, connection.execute(query.order_by(table.c.key).limit(limit))))

    return _page(rows, wanted, lambda last: Position(successor(last.key)))


def versions(connection: Connection, bucket: Bucket, wanted: Wanted) -> Page:
    """One page of all versions and delete markers: by key, the newest first."""

    def rows(start: Position, end: str | None, limit: int) -> list[Listed]:
        query = select(*COLUMNS).where(table.c.bucket == bucket.id, *_between(start.key, end))
        if start.version is not None:
            query = query.where(_beyond(start.key, start.version))
        order = (table.c.key, table.c.id.desc())
        return list(map(Listed._make, connection.execute(query.order_by(*order).limit(limit))))

    return _page(rows, wanted, lambda last: Position(last.key, last.id))


def below(connection: Connection, bucket: Bucket, prefix: str, *, page: int = 1000) -> Iterator[Listed]:
    """Every key below a prefix, read page by page as the caller goes on."""
    start: Position | None = BEGINNING
    while start is not None:
        found = keys(connection, bucket, Wanted(prefix, limit=page, start=start))
        yield from (entry for entry in found.entries if isinstance(entry, Listed))
        start = found.following


def successor(key: str) -> str:
    """The smallest text that is greater than `key`."""
    return key + "\0"


def end_of(prefix: str) -> str | None:
    """The smallest text that is greater than every text with that prefix; None: there is none."""
    kept = prefix.rstrip("\U0010ffff")
    if not kept:
        return None
    following = ord(kept[-1]) + 1
    # Surrogates are no characters: no UTF-8 text holds one.
    return kept[:-1] + chr(0xE000 if following == 0xD800 else following)


def rolled_up(key: str, wanted: Wanted) -> str | None:
    """The common prefix that stands for `key` in the list, if one does."""
    if not wanted.delimiter:
        return None
    at = key.find(wanted.delimiter, len(wanted.prefix))
    return None if at < 0 else key[: at + len(wanted.delimiter)]


COLUMNS = [table.c[name] for name in Listed._fields]


def _page(rows: Rows, wanted: Wanted, after: Callable[[Listed], Position]) -> Page:
    end = end_of(wanted.prefix)
    start = max(wanted.start, Position(wanted.prefix), key=lambda position: position.key)
    batch = FEW if wanted.delimiter else wanted.limit + 1
    entries: list[Entry] = []
    common: str | None = None
    while True:
        found = rows(start, end, batch)
        for row in found:
            if common is not None and row.key.startswith(common):
                continue
            if len(entries) == wanted.limit:
                return Page(entries, start)
            common = rolled_up(row.key, wanted)
            entries.append(row if common is None else common)
            following = after(row) if common is None else _past(common)
            if following is None:
                return Page(entries, None)
            start = following
        if len(found) < batch:
            return Page(entries, None)
        batch = FEW if common is not None else min(2 * batch, wanted.limit + 1)


def _past(prefix: str) -> Position | None:
    end = end_of(prefix)
    return None if end is None else Position(end)


def _between(start: str, end: str | None) -> list[ColumnElement[bool]]:
    from_here: list[ColumnElement[bool]] = [table.c.key >= start]
    return from_here if end is None else [*from_here, table.c.key < end]


def _beyond(key: str, version: int) -> ColumnElement[bool]:
    return or_(table.c.key > key, and_(table.c.key == key, table.c.id < version))
