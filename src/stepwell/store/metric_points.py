"""Metrics: a row for each series, and a row for each point of it. CloudWatch answers from here; later BatchPutMetrics
writes here too, which is what `step` is for.

A point is a value that was seen `count` times at a moment (NULL: once), or, where `minimum` is set, the summary of
`count` values whose sum is `value`. Points lie by series and time, so that a series is read in one go; `ordinal`
keeps those of one millisecond apart and in the order in which they came. Moments are epoch seconds outside and
milliseconds inside. A namespace that begins with a colon is the server's own: no client can name it, no list has it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Float,
    ForeignKey,
    Integer,
    String,
    Table,
    UniqueConstraint,
    bindparam,
    case,
    delete,
    exists,
    func,
    select,
    tuple_,
)
from sqlalchemy.dialects.sqlite import insert

from stepwell.base.arn import Scope
from stepwell.store.database import Transaction, metadata
from stepwell.store.prepared import Prepared

NO_UNIT = "None"
"""CloudWatch's word for a point without a unit; stored as NULL."""

series = Table(
    "metric_series",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account", String, nullable=False),
    Column("region", String, nullable=False),
    Column("namespace", String, nullable=False),
    Column("name", String, nullable=False),
    Column("dimensions", String, nullable=False),
    UniqueConstraint("account", "region", "namespace", "name", "dimensions"),
    sqlite_autoincrement=True,
)

points = Table(
    "metric_points",
    metadata,
    Column("series_id", ForeignKey(series.c.id, ondelete="CASCADE"), primary_key=True),
    Column("timestamp", BigInteger, primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("value", Float, nullable=False),
    Column("unit", String),
    Column("count", Float),
    Column("minimum", Float),
    Column("maximum", Float),
    Column("step", BigInteger),
    sqlite_with_rowid=False,
)


@dataclass(frozen=True, slots=True, order=True)
class Metric:
    """What a series is known by. `dimensions` are (name, value) pairs, in order of their names."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a moment; with `minimum` and `maximum`, the sum of `count` values."""

    moment: float
    value: float
    unit: str = NO_UNIT
    count: float = 1.0
    minimum: float | None = None
    maximum: float | None = None
    step: int | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """The points of one unit in one period, which begins at `moment`."""

    moment: float
    unit: str
    count: float
    total: float
    minimum: float
    maximum: float


@dataclass(frozen=True, slots=True)
class Span:
    """From `begin` to before `end`, in periods of `period` seconds counted from `begin`. `unit` "": any."""

    begin: float
    end: float
    period: float
    unit: str = ""


_OF_METRIC = tuple(
    series.c[name] == bindparam(name) for name in ("account", "region", "namespace", "name", "dimensions")
)
_FIND = Prepared(select(series.c.id).where(*_OF_METRIC))
_ADD_SERIES = Prepared(
    insert(series)
    .values({name: bindparam(name) for name in ("account", "region", "namespace", "name", "dimensions")})
    .returning(series.c.id)
)
_BEFORE = points.alias("before")
_NEXT_ORDINAL = (
    select(func.coalesce(func.max(_BEFORE.c.ordinal) + 1, 0))
    .where(_BEFORE.c.series_id == bindparam("of_series"), _BEFORE.c.timestamp == bindparam("at"))
    .scalar_subquery()
)
_ADD_POINT = Prepared(
    insert(points).values(
        series_id=bindparam("of_series"),
        timestamp=bindparam("at"),
        ordinal=_NEXT_ORDINAL,
        **{name: bindparam(name) for name in ("value", "unit", "count", "minimum", "maximum", "step")},
    )
)

_unit = func.coalesce(points.c.unit, NO_UNIT)
_count = func.coalesce(points.c.count, 1.0)
_is_summary = points.c.minimum.is_not(None)
_total = case((_is_summary, points.c.value), else_=points.c.value * _count)
_low = func.coalesce(points.c.minimum, points.c.value)
_high = func.coalesce(points.c.maximum, points.c.value)


def add(transaction: Transaction, scope: Scope, batch: Iterable[tuple[Metric, Point]]) -> None:
    """Keep these points, in this order, in the account and region of `scope`."""
    known: dict[Metric, int] = {}
    rows = []
    for metric, point in batch:
        series_id = known.get(metric)
        if series_id is None:
            series_id = known[metric] = find(transaction.connection, scope, metric) or _make(
                transaction, scope, metric
            )
        rows.append(_row(series_id, point))
    _ADD_POINT.run_all(transaction.connection, rows)


def find(connection: Connection, scope: Scope, metric: Metric) -> int | None:
    """The id of the series; None while it has no point."""
    row = _FIND.first(connection, **_named(scope, metric))
    return row[0] if row else None


def summaries(
    connection: Connection, series_id: int, span: Span, *, descending: bool = False, limit: int | None = None
) -> list[Summary]:
    """What came in each period that has points, by time and unit."""
    begin, length = _milliseconds(span.begin), _milliseconds(span.period)
    number = ((points.c.timestamp - begin) // length).label("number")
    query = (
        select(number, _unit, func.sum(_count), func.sum(_total), func.min(_low), func.max(_high))
        .where(*_within(series_id, span))
        .group_by(number, _unit)
        .order_by(number.desc() if descending else number, _unit)
        .limit(limit)
    )
    return [Summary((begin + int(row[0]) * length) / 1000, *row[1:]) for row in connection.execute(query)]


def values(connection: Connection, series_id: int, span: Span) -> list[Point]:
    """Every point in the span, in order."""
    columns = (points.c.timestamp, points.c.value, _unit, _count, points.c.minimum, points.c.maximum, points.c.step)
    query = select(*columns).where(*_within(series_id, span)).order_by(points.c.timestamp, points.c.ordinal)
    return [Point(row[0] / 1000, *row[1:]) for row in connection.execute(query)]


def units(connection: Connection, series_id: int, span: Span) -> set[str]:
    """The units that points in the span have."""
    return set(connection.execute(select(_unit).where(*_within(series_id, span)).distinct()).scalars())


def page(
    connection: Connection,
    scope: Scope,
    *,
    namespace: str = "",
    name: str = "",
    dimensions: Sequence[tuple[str, str | None]] = (),
    since: float,
    after: Metric | None = None,
    limit: int,
) -> list[Metric]:
    """Series in order, behind `after`, that have points since that moment. "": any; a dimension's None: any value."""
    wanted: list[ColumnElement[bool]] = [
        series.c.account == scope.account,
        series.c.region == scope.region,
        func.substr(series.c.namespace, 1, 1) != ":",
        exists().where(points.c.series_id == series.c.id, points.c.timestamp >= _milliseconds(since)),
    ]
    if namespace:
        wanted.append(series.c.namespace == namespace)
    if name:
        wanted.append(series.c.name == name)
    # a pair as JSON cannot occur anywhere else in the text: its quotes would have been escaped there
    wanted += [func.instr(series.c.dimensions, _beginning(*each)) > 0 for each in dimensions]
    order = (series.c.namespace, series.c.name, series.c.dimensions)
    if after is not None:
        wanted.append(tuple_(*order) > tuple_(after.namespace, after.name, _written(after.dimensions)))
    return [_metric(*row) for row in connection.execute(select(*order).where(*wanted).order_by(*order).limit(limit))]


def outdated(connection: Connection, before: float, after: int, limit: int) -> list[int]:
    """The next series with an id above `after` that have points from before that moment."""
    old = exists().where(points.c.series_id == series.c.id, points.c.timestamp < _milliseconds(before))
    query = select(series.c.id).where(series.c.id > after, old).order_by(series.c.id).limit(limit)
    return list(connection.execute(query).scalars())


def forget(transaction: Transaction, series_id: int, before: float) -> None:
    """Delete the points of the series from before that moment, and a series that has none left."""
    old = (points.c.series_id == series_id, points.c.timestamp < _milliseconds(before))
    transaction.connection.execute(delete(points).where(*old))
    left = exists().where(points.c.series_id == series.c.id)
    transaction.connection.execute(delete(series).where(series.c.id == series_id, ~left))


def _make(transaction: Transaction, scope: Scope, metric: Metric) -> int:
    row = _ADD_SERIES.first(transaction.connection, **_named(scope, metric))
    assert row is not None
    return int(row[0])


def _row(series_id: int, point: Point) -> dict[str, object]:
    return {
        "of_series": series_id,
        "at": _milliseconds(point.moment),
        "value": point.value,
        "unit": None if point.unit == NO_UNIT else point.unit,
        "count": None if point.count == 1.0 else point.count,
        "minimum": point.minimum,
        "maximum": point.maximum,
        "step": point.step,
    }


def _within(series_id: int, span: Span) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = [
        points.c.series_id == series_id,
        points.c.timestamp >= _milliseconds(span.begin),
        points.c.timestamp < _milliseconds(span.end),
    ]
    if span.unit:
        wanted.append(_unit == span.unit)
    return wanted


def _milliseconds(moment: float) -> int:
    return round(moment * 1000)


def _named(scope: Scope, metric: Metric) -> dict[str, str]:
    return {
        "account": scope.account,
        "region": scope.region,
        "namespace": metric.namespace,
        "name": metric.name,
        "dimensions": _written(metric.dimensions),
    }


def _metric(namespace: str, name: str, dimensions: str) -> Metric:
    return Metric(namespace, name, tuple((pair[0], pair[1]) for pair in json.loads(dimensions)))


def _written(dimensions: Sequence[Sequence[str]]) -> str:
    return json.dumps(dimensions, separators=(",", ":"), ensure_ascii=False)


def _beginning(name: str, value: str | None) -> str:
    """What the text of dimensions contains if one has that name, and that value if there is one."""
    return _written([[name, value]])[1:-1] if value is not None else _written([[name]])[1:-2] + ","
