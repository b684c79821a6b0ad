"""Work: everything that lives long and must be looked at again, and when.

A row says: the machine of that name should look at `subject` (an ARN) at `due` (epoch seconds; NULL: only when
woken). Waking is part of the transaction that gave the reason, so no reason is ever lost. A worker leases the row
before it looks; `wakes` counts reasons, so one that came during the look is not overlooked when it ends. `holder` is
the token of the last lease, kept when it is given back: who finds his own there knows that nobody looked meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import (
    Column,
    Connection,
    Float,
    Index,
    Integer,
    String,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert

from stepwell.store.database import Transaction, metadata
from stepwell.store.prepared import Prepared

table = Table(
    "work",
    metadata,
    Column("subject", String, primary_key=True),
    Column("machine", String, nullable=False),
    Column("due", Float),
    Column("wakes", Integer, nullable=False, default=0),
    Column("lease_token", String),
    Column("lease_expires", Float),
    Column("holder", String),
    Column("previous_holder", String),
    Index("work_due", "due"),
)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to decide about one subject until `expires` (epoch seconds)."""

    subject: str
    machine: str
    token: str
    wakes: int
    previous: str | None = None
    """The token of the lease before; None: nobody has looked yet."""


# Statements are built once: building one costs as much as running it.
_ADD = insert(table).values(subject=bindparam("subject"), machine=bindparam("machine"), due=bindparam("due"), wakes=1)
_WAKE = Prepared(
    _ADD.on_conflict_do_update(
        index_elements=["subject"],
        set_={
            "due": case((table.c.due <= _ADD.excluded.due, table.c.due), else_=_ADD.excluded.due),
            "wakes": table.c.wakes + 1,
        },
    )
)
_FREE = or_(table.c.lease_token.is_(None), table.c.lease_expires <= bindparam("now"))
_READY = Prepared(
    select(table.c.subject, table.c.machine)
    .where(table.c.due <= bindparam("now"), _FREE)
    .order_by(table.c.due)
    .limit(bindparam("most"))
)
_NEXT_DUE = Prepared(
    select(table.c.due).where(table.c.due.is_not(None), table.c.lease_token.is_(None)).order_by(table.c.due).limit(1)
)
_LEASE = Prepared(
    update(table)
    .where(table.c.subject == bindparam("of_subject"), table.c.due <= bindparam("now"), _FREE)
    .values(
        lease_token=bindparam("token"),
        lease_expires=bindparam("expires"),
        holder=bindparam("token"),
        previous_holder=table.c.holder,
    )
    .returning(table.c.machine, table.c.wakes, table.c.previous_holder)
)
_HELD = and_(table.c.subject == bindparam("of_subject"), table.c.lease_token == bindparam("held_token"))
_UNCHANGED = and_(_HELD, table.c.wakes == bindparam("seen_wakes"))
_IS_HELD = Prepared(select(table.c.subject).where(_HELD))
_EXTEND = Prepared(update(table).where(_HELD).values(lease_expires=bindparam("expires")))
_FREED = {"lease_token": None, "lease_expires": None}
_RELEASE = Prepared(update(table).where(_UNCHANGED).values(due=bindparam("next_due"), **_FREED))
_RELEASE_AS_DUE = Prepared(update(table).where(_HELD).values(**_FREED))
_FINISH = Prepared(delete(table).where(_UNCHANGED))


def wake(transaction: Transaction, machine: str, subject: str, due: float) -> None:
    """Have `machine` look at `subject` at `due`, or earlier if it already should."""
    _WAKE.run(transaction.connection, subject=subject, machine=machine, due=due)


def ready(connection: Connection, now: float, limit: int) -> list[tuple[str, str]]:
    """Subjects that are due and that nobody holds, with their machines, the longest due first."""
    return [(subject, machine) for subject, machine in _READY.all(connection, now=now, most=limit)]


def next_due(connection: Connection) -> float | None:
    """When the next row that nobody holds comes due."""
    row = _NEXT_DUE.first(connection)
    return row[0] if row else None


def count(connection: Connection, machines: Collection[str]) -> int:
    """How many things of these machines have something left to do."""
    query = select(func.count()).select_from(table).where(table.c.machine.in_(machines))
    return int(connection.execute(query).scalar_one())


def subjects(connection: Connection, machine: str) -> list[str]:
    """Everything of that machine that has something left to do."""
    return list(connection.execute(select(table.c.subject).where(table.c.machine == machine)).scalars())


def lease(transaction: Transaction, subject: str, token: str, now: float, expires: float) -> Lease | None:
    """Take the row if it is due and free; None if somebody was faster."""
    row = _LEASE.first(transaction.connection, of_subject=subject, token=token, now=now, expires=expires)
    if row is None:
        return None
    machine, wakes, previous = row
    return Lease(subject, machine, token, wakes, previous)


def extend(transaction: Transaction, held: Lease, expires: float) -> bool:
    """Hold on for longer; False if the lease was lost."""
    return _EXTEND.run(transaction.connection, **_holding(held), expires=expires) == 1


def is_held(connection: Connection, held: Lease) -> bool:
    """Whether the lease still stands: asked in the transaction that applies what was decided under it."""
    return _IS_HELD.first(connection, **_holding(held)) is not None


def release(transaction: Transaction, held: Lease, due: float | None) -> None:
    """Give the row back until `due`; a wake that came meanwhile keeps it due as it is."""
    connection, holding = transaction.connection, _holding(held)
    if not _RELEASE.run(connection, **holding, seen_wakes=held.wakes, next_due=due):
        _RELEASE_AS_DUE.run(connection, **holding)


def finish(transaction: Transaction, held: Lease) -> None:
    """Nothing is left to decide: forget the row, unless a new reason came up while it was held."""
    if not _FINISH.run(transaction.connection, **_holding(held), seen_wakes=held.wakes):
        release(transaction, held, None)


def take_over(transaction: Transaction, now: float) -> None:
    """Free every lease and look at everything: for a server that is alone with its data (it holds the lock).

    What a predecessor was watching for in its own memory, such as the end of a process, is found by looking.
    """
    transaction.connection.execute(update(table).values(lease_token=None, lease_expires=None, due=now))


def _holding(held: Lease) -> dict[str, object]:
    return {"of_subject": held.subject, "held_token": held.token}
