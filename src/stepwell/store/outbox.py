"""Room store: events that were announced and not yet matched against rules.

An event is a row written in the transaction of what it describes, so neither is ever there without the other. Where
no rule listens, nothing is written. In: the parts of an event. Out: its id, or None when nobody listens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import JSON, Column, Connection, Float, String, Table, bindparam, delete, insert, select

from stepwell.base import ids, times
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.store import resources as stored
from stepwell.store import work
from stepwell.store.database import Transaction, metadata
from stepwell.store.prepared import Prepared

MACHINE = "event"
RULE = "event-rule"
"""Kind of the resources that are rules; their parent is the name of their bus."""
DISABLED = "DISABLED"
DEFAULT_BUS = "default"

table = Table(
    "outbox",
    metadata,
    Column("subject", String, primary_key=True),
    Column("account", String, nullable=False),
    Column("region", String, nullable=False),
    Column("bus", String, nullable=False),
    Column("announced", Float, nullable=False),
    Column("event", JSON, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Announced:
    """One event of the outbox. `event` is the whole envelope, as rules see it; `announced` is epoch seconds."""

    subject: str
    scope: Scope
    bus: str
    announced: float
    event: Document


_INSERT = insert(table)
_FIND = select(table).where(table.c.subject == bindparam("subject"))
_REMOVE = delete(table).where(table.c.subject == bindparam("wanted"))
_rules = stored.table.c
_LISTENING = Prepared(
    select(_rules.id)
    .where(
        _rules.kind == RULE,
        _rules.account == bindparam("account"),
        _rules.region == bindparam("region"),
        _rules.parent == bindparam("bus"),
        _rules.status != DISABLED,
    )
    .limit(1)
)


def is_heard(connection: Connection, scope: Scope, bus: str = DEFAULT_BUS) -> bool:
    """Whether an enabled rule stands on that bus: one look-up in the index of names."""
    return _LISTENING.first(connection, account=scope.account, region=scope.region, bus=bus) is not None


def emit(
    transaction: Transaction,
    scope: Scope,
    source: str,
    detail_type: str,
    resources: Sequence[str],
    detail: Document,
    now: float,
    *,
    bus: str = DEFAULT_BUS,
    occurred: float | None = None,
) -> str | None:
    """Announce an event, in the transaction of what it tells. Returns its id; None when nobody listens.

    Whoever calls this also rouses the runtime on commit (`Site.wake` does), or the event waits for its next look.
    `occurred` is what its `time` says, when that is not `now`.
    """
    if not is_heard(transaction.connection, scope, bus):
        return None
    event_id = ids.request_id()
    event: Document = {
        "version": "0",
        "id": event_id,
        "detail-type": detail_type,
        "source": source,
        "account": scope.account,
        "time": seconds(now if occurred is None else occurred),
        "region": scope.region,
        "resources": list(resources),
        "detail": detail,
    }
    subject = f"event/{event_id}"
    row = {"subject": subject, "account": scope.account, "region": scope.region, "bus": bus}
    transaction.connection.execute(_INSERT, {**row, "announced": now, "event": event})
    work.wake(transaction, MACHINE, subject, now)
    return event_id


def seconds(moment: float) -> str:
    """`moment` as events state their time: 2021-03-15T16:10:11Z."""
    return times.iso(moment)[:19] + "Z"


def find(connection: Connection, subject: str) -> Announced | None:
    """The event of that subject; None once it was matched."""
    row = connection.execute(_FIND, {"subject": subject}).one_or_none()
    if row is None:
        return None
    return Announced(row.subject, Scope(row.account, row.region), row.bus, row.announced, row.event)


def remove(transaction: Transaction, subject: str) -> None:
    """Forget the event: it was matched."""
    transaction.connection.execute(_REMOVE, {"wanted": subject})
