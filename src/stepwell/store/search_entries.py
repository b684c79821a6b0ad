"""Room store: the search index. A row says: this resource has this value of this property.

Rows lie in the order of property, form, value and resource, so what a filter or a sort wants of one property is one
stretch of the table; beside that they are found by resource. A resource has a row for each value of each property
that is searched by (store/search_properties.py), or one that says that it has none (`MISSING`); its rows go with it.
Forms are those of machines/search_values.py.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Float,
    ForeignKey,
    FromClause,
    Index,
    Integer,
    String,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.sqlite import insert

from stepwell.store import resources, search_properties
from stepwell.store.database import Transaction, metadata
from stepwell.store.prepared import Prepared

MISSING = 2
"""The form of a row that says: no value."""
LIVING = 3
"""The form of a row that says: what the resource has of this property may change by itself."""
table = Table(
    "search_entries",
    metadata,
    Column("property", ForeignKey(search_properties.table.c.id, ondelete="CASCADE"), primary_key=True),
    Column("form", Integer, primary_key=True),
    Column("number", Float, primary_key=True),
    Column("text", String, primary_key=True),
    Column("resource", ForeignKey(resources.table.c.id, ondelete="CASCADE"), primary_key=True),
    Index("search_entry_resource", "resource", "property"),
    sqlite_with_rowid=False,
)


class Entry(NamedTuple):
    """One row."""

    property: int
    form: int
    number: float
    text: str
    resource: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """Values of one form, between two bounds, which may be left out (`above`, `below`)."""

    form: int
    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    below: bool = False


Passing: TypeAlias = Callable[[FromClause], ColumnElement[bool]]
"""Which rows of a property have a value that is wanted."""
Condition: TypeAlias = Callable[[ColumnElement[int]], ColumnElement[bool]]
"""Which resources are wanted, by their id."""

_COLUMNS = ("property", "form", "number", "text", "resource")
_ASKED = func.json_each(bindparam("asked", type_=String)).table_valued("value")
_OF = Prepared(select(*(table.c[name] for name in _COLUMNS)).where(table.c.resource.in_(select(_ASKED.c.value))))
_ADD = Prepared(insert(table).values({name: bindparam(name) for name in _COLUMNS}).on_conflict_do_nothing())
_REMOVE = Prepared(delete(table).where(*(table.c[name] == bindparam(f"of_{name}") for name in _COLUMNS)))


def of(connection: Connection, resource_ids: Sequence[int]) -> set[Entry]:
    """The rows of these resources."""
    return {Entry(*row) for row in _OF.all(connection, asked=json.dumps(list(resource_ids)))}


def add(transaction: Transaction, entries: Iterable[Entry]) -> None:
    """Add rows; those that stand already stay."""
    _ADD.run_all(transaction.connection, (entry._asdict() for entry in entries))


def remove(transaction: Transaction, entries: Iterable[Entry]) -> None:
    """Remove rows."""
    rows = ({f"of_{name}": value for name, value in entry._asdict().items()} for entry in entries)
    _REMOVE.run_all(transaction.connection, rows)


def living(connection: Connection, properties: Sequence[int]) -> list[int]:
    """The resources that are marked as living for one of these properties."""
    wanted = (table.c.property.in_(properties), table.c.form == LIVING)
    return list(connection.execute(select(table.c.resource).where(*wanted).distinct()).scalars())


def within(stretch: Stretch) -> Passing:
    """Values in that stretch."""
    return lambda rows: and_(rows.c.form == stretch.form, *_low(rows, stretch), *_high(rows, stretch))


def texts(wanted: Sequence[str]) -> Passing:
    """One of these texts, none of which reads as a number."""
    return lambda rows: and_(rows.c.form == 1, rows.c.number == 0.0, rows.c.text.in_(wanted))


def containing(text: str) -> Passing:
    """Texts with this text in them."""
    return lambda rows: and_(rows.c.form < MISSING, func.instr(rows.c.text, text) > 0)


def present() -> Passing:
    """Any value."""
    return lambda rows: rows.c.form < MISSING


def either(passings: Sequence[Passing]) -> Passing:
    """What passes one of these."""
    return lambda rows: or_(false(), *(passing(rows) for passing in passings))


def having(of_property: int, passing: Passing, *, negated: bool = False) -> Condition:
    """Resources of which a value of the property passes; `negated`: none does."""

    def condition(resource: ColumnElement[int]) -> ColumnElement[bool]:
        rows = table.alias()
        found = exists(
            select(literal(1)).where(rows.c.resource == resource, rows.c.property == of_property, passing(rows))
        )
        return not_(found) if negated else found

    return condition


def every(conditions: Sequence[Condition]) -> Condition:
    """Resources of which all of these are true."""
    return lambda resource: and_(true(), *(condition(resource) for condition in conditions))


def some(conditions: Sequence[Condition]) -> Condition:
    """Resources of which one of these is true."""
    return lambda resource: or_(false(), *(condition(resource) for condition in conditions))


def found(connection: Connection, of_property: int, passing: Passing, most: int) -> list[int]:
    """The first so many resources with a value of the property that passes; one may be there twice."""
    query = select(table.c.resource).where(table.c.property == of_property, passing(table)).limit(most)
    return list(connection.execute(query).scalars())


def among(
    connection: Connection, of_property: int, resource_ids: Sequence[int], condition: Condition | None
) -> list[Entry]:
    """The rows of the property that these resources have, where the condition is true of them."""
    # as JSON: a statement with a place for each would cost more than what it finds
    asked = func.json_each(json.dumps(list(resource_ids))).table_valued("value")
    query = select(table).where(
        table.c.resource.in_(select(asked.c.value)), table.c.property == of_property, table.c.form <= MISSING
    )
    if condition is not None:
        query = query.where(condition(table.c.resource))
    return [Entry(*row) for row in connection.execute(query)]


def following(
    connection: Connection,
    of_property: int,
    stretch: Stretch,
    condition: Condition | None,
    *,
    descending: bool,
    after: Entry | None,
    limit: int,
) -> list[Entry]:
    """The next rows in that stretch of a property, behind `after`, of whose resources the condition is true.

    SQLite begins to read behind `after`, however far that is: bounds of one side are never given twice.
    """
    order = [table.c[name] for name in ("number", "text", "resource")]
    query = select(table).where(table.c.property == of_property, table.c.form == stretch.form)
    if after is None or descending:
        query = query.where(*_low(table, stretch))
    if after is None or not descending:
        query = query.where(*_high(table, stretch))
    if after is not None:
        here, last = tuple_(*order), tuple_(*(literal(each) for each in after[2:]))
        query = query.where(here < last if descending else here > last)
    if condition is not None:
        query = query.where(condition(table.c.resource))
    ordered = query.order_by(*(column.desc() if descending else column for column in order)).limit(limit)
    return [Entry(*row) for row in connection.execute(ordered)]


def _low(rows: FromClause, stretch: Stretch) -> list[ColumnElement[bool]]:
    if stretch.low == -math.inf and not stretch.above:
        return []
    return [rows.c.number > stretch.low if stretch.above else rows.c.number >= stretch.low]


def _high(rows: FromClause, stretch: Stretch) -> list[ColumnElement[bool]]:
    if stretch.high == math.inf and not stretch.below:
        return []
    return [rows.c.number < stretch.high if stretch.below else rows.c.number <= stretch.high]
