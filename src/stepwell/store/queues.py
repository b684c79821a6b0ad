"""Message queues: one row a queue, found by account, region and name. Their messages are in `queue_messages`.

`attributes` holds what was set, as text by AWS's attribute name; what was not set has its default in services/sqs.
`dead_letter_arn` repeats the target of the redrive policy, so that a dead-letter queue finds its sources.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    Row,
    String,
    Table,
    UniqueConstraint,
    bindparam,
    delete,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert

from stepwell.base.arn import Scope
from stepwell.store.database import Transaction, metadata

table = Table(
    "queues",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account", String, nullable=False),
    Column("region", String, nullable=False),
    Column("name", String, nullable=False),
    Column("is_fifo", Boolean, nullable=False),
    Column("created", Float, nullable=False),
    Column("modified", Float, nullable=False),
    Column("attributes", JSON, nullable=False),
    Column("dead_letter_arn", String),
    UniqueConstraint("account", "region", "name"),
    Index("queue_dead_letter", "dead_letter_arn", "name"),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue. `attributes`: what was set, by AWS's names; `created` and `modified` are epoch seconds."""

    id: int
    account: str
    region: str
    name: str
    is_fifo: bool
    created: float
    modified: float
    attributes: Mapping[str, str]

    @property
    def arn(self) -> str:
        return Scope(self.account, self.region).arn("sqs", self.name)


_FIND = select(table).where(
    table.c.account == bindparam("account"),
    table.c.region == bindparam("region"),
    table.c.name == bindparam("name"),
)


def find(connection: Connection, account: str, region: str, name: str) -> Queue | None:
    """The queue of that name."""
    row = connection.execute(_FIND, {"account": account, "region": region, "name": name}).one_or_none()
    return _queue(row) if row else None


_PAGE = (
    select(table)
    .where(
        table.c.account == bindparam("account"),
        table.c.region == bindparam("region"),
        table.c.name > bindparam("after"),
        table.c.name >= bindparam("prefix"),
        table.c.name < bindparam("behind"),
    )
    .order_by(table.c.name)
    .limit(bindparam("limit"))
)


def page(connection: Connection, scope: Scope, *, prefix: str, after: str, limit: int) -> list[Queue]:
    """Queues by name: those that begin with `prefix`, behind `after`."""
    values = {"account": scope.account, "region": scope.region, "after": after, "limit": limit}
    # names are ASCII (services/sqs), so this sorts behind all of them
    return [_queue(row) for row in connection.execute(_PAGE, {**values, "prefix": prefix, "behind": prefix + "\x7f"})]


_SOURCES = (
    select(table)
    .where(table.c.dead_letter_arn == bindparam("arn"), table.c.name > bindparam("after"))
    .order_by(table.c.name)
    .limit(bindparam("limit"))
)


def page_sources(connection: Connection, arn: str, *, after: str, limit: int) -> list[Queue]:
    """Queues by name whose dead letters go to `arn`, behind `after`."""
    rows = connection.execute(_SOURCES, {"arn": arn, "after": after, "limit": limit})
    return [_queue(row) for row in rows]


def add(
    transaction: Transaction,
    scope: Scope,
    name: str,
    *,
    is_fifo: bool,
    now: float,
    attributes: Mapping[str, str],
    dead_letter_arn: str | None,
) -> bool:
    """Make a queue; False if one of that name stands already."""
    values = {"account": scope.account, "region": scope.region, "name": name, "is_fifo": is_fifo}
    times = {"created": now, "modified": now}
    settings = {"attributes": dict(attributes), "dead_letter_arn": dead_letter_arn}
    statement = insert(table).values(**values, **times, **settings).on_conflict_do_nothing()
    return transaction.connection.execute(statement).rowcount == 1


def set_attributes(
    transaction: Transaction, queue: Queue, attributes: Mapping[str, str], dead_letter_arn: str | None, now: float
) -> None:
    """Keep these attributes in place of all that were set."""
    values = {"attributes": dict(attributes), "dead_letter_arn": dead_letter_arn, "modified": now}
    transaction.connection.execute(update(table).where(table.c.id == queue.id).values(**values))


def remove(transaction: Transaction, queue: Queue) -> None:
    """Delete the queue and every message in it."""
    transaction.connection.execute(delete(table).where(table.c.id == queue.id))


def _queue(row: Row[tuple[object, ...]]) -> Queue:
    return Queue(
        row.id, row.account, row.region, row.name, row.is_fifo, row.created, row.modified, dict(row.attributes)
    )
