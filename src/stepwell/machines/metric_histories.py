"""Room machines: a metric's history as BatchGetMetrics shows it. In: points in order. Out: values along an axis.

Points are put together by the minute, five minutes, the hour, or the iteration (step) they belong to; of each group
one statistic is shown, at the moment at which the group begins or at its iteration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from stepwell.machines import metric_summaries
from stepwell.machines.metric_summaries import Summary

SECONDS: Mapping[str, int] = {"OneMinute": 60, "FiveMinute": 300, "OneHour": 3600}
BY_ITERATION = "IterationNumber"

STATISTICS: Mapping[str, Callable[[Summary], float]] = {
    "Min": lambda summary: summary.minimum,
    "Max": lambda summary: summary.maximum,
    "Avg": lambda summary: summary.mean,
    "Count": lambda summary: float(summary.count),
    "StdDev": lambda summary: summary.deviation,
    "Last": lambda summary: summary.last,
}


@dataclass(frozen=True, slots=True)
class Seen:
    """One point: its moment in epoch seconds, its value, and its iteration if it was given one."""

    moment: float
    value: float
    step: int | None = None


@dataclass(slots=True)
class _Group:
    begin: float
    summary: Summary
    step: int | None


def history(points: Iterable[Seen], period: str, axis: str, statistic: str) -> list[tuple[int, float]]:
    """(x, value) in order of x. Points without an iteration have no place where iterations are asked for."""
    groups: dict[int, _Group] = {}
    for point in points:
        key = point.step if period == BY_ITERATION else int(point.moment // SECONDS[period])
        if key is None:
            continue
        summary = metric_summaries.of_point(point.moment, point.value)
        group = groups.get(key)
        if group is None:
            begin = point.moment if period == BY_ITERATION else float(key * SECONDS[period])
            groups[key] = _Group(begin, summary, point.step)
        else:
            group.summary = metric_summaries.joined(group.summary, summary)
            group.step = point.step if point.step is not None else group.step
    shown = STATISTICS[statistic]
    if axis == BY_ITERATION:
        return sorted((group.step, shown(group.summary)) for group in groups.values() if group.step is not None)
    return sorted((int(group.begin), shown(group.summary)) for group in groups.values())
