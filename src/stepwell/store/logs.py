"""Log groups, their streams, and the events that clients put into them.

What a job writes is never copied here: its stream's row points at the job's log file (`attach`), which
`services/logs` reads where it lies. Timestamps of events are epoch *milliseconds*, the unit of the Logs API;
`created` is epoch seconds as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    Row,
    Select,
    String,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.sqlite import insert as insert_or

from stepwell.base.arn import Scope
from stepwell.store.database import Transaction, metadata
from stepwell.store.prepared import Prepared

groups = Table(
    "log_groups",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account", String, nullable=False),
    Column("region", String, nullable=False),
    Column("name", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("retention_days", Integer),
    UniqueConstraint("account", "region", "name"),
    sqlite_autoincrement=True,
)

streams = Table(
    "log_streams",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("group_id", ForeignKey(groups.c.id, ondelete="CASCADE"), nullable=False),
    Column("name", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("file", String),
    Column("first", BigInteger),
    Column("last", BigInteger),
    Column("ingested", BigInteger),
    UniqueConstraint("group_id", "name"),
    sqlite_autoincrement=True,
)

events = Table(
    "log_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("stream_id", ForeignKey(streams.c.id, ondelete="CASCADE"), nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("ingested", BigInteger, nullable=False),
    Column("message", Text, nullable=False),
    Index("log_event_time", "stream_id", "timestamp", "id"),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True)
class Group:
    """A log group; `retention_days` None: events are kept for ever."""

    id: int
    name: str
    created: float
    retention_days: int | None


@dataclass(frozen=True, slots=True)
class Stream:
    """A log stream. `file`: the job's log it shows, absolute or within the data folder; None: its events are rows.

    `first`, `last` and `ingested` are milliseconds of what was put; None for files and while nothing was.
    """

    id: int
    group_id: int
    name: str
    created: float
    file: str | None
    first: int | None
    last: int | None
    ingested: int | None


@dataclass(frozen=True, slots=True)
class Event:
    """An event that a client put; both times in milliseconds."""

    id: int
    timestamp: int
    ingested: int
    message: str


_ATTACHED = insert_or(streams).from_select(
    ["group_id", "name", "file", "created"],
    select(
        groups.c.id, bindparam("stream", type_=String), bindparam("file", type_=String), bindparam("now", type_=Float)
    ).where(
        groups.c.account == bindparam("account"),
        groups.c.region == bindparam("region"),
        groups.c.name == bindparam("group"),
    ),
)
_ATTACH = Prepared(
    _ATTACHED.on_conflict_do_update(index_elements=["group_id", "name"], set_={"file": _ATTACHED.excluded.file})
)


def attach(transaction: Transaction, scope: Scope, group: str, stream: str, file: str, now: float) -> None:
    """Let a stream show the log file of a job; makes group and stream as needed. Safe to repeat."""
    wanted = {"account": scope.account, "region": scope.region, "group": group}
    shown = {"stream": stream, "file": file, "now": now}
    if not _ATTACH.run(transaction.connection, **wanted, **shown):
        add_group(transaction, scope, group, now)
        _ATTACH.run(transaction.connection, **wanted, **shown)


def add_group(transaction: Transaction, scope: Scope, name: str, now: float) -> bool:
    """Make a group; False if it stands already."""
    values = {"account": scope.account, "region": scope.region, "name": name, "created": now}
    statement = insert_or(groups).values(**values).on_conflict_do_nothing()
    return transaction.connection.execute(statement).rowcount == 1


def find_group(connection: Connection, scope: Scope, name: str) -> Group | None:
    """The group of that name."""
    row = connection.execute(_groups_of(scope).where(groups.c.name == name)).one_or_none()
    return _group(row) if row else None


def page_groups(
    connection: Connection, scope: Scope, *, prefix: str = "", contains: str = "", after: str = "", limit: int
) -> list[Group]:
    """Groups by name: those that begin with `prefix` and contain `contains` in any case, behind `after`."""
    query = _groups_of(scope).where(groups.c.name > after)
    if prefix:
        query = query.where(groups.c.name >= prefix, groups.c.name < _behind(prefix))
    if contains:
        query = query.where(groups.c.name.icontains(contains, autoescape=True))
    return [_group(row) for row in connection.execute(query.order_by(groups.c.name).limit(limit))]


def set_retention(transaction: Transaction, group: Group, days: int | None) -> None:
    """Keep events of the group for so many days; None: for ever."""
    statement = update(groups).where(groups.c.id == group.id).values(retention_days=days)
    transaction.connection.execute(statement)


def remove_group(transaction: Transaction, group: Group) -> None:
    """Delete the group, its streams and what clients put there; files of jobs stay."""
    transaction.connection.execute(delete(groups).where(groups.c.id == group.id))


def add_stream(transaction: Transaction, group: Group, name: str, now: float) -> bool:
    """Make a stream for events that clients put; False if one of that name stands already."""
    statement = insert_or(streams).values(group_id=group.id, name=name, created=now).on_conflict_do_nothing()
    return transaction.connection.execute(statement).rowcount == 1


def find_stream(connection: Connection, group: Group, name: str) -> Stream | None:
    """The stream of that name."""
    query = select(streams).where(streams.c.group_id == group.id, streams.c.name == name)
    row = connection.execute(query).one_or_none()
    return _stream(row) if row else None


def page_streams(
    connection: Connection,
    group: Group,
    *,
    prefix: str = "",
    after: str | None = None,
    descending: bool = False,
    limit: int | None = None,
) -> list[Stream]:
    """Streams by name: those that begin with `prefix`, behind `after`; all of them without a limit."""
    query = select(streams).where(streams.c.group_id == group.id)
    if prefix:
        query = query.where(streams.c.name >= prefix, streams.c.name < _behind(prefix))
    if after is not None:
        query = query.where(streams.c.name < after if descending else streams.c.name > after)
    order = streams.c.name.desc() if descending else streams.c.name
    return [_stream(row) for row in connection.execute(query.order_by(order).limit(limit))]


def remove_stream(transaction: Transaction, stream: Stream) -> None:
    """Delete the stream and what clients put there; a job's file stays."""
    transaction.connection.execute(delete(streams).where(streams.c.id == stream.id))


def add_events(transaction: Transaction, stream: Stream, put: Iterable[tuple[int, str]], ingested: int) -> None:
    """Keep (timestamp, message) pairs, at least one, and note on the stream how far it reaches now."""
    rows = [
        {"stream_id": stream.id, "timestamp": timestamp, "ingested": ingested, "message": message}
        for timestamp, message in put
    ]
    transaction.connection.execute(insert(events), rows)
    of_stream = events.c.stream_id == stream.id
    reach = {
        "first": select(func.min(events.c.timestamp)).where(of_stream).scalar_subquery(),
        "last": select(func.max(events.c.timestamp)).where(of_stream).scalar_subquery(),
        "ingested": ingested,
    }
    transaction.connection.execute(update(streams).where(streams.c.id == stream.id).values(**reach))


def forget_events(transaction: Transaction, stream: Stream, before: int) -> None:
    """Delete events of the stream older than that millisecond."""
    old = (events.c.stream_id == stream.id, events.c.timestamp < before)
    transaction.connection.execute(delete(events).where(*old))


def events_after(connection: Connection, stream: Stream, place: tuple[int, int], limit: int) -> list[Event]:
    """The next events behind (timestamp, id), in that order."""
    beyond = tuple_(events.c.timestamp, events.c.id) > tuple_(*place)
    query = select(events).where(events.c.stream_id == stream.id, beyond)
    rows = connection.execute(query.order_by(events.c.timestamp, events.c.id).limit(limit))
    return [_event(row) for row in rows]


def events_before(connection: Connection, stream: Stream, place: tuple[int, int], limit: int) -> list[Event]:
    """The last events up to and with (timestamp, id), the latest first."""
    up_to = tuple_(events.c.timestamp, events.c.id) <= tuple_(*place)
    query = select(events).where(events.c.stream_id == stream.id, up_to)
    rows = connection.execute(query.order_by(events.c.timestamp.desc(), events.c.id.desc()).limit(limit))
    return [_event(row) for row in rows]


def _groups_of(scope: Scope) -> Select[tuple[object, ...]]:
    return select(groups).where(groups.c.account == scope.account, groups.c.region == scope.region)


def _behind(prefix: str) -> str:
    """What sorts behind every name that begins with `prefix`: LIKE would not tell capitals apart on SQLite."""
    return prefix + "\U0010ffff"


def _group(row: Row[tuple[object, ...]]) -> Group:
    return Group(row.id, row.name, row.created, row.retention_days)


def _stream(row: Row[tuple[object, ...]]) -> Stream:
    return Stream(row.id, row.group_id, row.name, row.created, row.file, row.first, row.last, row.ingested)


def _event(row: Row[tuple[object, ...]]) -> Event:
    return Event(row.id, row.timestamp, row.ingested, row.message)
