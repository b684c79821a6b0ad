"""Room store: the metrics that clients put for trial components, summed up: a row for each metric of a component.

The points themselves are in metric_points.py, in a namespace that no client of CloudWatch can name. A row here is
kept up with every batch, so that a component is described at the same cost after ten points and after a million.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Column, Connection, Float, Integer, String, Table, bindparam, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from stepwell.base.arn import Scope
from stepwell.store import metric_points
from stepwell.store.database import Transaction, metadata
from stepwell.store.metric_points import Metric
from stepwell.store.prepared import Prepared

NAMESPACE = ":trial-components"

table = Table(
    "component_metrics",
    metadata,
    Column("component", Integer, primary_key=True),
    Column("name", String, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("mean", Float, nullable=False),
    Column("squares", Float, nullable=False),
    Column("minimum", Float, nullable=False),
    Column("maximum", Float, nullable=False),
    Column("last", Float, nullable=False),
    Column("last_at", Float, nullable=False),
    sqlite_with_rowid=False,
)

Row = tuple[int, float, float, float, float, float, float]
"""count, mean, sum of squared distances from the mean, minimum, maximum, the last value, and its moment."""

_VALUES = ("count", "mean", "squares", "minimum", "maximum", "last", "last_at")
_OF = Prepared(
    select(table.c.name, *(table.c[name] for name in _VALUES))
    .where(table.c.component == bindparam("of_component"))
    .order_by(table.c.name)
)
_ONE = Prepared(
    select(*(table.c[name] for name in _VALUES)).where(
        table.c.component == bindparam("of_component"), table.c.name == bindparam("of_name")
    )
)
_INSERT = insert(table).values({column.name: bindparam(column.name) for column in table.c})
_PUT = Prepared(
    _INSERT.on_conflict_do_update(
        index_elements=["component", "name"], set_={name: _INSERT.excluded[name] for name in _VALUES}
    )
)
_COUNT = Prepared(select(func.count()).select_from(table).where(table.c.component == bindparam("of_component")))
_REMOVE = Prepared(delete(table).where(table.c.component == bindparam("of_component")))


def series(component: int, name: str) -> Metric:
    """Where the points of a component's metric lie. `component` is its row id."""
    return Metric(NAMESPACE, name, (("component", str(component)),))


def of(connection: Connection, component: int) -> dict[str, Row]:
    """What was put for the component, by the metrics' names in their order."""
    return {row[0]: row[1:] for row in _OF.all(connection, of_component=component)}


def find(connection: Connection, component: int, name: str) -> Row | None:
    """What was put of one metric; None while nothing was."""
    return _ONE.first(connection, of_component=component, of_name=name)


def count(connection: Connection, component: int) -> int:
    """How many metrics were put for the component."""
    row = _COUNT.first(connection, of_component=component)
    return int(row[0]) if row else 0


def put(transaction: Transaction, component: int, rows: Mapping[str, Row]) -> None:
    """This is what was put so far."""
    _PUT.run_all(
        transaction.connection,
        (
            {"component": component, "name": name, **dict(zip(_VALUES, row, strict=True))}
            for name, row in rows.items()
        ),
    )


def remove(transaction: Transaction, scope: Scope, component: int) -> None:
    """Forget everything that was put for the component, the points as well."""
    names = list(of(transaction.connection, component))
    _REMOVE.run(transaction.connection, of_component=component)
    _forget(transaction, scope, (series(component, name) for name in names))


def _forget(transaction: Transaction, scope: Scope, metrics: Iterable[Metric]) -> None:
    for metric in metrics:
        found = metric_points.find(transaction.connection, scope, metric)
        if found is not None:
            wanted = metric_points.series.c.id == found
            transaction.connection.execute(delete(metric_points.series).where(wanted))
