"""Room store: what a subject of the work table should look at, when it is woken for something particular.

A signal says: about `subject` (an ARN), look at `key`. It is written in the transaction that wakes the subject, and
removed in the one that writes down what came of it, so that a look costs what happened and not what there is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Column, Connection, Index, Integer, String, Table, bindparam, delete, insert, select

from stepwell.store.database import Transaction, metadata
from stepwell.store.prepared import Prepared

table = Table(
    "signals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("subject", String, nullable=False),
    Column("key", String, nullable=False),
    Index("signal_subject", "subject"),
    sqlite_autoincrement=True,
)

_INSERT = Prepared(insert(table).values(subject=bindparam("subject"), key=bindparam("key")))
_OF = Prepared(select(table.c.id, table.c.key).where(table.c.subject == bindparam("of_subject")).order_by(table.c.id))
_REMOVE = Prepared(delete(table).where(table.c.id == bindparam("row_id")))
_CLEAR = Prepared(delete(table).where(table.c.subject == bindparam("of_subject")))


@dataclass(frozen=True, slots=True)
class Signal:
    """One row."""

    id: int
    key: str


def add(transaction: Transaction, subject: str, key: str) -> None:
    """Have `subject` look at `key`."""
    _INSERT.run(transaction.connection, subject=subject, key=key)


def of(connection: Connection, subject: str) -> list[Signal]:
    """What the subject was told and has not dealt with, oldest first."""
    return [Signal(*row) for row in _OF.all(connection, of_subject=subject)]


def remove(transaction: Transaction, signals: Iterable[Signal]) -> None:
    """Forget signals that were dealt with."""
    _REMOVE.run_all(transaction.connection, ({"row_id": signal.id} for signal in signals))


def clear(transaction: Transaction, subject: str) -> None:
    """Forget every signal of a subject that is over."""
    _CLEAR.run(transaction.connection, of_subject=subject)
