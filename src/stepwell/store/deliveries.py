"""Room store: what rules and schedules are to bring to their targets, until it has arrived or was given up.

A delivery's id derives from its cause (event, rule, target; schedule, occurrence), so a cause that is told twice
makes one. `order` says what to bring and where; the columns say how far it has come. In and out: Stored.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import JSON, Column, Connection, Float, Integer, String, Table, bindparam, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.store import work
from stepwell.store.database import Transaction, metadata

MACHINE = "delivery"

table = Table(
    "deliveries",
    metadata,
    Column("id", String, primary_key=True),
    Column("account", String, nullable=False),
    Column("region", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due", Float, nullable=False),
    Column("refusal", JSON),
    Column("order", JSON, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Stored:
    """One delivery. `created` and `due` (of the next attempt) are epoch seconds; `refusal` is the last answer."""

    id: str
    scope: Scope
    created: float
    order: Document
    attempts: int = 0
    due: float = 0.0
    refusal: Document | None = None

    @property
    def subject(self) -> str:
        """What the work table calls it."""
        return f"delivery/{self.id}"


_ADD = insert(table).on_conflict_do_nothing(index_elements=["id"])
_FIND = select(table).where(table.c.id == bindparam("wanted"))
_MOVE = update(table).where(table.c.id == bindparam("wanted"))
_REMOVE = delete(table).where(table.c.id == bindparam("wanted"))


def add(transaction: Transaction, delivery: Stored) -> None:
    """Keep the delivery and set it going; one that stands already stays as it is."""
    row = {
        "id": delivery.id,
        "account": delivery.scope.account,
        "region": delivery.scope.region,
        "created": delivery.created,
        "attempts": delivery.attempts,
        "due": delivery.due,
        "refusal": delivery.refusal,
        "order": delivery.order,
    }
    if transaction.connection.execute(_ADD, row).rowcount == 1:
        work.wake(transaction, MACHINE, delivery.subject, delivery.due)


def find(connection: Connection, subject: str) -> Stored | None:
    """The delivery that the work table calls `subject`; None once it is over."""
    row = connection.execute(_FIND, {"wanted": subject.removeprefix("delivery/")}).one_or_none()
    if row is None:
        return None
    scope = Scope(row.account, row.region)
    return Stored(row.id, scope, row.created, row.order, row.attempts, row.due, row.refusal)


def move(transaction: Transaction, delivery_id: str, attempts: int, due: float, refusal: Document | None) -> None:
    """Note how far the delivery has come."""
    values = {"wanted": delivery_id, "attempts": attempts, "due": due, "refusal": refusal}
    transaction.connection.execute(_MOVE, values)


def remove(transaction: Transaction, delivery_id: str) -> None:
    """Forget the delivery: it arrived, or was given up."""
    transaction.connection.execute(_REMOVE, {"wanted": delivery_id})
