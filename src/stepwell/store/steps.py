"""The steps of pipeline executions that have begun: one row a step, as ListPipelineExecutionSteps shows it.

Steps that were never reached have no row (spec 02, section 3). `properties` is the Describe response that later
steps refer to.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Float,
    Integer,
    Row,
    String,
    Table,
    UniqueConstraint,
    delete,
    select,
)
from sqlalchemy.dialects.sqlite import insert

from stepwell.base.documents import Document
from stepwell.store.database import Transaction, metadata

table = Table(
    "execution_steps",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("execution", String, nullable=False),
    Column("name", String, nullable=False),
    Column("status", String, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("started", Float, nullable=False),
    Column("ended", Float),
    Column("failure_reason", String),
    Column("metadata", JSON, nullable=False),
    Column("properties", JSON),
    UniqueConstraint("execution", "name"),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True)
class Step:
    """A begun step. `execution` is the execution's ARN; times are epoch seconds."""

    execution: str
    name: str
    status: str
    attempt: int
    started: float
    ended: float | None = None
    failure_reason: str | None = None
    metadata: Document | None = None
    properties: Document | None = None
    id: int = 0

    def with_end(
        self, status: str, now: float, *, reason: str | None = None, properties: Document | None = None
    ) -> Step:
        """The same step, ended at `now`."""
        return replace(self, status=status, ended=now, failure_reason=reason, properties=properties)


def save(transaction: Transaction, step: Step) -> None:
    """Insert the step, or bring its row up to date."""
    values: dict[str, object] = {
        "execution": step.execution,
        "name": step.name,
        "status": step.status,
        "attempt": step.attempt,
        "started": step.started,
        "ended": step.ended,
        "failure_reason": step.failure_reason,
        "metadata": step.metadata or {},
        "properties": step.properties,
    }
    statement = insert(table).values(**values)
    transaction.connection.execute(statement.on_conflict_do_update(index_elements=["execution", "name"], set_=values))


def of(connection: Connection, execution: str) -> list[Step]:
    """Every begun step of the execution, in the order they began."""
    query = select(table).where(table.c.execution == execution).order_by(table.c.started, table.c.id)
    return [_step(row) for row in connection.execute(query)]


def find(connection: Connection, execution: str, name: str) -> Step | None:
    """One step by its name."""
    query = select(table).where(table.c.execution == execution, table.c.name == name)
    row = connection.execute(query).one_or_none()
    return _step(row) if row else None


def page(
    connection: Connection, execution: str, *, descending: bool, limit: int, after: tuple[object, int] | None
) -> tuple[list[Step], tuple[object, int] | None]:
    """One page of steps by start time, and where the next begins."""
    query = select(table).where(table.c.execution == execution)
    begins = table.c.started
    if after is not None:
        value, row_id = after
        same = begins == value
        if descending:
            query = query.where((begins < value) | (same & (table.c.id < row_id)))
        else:
            query = query.where((begins > value) | (same & (table.c.id > row_id)))
    order = (begins.desc(), table.c.id.desc()) if descending else (begins, table.c.id)
    found = [_step(row) for row in connection.execute(query.order_by(*order).limit(limit + 1))]
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], (last.started, last.id)


def remove_of_pipeline(transaction: Transaction, pipeline: str) -> None:
    """Delete all steps of all executions of the pipeline of that ARN."""
    of_it = table.c.execution.startswith(f"{pipeline}/execution/", autoescape=True)
    transaction.connection.execute(delete(table).where(of_it))


def _step(row: Row[tuple[object, ...]]) -> Step:
    return Step(
        row.execution,
        row.name,
        row.status,
        row.attempt,
        row.started,
        row.ended,
        row.failure_reason,
        row.metadata,
        row.properties,
        row.id,
    )
