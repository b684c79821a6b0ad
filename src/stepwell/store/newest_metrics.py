"""The newest point of a series, asked again and again by who watches a job. No tables: what others keep is read."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from stepwell.base.arn import Scope
from stepwell.store import metric_points
from stepwell.store.metric_points import Metric
from stepwell.store.prepared import Prepared

_points = metric_points.points
_NEWEST = Prepared(
    select(_points.c.value)
    .where(_points.c.series_id == bindparam("of_series"))
    .order_by(_points.c.timestamp.desc(), _points.c.ordinal.desc())
    .limit(1)
)


def value(connection: Connection, scope: Scope, metric: Metric) -> float | None:
    """The value that was seen last; None while there is none. Of summaries it is the sum."""
    series = metric_points.find(connection, scope, metric)
    row = _NEWEST.first(connection, of_series=series) if series is not None else None
    return row[0] if row else None
