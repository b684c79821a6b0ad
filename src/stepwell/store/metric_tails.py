"""How far the log of each host of a running job was searched for metrics, and what was found last.

A row moves forward in the transaction that keeps the points found on the way, and only from where its reader began:
whoever reads, and however often it is cut off, every line counts once. `created` tells a job from an earlier one of
its name, `attempt` one run of it from the next. Rows go when their job is over (runtime/job_meter.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import JSON, BigInteger, Column, Connection, Float, Integer, String, Table, bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from stepwell.store.database import Transaction, metadata
from stepwell.store.prepared import Prepared

table = Table(
    "metric_tails",
    metadata,
    Column("job", String, primary_key=True),
    Column("created", Float, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("host", String, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("last", JSON, nullable=False),
    Column("dropped", JSON, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Log:
    """One host's log: `job` is the ARN, `created` the time of the job's row (epoch seconds)."""

    job: str
    created: float
    attempt: int
    host: str


@dataclass(frozen=True, slots=True)
class Tail:
    """The log was searched up to byte `position`."""

    position: int = 0
    last: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Of each metric that was found: its last value, and the moment of that line (epoch seconds)."""
    dropped: Sequence[str] = ()
    """Metrics whose patterns are not applied any more: they cannot be read, or take too long."""


_OF_LOG = tuple(table.c[name] == bindparam(f"of_{name}") for name in ("job", "created", "attempt", "host"))
_FIND = Prepared(select(table.c.position, table.c.last, table.c.dropped).where(*_OF_LOG))
_BEGIN = Prepared(
    insert(table)
    .values(
        **{name: bindparam(f"of_{name}") for name in ("job", "created", "attempt", "host")},
        position=0,
        last={},
        dropped=[],
    )
    .on_conflict_do_nothing()
)
_MOVE = Prepared(
    table.update()
    .values(position=bindparam("to"), last=bindparam("now_last"), dropped=bindparam("now_dropped"))
    .where(*_OF_LOG, table.c.position == bindparam("seen"))
)
_JOBS = Prepared(select(table.c.job, table.c.created).distinct())


def find(connection: Connection, log: Log) -> Tail:
    """How far that log was searched; not at all, if nothing is known of it."""
    row = _FIND.first(connection, **_named(log))
    if row is None:
        return Tail()
    return Tail(row[0], {name: (value, moment) for name, (value, moment) in row[1].items()}, tuple(row[2]))


def move(transaction: Transaction, log: Log, seen: Tail, now: Tail) -> bool:
    """Note that it was searched from `seen` on up to `now`; False if it is no longer at `seen`."""
    if seen.position == 0:
        _BEGIN.run(transaction.connection, **_named(log))
    values = {"to": now.position, "now_last": dict(now.last), "now_dropped": list(now.dropped)}
    return _MOVE.run(transaction.connection, **_named(log), **values, seen=seen.position) == 1


def jobs(connection: Connection) -> list[tuple[str, float]]:
    """ARN and creation of the jobs whose logs are being searched."""
    return [(job, created) for job, created in _JOBS.all(connection)]


def remove(transaction: Transaction, job: str, created: float) -> None:
    """Forget how far the logs of that job were searched."""
    transaction.connection.execute(delete(table).where(table.c.job == job, table.c.created == created))


def _named(log: Log) -> dict[str, object]:
    return {"of_job": log.job, "of_created": log.created, "of_attempt": log.attempt, "of_host": log.host}
