"""Work: everything that lives long and must be looked at again, and when.

A row says: the machine of that name should look at `subject` (an ARN) at `due` (epoch seconds; NULL: only when
woken). Waking is part of the transaction that gave the reason, so no reason is ever lost. A worker leases the row
before it looks; `wakes` counts reasons, so one that came during the look is not overlooked when it ends.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Float,
    Index,
    Integer,
    String,
    Table,
    and_,
    case,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert

from stepwell.store.database import Transaction, metadata

table = Table(
    "work",
    metadata,
    Column("subject", String, primary_key=True),
    Column("machine", String, nullable=False),
    Column("due", Float),
    Column("wakes", Integer, nullable=False, default=0),
    Column("lease_token", String),
    Column("lease_expires", Float),
    Index("work_due", "due"),
)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to decide about one subject until `expires` (epoch seconds)."""

    subject: str
    machine: str
    token: str
    wakes: int


def wake(transaction: Transaction, machine: str, subject: str, due: float) -> None:
    """Have `machine` look at `subject` at `due`, or earlier if it already should."""
    statement = insert(table).values(subject=subject, machine=machine, due=due, wakes=1)
    earlier = case((table.c.due <= due, table.c.due), else_=due)
    sooner = {"due": earlier, "wakes": table.c.wakes + 1}
    transaction.connection.execute(statement.on_conflict_do_update(index_elements=["subject"], set_=sooner))


def ready(connection: Connection, now: float, limit: int) -> list[str]:
    """Subjects that are due and that nobody holds, the longest due first."""
    free = or_(table.c.lease_token.is_(None), table.c.lease_expires <= now)
    query = select(table.c.subject).where(table.c.due <= now, free).order_by(table.c.due).limit(limit)
    return list(connection.execute(query).scalars())


def next_due(connection: Connection) -> float | None:
    """When the next row that nobody holds comes due."""
    query = select(table.c.due).where(table.c.due.is_not(None), table.c.lease_token.is_(None))
    return connection.execute(query.order_by(table.c.due).limit(1)).scalar_one_or_none()


def count(connection: Connection) -> int:
    """How many things have something left to do."""
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def lease(transaction: Transaction, subject: str, token: str, now: float, expires: float) -> Lease | None:
    """Take the row if it is due and free; None if somebody was faster."""
    free = or_(table.c.lease_token.is_(None), table.c.lease_expires <= now)
    condition = and_(table.c.subject == subject, table.c.due <= now, free)
    statement = update(table).where(condition).values(lease_token=token, lease_expires=expires)
    row = transaction.connection.execute(statement.returning(table.c.machine, table.c.wakes)).one_or_none()
    return Lease(subject, row.machine, token, row.wakes) if row else None


def extend(transaction: Transaction, held: Lease, expires: float) -> bool:
    """Hold on for longer; False if the lease was lost."""
    statement = update(table).where(_holding(held)).values(lease_expires=expires)
    return transaction.connection.execute(statement).rowcount == 1


def is_held(connection: Connection, held: Lease) -> bool:
    """Whether the lease still stands: asked in the transaction that applies what was decided under it."""
    return connection.execute(select(table.c.subject).where(_holding(held))).one_or_none() is not None


def release(transaction: Transaction, held: Lease, due: float | None) -> None:
    """Give the row back until `due`; a wake that came meanwhile keeps it due as it is."""
    freed = {"lease_token": None, "lease_expires": None}
    unchanged = and_(_holding(held), table.c.wakes == held.wakes)
    if transaction.connection.execute(update(table).where(unchanged).values(due=due, **freed)).rowcount == 0:
        transaction.connection.execute(update(table).where(_holding(held)).values(**freed))


def finish(transaction: Transaction, held: Lease) -> None:
    """Nothing is left to decide: forget the row, unless a new reason came up while it was held."""
    unchanged = and_(_holding(held), table.c.wakes == held.wakes)
    if transaction.connection.execute(delete(table).where(unchanged)).rowcount == 0:
        release(transaction, held, None)


def release_all(transaction: Transaction) -> None:
    """Free every lease: for the start of a server that is alone with its data (it holds the folder's lock)."""
    transaction.connection.execute(update(table).values(lease_token=None, lease_expires=None))


def _holding(held: Lease) -> ColumnElement[bool]:
    return and_(table.c.subject == held.subject, table.c.lease_token == held.token)
