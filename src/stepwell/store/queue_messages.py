"""The messages in queues. A message is hidden by its row's `visible_at` alone, so a restart changes nothing.

Standard queues give out what is due by `queue_message_due`, in time that does not depend on how much is queued.
FIFO queues keep a row a group that holds messages: `queue_groups.visible_at` is when its next message may be given
out, which is later than that message's own time while another of the group is in flight. Whoever changes messages
of a group calls `settle_group`. `queue_deduplications` remembers what was sent to a FIFO queue in the last minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    and_,
    bindparam,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert

from stepwell.base.documents import Document
from stepwell.store import queues
from stepwell.store.database import Transaction, metadata
from stepwell.store.queues import Queue

table = Table(
    "queue_messages",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("queue_id", ForeignKey(queues.table.c.id, ondelete="CASCADE"), nullable=False),
    Column("message_id", String, nullable=False),
    Column("body", Text, nullable=False),
    Column("attributes", JSON, nullable=False),
    Column("system_attributes", JSON, nullable=False),
    Column("sent", Float, nullable=False),
    Column("visible_at", Float, nullable=False),
    Column("receive_count", Integer, nullable=False),
    Column("first_received", Float),
    Column("last_received", Float),
    Column("group_id", String),
    sqlite_autoincrement=True,
)
Index("queue_message_due", table.c.queue_id, table.c.visible_at, table.c.id, table.c.receive_count)
Index("queue_message_age", table.c.queue_id, table.c.sent)
_GROUPED = table.c.group_id.is_not(None)
_FLIGHT = and_(_GROUPED, table.c.receive_count > 0)
Index(
    "queue_message_group",
    *(table.c.queue_id, table.c.group_id, table.c.id),
    sqlite_where=_GROUPED,
    postgresql_where=_GROUPED,
)
Index(
    "queue_message_group_received",
    *(table.c.queue_id, table.c.group_id, table.c.visible_at),
    sqlite_where=_FLIGHT,
    postgresql_where=_FLIGHT,
)

groups = Table(
    "queue_groups",
    metadata,
    Column("queue_id", ForeignKey(queues.table.c.id, ondelete="CASCADE"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("visible_at", Float, nullable=False),
    Index("queue_group_due", "queue_id", "visible_at"),
)

deduplications = Table(
    "queue_deduplications",
    metadata,
    Column("queue_id", ForeignKey(queues.table.c.id, ondelete="CASCADE"), primary_key=True),
    Column("group_id", String, primary_key=True),
    Column("deduplication_id", String, primary_key=True),
    Column("message_id", String, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("expires", Float, nullable=False),
    Index("queue_deduplication_end", "queue_id", "expires"),
)


@dataclass(frozen=True, slots=True)
class Message:
    """A message in a queue. Times are epoch seconds; `id` grows in the order of sending.

    `attributes` are the sender's, as services/sqs wrote them; `system_attributes` are by AWS's names.
    """

    id: int
    queue_id: int
    message_id: str
    body: str
    attributes: Document
    system_attributes: Document
    sent: float
    visible_at: float
    receive_count: int
    first_received: float | None
    last_received: float | None
    group_id: str | None

    def received(self, now: float, until: float) -> Message:
        """The same message, given out at `now` and hidden until then."""
        first = now if self.first_received is None else self.first_received
        count = self.receive_count + 1
        return replace(self, receive_count=count, visible_at=until, first_received=first, last_received=now)


_ADD = insert(table)
_ADD_GROUP = insert(groups).on_conflict_do_nothing()


def add(
    transaction: Transaction,
    queue: Queue,
    *,
    message_id: str,
    body: str,
    attributes: Document,
    system_attributes: Document,
    now: float,
    visible_at: float,
    group_id: str | None = None,
) -> int:
    """Put a message into the queue. Returns its number, which is larger than any before."""
    values = {
        "queue_id": queue.id,
        "message_id": message_id,
        "body": body,
        "attributes": attributes,
        "system_attributes": system_attributes,
        "sent": now,
        "visible_at": visible_at,
        "receive_count": 0,
        "group_id": group_id,
    }
    inserted = transaction.connection.execute(_ADD, values).inserted_primary_key
    assert inserted is not None
    if queue.is_fifo:
        row = {"queue_id": queue.id, "name": group_id, "visible_at": visible_at}
        transaction.connection.execute(_ADD_GROUP, row)
    return int(inserted[0])


_DUE = (
    select(table)
    .where(table.c.queue_id == bindparam("queue"), table.c.visible_at <= bindparam("now"))
    .order_by(table.c.visible_at, table.c.id)
    .limit(bindparam("limit"))
)


def due(connection: Connection, queue: Queue, now: float, limit: int) -> list[Message]:
    """Messages of a standard queue that may be given out, those that wait longest first."""
    return [_message(row) for row in connection.execute(_DUE, {"queue": queue.id, "now": now, "limit": limit})]


_DUE_GROUPS = (
    select(groups.c.name)
    .where(groups.c.queue_id == bindparam("queue"), groups.c.visible_at <= bindparam("now"))
    .order_by(groups.c.visible_at)
    .limit(bindparam("limit"))
)
_OF_GROUP = (
    select(table)
    .where(table.c.queue_id == bindparam("queue"), table.c.group_id == bindparam("group"))
    .order_by(table.c.id)
    .limit(bindparam("limit"))
)


def due_in_order(connection: Connection, queue: Queue, now: float, limit: int) -> list[Message]:
    """Messages of a FIFO queue that may be given out: the first of each group that nobody holds, in order."""
    found: list[Message] = []
    wanted = {"queue": queue.id, "now": now, "limit": limit}
    for (group,) in connection.execute(_DUE_GROUPS, wanted).all():
        rows = connection.execute(_OF_GROUP, {"queue": queue.id, "group": group, "limit": limit - len(found)})
        for message in map(_message, rows.all()):
            if message.visible_at > now:
                break
            found.append(message)
        if len(found) >= limit:
            break
    return found


_NEXT = select(func.min(table.c.visible_at)).where(table.c.queue_id == bindparam("queue"))
_NEXT_GROUP = select(
    select(func.min(groups.c.visible_at)).where(groups.c.queue_id == bindparam("queue")).scalar_subquery(),
    select(func.min(table.c.sent)).where(table.c.queue_id == bindparam("queue")).scalar_subquery(),
)


def next_due(connection: Connection, queue: Queue, retention: float) -> float | None:
    """When there may be something to give out, which may be long past; None while the queue is empty.

    In a FIFO queue that is also when the oldest message expires, `retention` seconds after it was sent: it may hold
    up its group.
    """
    if not queue.is_fifo:
        found: float | None = connection.execute(_NEXT, {"queue": queue.id}).scalar()
        return found
    due, oldest = connection.execute(_NEXT_GROUP, {"queue": queue.id}).one()
    return None if due is None else float(min(due, oldest + retention))


_RECEIVED = (
    update(table)
    .where(table.c.id == bindparam("row"))
    .values(
        receive_count=table.c.receive_count + 1,
        visible_at=bindparam("until"),
        first_received=func.coalesce(table.c.first_received, bindparam("now")),
        last_received=bindparam("now"),
    )
)


def mark_received(
    transaction: Transaction, queue: Queue, messages: Sequence[Message], now: float, until: float
) -> list[Message]:
    """Note that these messages, at least one, are given out now and hidden until then. Returns them so."""
    rows = [{"row": message.id, "now": now, "until": until} for message in messages]
    transaction.connection.execute(_RECEIVED, rows)
    settle_groups(transaction, queue, messages)
    return [message.received(now, until) for message in messages]


_SHOW = update(table).where(table.c.id == bindparam("row")).values(visible_at=bindparam("until"))


def set_visible(transaction: Transaction, queue: Queue, message: Message, until: float) -> None:
    """Hide the message until then."""
    transaction.connection.execute(_SHOW, {"row": message.id, "until": until})
    settle_groups(transaction, queue, [message])


_FIND = select(table).where(table.c.id == bindparam("row"), table.c.queue_id == bindparam("queue"))


def find(connection: Connection, queue: Queue, row_id: int) -> Message | None:
    """The message of that number, if it is in this queue."""
    row = connection.execute(_FIND, {"row": row_id, "queue": queue.id}).one_or_none()
    return _message(row) if row else None


_REMOVE = delete(table).where(table.c.id == bindparam("row"))


def remove(transaction: Transaction, queue: Queue, message: Message) -> None:
    """Delete one message."""
    transaction.connection.execute(_REMOVE, {"row": message.id})
    settle_groups(transaction, queue, [message])


_MOVE = (
    update(table)
    .where(table.c.id == bindparam("row"))
    .values(
        queue_id=bindparam("target"),
        system_attributes=bindparam("system"),
        sent=bindparam("moved"),
        visible_at=bindparam("now"),
        receive_count=0,
        first_received=None,
    )
)


def move(transaction: Transaction, source: Queue, target: Queue, messages: Sequence[Message], now: float) -> None:
    """Move dead letters, at least one, from `source` to `target`.

    In a standard queue they keep the time at which they were sent, by which they expire; a FIFO queue counts anew
    (SQS Developer Guide, "Using dead-letter queues").
    """
    rows = [
        {
            "row": message.id,
            "target": target.id,
            "system": {**message.system_attributes, "DeadLetterQueueSourceArn": source.arn},
            "moved": now if target.is_fifo else message.sent,
            "now": now,
        }
        for message in messages
    ]
    transaction.connection.execute(_MOVE, rows)
    settle_groups(transaction, source, messages)
    settle_groups(transaction, target, messages)


_PURGE = delete(table).where(table.c.queue_id == bindparam("queue"))
_PURGE_GROUPS = delete(groups).where(groups.c.queue_id == bindparam("queue"))


def purge(transaction: Transaction, queue: Queue) -> None:
    """Delete every message of the queue."""
    transaction.connection.execute(_PURGE, {"queue": queue.id})
    transaction.connection.execute(_PURGE_GROUPS, {"queue": queue.id})


_EXPIRE = delete(table).where(table.c.queue_id == bindparam("queue"), table.c.sent <= bindparam("before"))
_EXPIRE_GROUPED = _EXPIRE.returning(table.c.group_id)


def expire(transaction: Transaction, queue: Queue, before: float) -> None:
    """Delete messages sent at or before then."""
    values = {"queue": queue.id, "before": before}
    if not queue.is_fifo:
        transaction.connection.execute(_EXPIRE, values)
        return
    for name in {row.group_id for row in transaction.connection.execute(_EXPIRE_GROUPED, values).all()}:
        settle_group(transaction, queue, name)


def settle_groups(transaction: Transaction, queue: Queue, messages: Iterable[Message]) -> None:
    """`settle_group` for each group of these messages; a standard queue has none."""
    if queue.is_fifo:
        for name in {message.group_id for message in messages if message.group_id is not None}:
            settle_group(transaction, queue, name)


_HEAD = select(table.c.visible_at).where(
    table.c.queue_id == bindparam("queue"), table.c.group_id == bindparam("group")
)
_HEAD = _HEAD.order_by(table.c.id).limit(1)
_HELD = select(func.max(table.c.visible_at)).where(
    table.c.queue_id == bindparam("queue"), table.c.group_id == bindparam("group"), table.c.receive_count > 0
)
_REMOVE_GROUP = delete(groups).where(groups.c.queue_id == bindparam("queue"), groups.c.name == bindparam("group"))
_SETTLE = insert(groups)
_SETTLE = _SETTLE.on_conflict_do_update(
    index_elements=["queue_id", "name"], set_={"visible_at": _SETTLE.excluded.visible_at}
)


def settle_group(transaction: Transaction, queue: Queue, name: str) -> None:
    """Bring the group's row in line with its messages."""
    values = {"queue": queue.id, "group": name}
    head: float | None = transaction.connection.execute(_HEAD, values).scalar()
    if head is None:
        transaction.connection.execute(_REMOVE_GROUP, values)
        return
    held: float | None = transaction.connection.execute(_HELD, values).scalar()
    visible_at = head if held is None else max(head, held)
    transaction.connection.execute(_SETTLE, {"queue_id": queue.id, "name": name, "visible_at": visible_at})


@dataclass(frozen=True, slots=True)
class Counts:
    """How many messages may be given out, are in flight, and wait for their delay to end."""

    visible: int
    in_flight: int
    delayed: int


_COUNTS = select(
    func.count().filter(table.c.visible_at <= bindparam("now")),
    func.count().filter(table.c.visible_at > bindparam("now"), table.c.receive_count > 0),
    func.count().filter(table.c.visible_at > bindparam("now"), table.c.receive_count == 0),
).where(table.c.queue_id == bindparam("queue"))
_EXPIRED_COUNTS = _COUNTS.where(table.c.sent <= bindparam("horizon"))


def counts(connection: Connection, queue: Queue, now: float, horizon: float) -> Counts:
    """What is in the queue now; messages sent at or before `horizon` have expired."""
    values = {"queue": queue.id, "now": now}
    every = connection.execute(_COUNTS, values).one()
    expired = connection.execute(_EXPIRED_COUNTS, {**values, "horizon": horizon}).one()
    return Counts(*(number - gone for number, gone in zip(every, expired, strict=True)))


_IN_FLIGHT = select(func.count()).where(
    table.c.queue_id == bindparam("queue"), table.c.visible_at > bindparam("now"), table.c.receive_count > 0
)


def in_flight(connection: Connection, queue: Queue, now: float) -> int:
    """How many messages are hidden because someone received them."""
    return int(connection.execute(_IN_FLIGHT, {"queue": queue.id, "now": now}).scalar_one())


_FORGET = delete(deduplications).where(
    deduplications.c.queue_id == bindparam("queue"), deduplications.c.expires <= bindparam("now")
)
_SENT_BEFORE = select(deduplications.c.message_id, deduplications.c.sequence).where(
    deduplications.c.queue_id == bindparam("queue"),
    deduplications.c.group_id == bindparam("group"),
    deduplications.c.deduplication_id == bindparam("deduplication"),
)


def sent_before(
    transaction: Transaction, queue: Queue, group: str, deduplication_id: str, now: float
) -> tuple[str, int] | None:
    """Message id and number of what was sent under this id lately. `group`: empty if the id holds for all."""
    transaction.connection.execute(_FORGET, {"queue": queue.id, "now": now})
    values = {"queue": queue.id, "group": group, "deduplication": deduplication_id}
    row = transaction.connection.execute(_SENT_BEFORE, values).one_or_none()
    return (row.message_id, row.sequence) if row else None


_REMEMBER = insert(deduplications)


def remember(
    transaction: Transaction,
    queue: Queue,
    group: str,
    deduplication_id: str,
    sent: tuple[str, int],
    expires: float,
) -> None:
    """Keep message id and number of what was sent under this id until then."""
    values = {"queue_id": queue.id, "group_id": group, "deduplication_id": deduplication_id, "expires": expires}
    transaction.connection.execute(_REMEMBER, {**values, "message_id": sent[0], "sequence": sent[1]})


def _message(row: Row[tuple[object, ...]]) -> Message:
    return Message(
        row.id,
        row.queue_id,
        row.message_id,
        row.body,
        row.attributes,
        row.system_attributes,
        row.sent,
        row.visible_at,
        row.receive_count,
        row.first_received,
        row.last_received,
        row.group_id,
    )
