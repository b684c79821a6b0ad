"""The steps of pipeline executions that have begun: one row a step, as ListPipelineExecutionSteps shows it.

Steps that were never reached have no row (spec 02, section 3). `properties` is the Describe response that later
steps refer to; it is read one step at a time, because an execution may have thousands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    bindparam,
    delete,
    func,
    select,
)
from sqlalchemy.dialects.sqlite import insert

from stepwell.base.documents import Document
from stepwell.store.database import Transaction, metadata
from stepwell.store.prepared import Prepared

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
    Column("properties", JSON(none_as_null=True)),
    Column("outcome", Boolean),
    Column("first_attempt", Integer, nullable=False),
    Column("retry_at", Float),
    Column("cache_key", String),
    Column("attributes", JSON(none_as_null=True)),
    Column("source", String),
    Column("is_reused", Boolean, nullable=False),
    Column("turn", JSON(none_as_null=True)),
    Column("items", JSON(none_as_null=True)),
    UniqueConstraint("execution", "name"),
    sqlite_autoincrement=True,
)

_IS_SOURCE = table.c.cache_key.is_not(None)
Index("step_cache_key", table.c.cache_key, table.c.ended, sqlite_where=_IS_SOURCE, postgresql_where=_IS_SOURCE)


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
    metadata: Document = field(default_factory=dict)
    properties: Document | None = None
    outcome: bool | None = None
    """Of a Condition that was evaluated."""
    first_attempt: int = 1
    """The attempt from which retry policies count; above 1 after RetryPipelineExecution."""
    retry_at: float | None = None
    """Of a step that waits to be tried again: when."""
    cache_key: str | None = None
    """By which later runs find this one, if it really ran."""
    attributes: Document | None = None
    """What the cache key was made of."""
    source: str | None = None
    """The execution that really ran it, when this one took its result."""
    is_reused: bool = False
    """It was taken because a selective execution left it out; otherwise a `source` is a cache hit."""
    turn: Document | None = None
    """Of a step that a ForEach has made: ParentStepName, Index, Item and the Body step it is made of."""
    items: list[object] | None = None
    """Of a ForEach: what it goes through."""
    id: int = 0

    def with_end(
        self, status: str, now: float, *, reason: str | None = None, properties: Document | None = None
    ) -> Step:
        """The same step, ended at `now`."""
        return replace(self, status=status, ended=now, failure_reason=reason, properties=properties, retry_at=None)


_FIELDS = tuple(name for name in Step.__slots__ if name != "id")
_UNCHANGING = ("execution", "name")
_BULKY = ("properties", "attributes")
"""Columns that are not read with the others; a step without them keeps what its row has."""
_IN_MEMORY = [column for column in table.c if column.name not in _BULKY]
_ALL = list(table.c)

# Statements are built once: building one costs as much as running it.
_INSERT = insert(table).values({name: bindparam(name) for name in _FIELDS})
_UPSERT = _INSERT.on_conflict_do_update(
    index_elements=["execution", "name"],
    set_={
        **{name: _INSERT.excluded[name] for name in _FIELDS if name not in _UNCHANGING},
        **{name: func.coalesce(_INSERT.excluded[name], table.c[name]) for name in _BULKY},
    },
)
_SAVE = Prepared(_UPSERT)
_OF = Prepared(
    select(*_IN_MEMORY).where(table.c.execution == bindparam("of_execution")).order_by(table.c.started, table.c.id)
)
_NAMED = (table.c.execution == bindparam("of_execution"), table.c.name == bindparam("of_name"))
_FIND = Prepared(select(*_ALL).where(*_NAMED))
_PROPERTIES = Prepared(select(table.c.properties).where(*_NAMED))
_NEWEST = Prepared(
    select(*_ALL)
    .where(
        table.c.cache_key == bindparam("of_key"),
        table.c.status == "Succeeded",
        table.c.source.is_(None),
        table.c.ended >= bindparam("ended_after"),
    )
    .order_by(table.c.ended.desc(), table.c.id.desc())
    .limit(1)
)
_REMOVE = Prepared(delete(table).where(*_NAMED))


def save(transaction: Transaction, step: Step) -> None:
    """Insert the step, or bring its row up to date."""
    save_all(transaction, [step])


def save_all(transaction: Transaction, steps: Iterable[Step]) -> None:
    """Insert these steps, or bring their rows up to date. Of two with one name the later counts."""
    _SAVE.run_all(transaction.connection, ({name: getattr(step, name) for name in _FIELDS} for step in steps))


def of(connection: Connection, execution: str) -> list[Step]:
    """Every begun step of the execution, in the order they began, without properties and attributes."""
    return [_step(_IN_MEMORY, row) for row in _OF.all(connection, of_execution=execution)]


def find(connection: Connection, execution: str, name: str) -> Step | None:
    """One step by its name."""
    row = _FIND.first(connection, of_execution=execution, of_name=name)
    return _step(_ALL, row) if row else None


def properties(connection: Connection, execution: str, name: str) -> Document | None:
    """The properties of a step; None when it has none (yet)."""
    found = _PROPERTIES.first(connection, of_execution=execution, of_name=name)
    return found[0] if found else None


def newest_success(connection: Connection, cache_key: str, ended_after: float) -> Step | None:
    """The latest step of that cache key that really ran, succeeded, and ended at that moment or later."""
    row = _NEWEST.first(connection, of_key=cache_key, ended_after=ended_after)
    return _step(_ALL, row) if row else None


def page(
    connection: Connection, execution: str, *, descending: bool, limit: int, after: tuple[object, int] | None
) -> tuple[list[Step], tuple[object, int] | None]:
    """One page of steps by start time, without properties and attributes, and where the next begins."""
    query = select(*_IN_MEMORY).where(table.c.execution == execution)
    begins = table.c.started
    if after is not None:
        value, row_id = after
        same = begins == value
        if descending:
            query = query.where((begins < value) | (same & (table.c.id < row_id)))
        else:
            query = query.where((begins > value) | (same & (table.c.id > row_id)))
    order = (begins.desc(), table.c.id.desc()) if descending else (begins, table.c.id)
    found = [_step(_IN_MEMORY, tuple(row)) for row in connection.execute(query.order_by(*order).limit(limit + 1))]
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], (last.started, last.id)


def remove(transaction: Transaction, execution: str, names: Sequence[str]) -> None:
    """Delete these steps of the execution."""
    _REMOVE.run_all(transaction.connection, ({"of_execution": execution, "of_name": name} for name in names))


def remove_of_pipeline(transaction: Transaction, pipeline: str) -> None:
    """Delete all steps of all executions of the pipeline of that ARN."""
    of_it = table.c.execution.startswith(f"{pipeline}/execution/", autoescape=True)
    transaction.connection.execute(delete(table).where(of_it))


def _step(columns: Sequence[Column[object]], row: tuple[object, ...]) -> Step:
    return Step(**{column.name: value for column, value in zip(columns, row, strict=True)})  # type: ignore[arg-type]
