"""What is computed of the points of a period: five plain statistics, and percentiles. Pure.

Percentiles are exact, by the nearest rank: the smallest value that at least so many percent of the points do not
exceed. Of summaries (StatisticValues) they can be told only where all their values are the same, as on AWS; a period
with others has none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby

from stepwell.base.faults import Fault, not_implemented
from stepwell.store.metric_points import Point, Span, Summary

PLAIN: Mapping[str, Callable[[Summary], float]] = {
    "SampleCount": lambda each: each.count,
    "Average": lambda each: each.total / each.count,
    "Sum": lambda each: each.total,
    "Minimum": lambda each: each.minimum,
    "Maximum": lambda each: each.maximum,
}

_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,10})?|100(?:\.0{1,10})?)")
_OTHERS = re.compile(r"(?:tm|wm|tc|ts)\d{1,3}(?:\.\d+)?|(?:TM|WM|TC|TS|PR)\([^()]*\)|IQM")
"""Statistics that CloudWatch has and that are not built here: trimmed and winsorised ones, percentile ranks."""


def percentile(name: str) -> float | None:
    """The percent of a statistic such as p99.9; None when it is none."""
    found = _PERCENTILE.fullmatch(name)
    return float(found[1]) if found else None


def is_statistic(name: str) -> bool:
    """Whether CloudWatch has such a statistic."""
    return name in PLAIN or percentile(name) is not None or bool(_OTHERS.fullmatch(name))


def unbuilt(operation: str, name: str) -> Fault | None:
    """The refusal of a statistic that is not built; None when it is."""
    if name in PLAIN or percentile(name) is not None:
        return None
    return not_implemented("cloudwatch", f"{operation} with the statistic {name}")


def percentiles(points: Iterable[Point], span: Span, percent: float) -> dict[tuple[float, str], float]:
    """The percentile of each (beginning of a period, unit)."""

    def place(point: Point) -> tuple[float, str]:
        return span.begin + (point.moment - span.begin) // span.period * span.period, point.unit

    found = {}
    for where, group in groupby(sorted(points, key=place), key=place):
        value = ranked(list(group), percent)
        if value is not None:
            found[where] = value
    return found


def ranked(points: list[Point], percent: float) -> float | None:
    """The value at that rank; None when a summary hides it."""
    if any(point.minimum != point.maximum for point in points):
        return None
    weighted = sorted((point.value if point.minimum is None else point.minimum, point.count) for point in points)
    rank = percent / 100 * sum(count for _, count in weighted)
    for value, count in weighted:
        rank -= count
        if rank <= 1e-9:
            return value
    return weighted[-1][0]
