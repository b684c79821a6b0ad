"""Room store: lists of keys, versions and common prefixes, in the binary order of UTF-8, as S3 pages them.

In: a bucket and what the client asked for. Out: one page and where the next begins. A page costs what it shows:
keys below a common prefix are not read but jumped over. The functions here know one thing of keys: that texts
sort by code point, which is the order of their UTF-8 bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

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


class Position(NamedTuple):
    """Where a list goes on: behind the row `row` of `key`, or, without one, at `key` itself."""

    key: str
    row: int | str | None = None


BEGINNING = Position("")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list asks for. An empty delimiter rolls nothing up."""

    prefix: str = ""
    delimiter: str = ""
    limit: int = 1000
    start: Position = BEGINNING


class Keyed(Protocol):
    """A row that a list can show."""

    @property
    def key(self) -> str: ...


Row = TypeVar("Row", bound=Keyed)


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows and common prefixes in order, and where the next page begins (None: this is the last)."""

    entries: list[Row | str]
    following: Position | None


def keys(connection: Connection, bucket: Bucket, wanted: Wanted) -> Page[Listed]:
    """One page of the keys that exist now."""

    def rows(start: Position, end: str | None, limit: int) -> list[Listed]:
        query = select(*COLUMNS).where(
            table.c.bucket == bucket.id, objects.IS_LISTED, *between(table.c.key, start.key, end)
        )
        return list(map(Listed._make, connection.execute(query.order_by(table.c.key).limit(limit))))

    return page(rows, wanted, lambda last: Position(successor(last.key)))


def versions(connection: Connection, bucket: Bucket, wanted: Wanted) -> Page[Listed]:
    """One page of all versions and delete markers: by key, the newest first."""

    def rows(start: Position, end: str | None, limit: int) -> list[Listed]:
        query = select(*COLUMNS).where(table.c.bucket == bucket.id, *between(table.c.key, start.key, end))
        if start.row is not None:
            query = query.where(_beyond(start.key, start.row))
        order = (table.c.key, table.c.id.desc())
        return list(map(Listed._make, connection.execute(query.order_by(*order).limit(limit))))

    return page(rows, wanted, lambda last: Position(last.key, last.id))


def page(
    rows: Callable[[Position, str | None, int], Sequence[Row]], wanted: Wanted, after: Callable[[Row], Position]
) -> Page[Row]:
    """One page of a list. `rows` reads at most so many rows from a position on, below the end of the prefix;
    `after` says where the list goes on behind a row."""
    end = end_of(wanted.prefix)
    start = max(wanted.start, Position(wanted.prefix), key=lambda position: position.key)
    batch = FEW if wanted.delimiter else wanted.limit + 1
    entries: list[Row | str] = []
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


def below(connection: Connection, bucket: Bucket, prefix: str, *, batch: int = 1000) -> Iterator[Listed]:
    """Every key below a prefix, read page by page as the caller goes on."""
    start: Position | None = BEGINNING
    while start is not None:
        found = keys(connection, bucket, Wanted(prefix, limit=batch, start=start))
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


def _past(prefix: str) -> Position | None:
    end = end_of(prefix)
    return None if end is None else Position(end)


def between(column: ColumnElement[str], start: str, end: str | None) -> list[ColumnElement[bool]]:
    """Conditions: the key lies at or behind `start` and before `end`."""
    return [column >= start] if end is None else [column >= start, column < end]


def _beyond(key: str, row: int | str) -> ColumnElement[bool]:
    return or_(table.c.key > key, and_(table.c.key == key, table.c.id < row))
