"""The times a request asks for: from when to when, and in what periods. Pure.

Start times are rounded down, the coarser the longer ago they are; periods are counted from there (CloudWatch API
Reference, GetMetricStatistics, StartTime).
"""

from __future__ import annotations

from stepwell.store.metric_points import Span

DAY = 86400
SHORT_PERIODS = (1, 5, 10, 20, 30)
"""Seconds; any other period is a multiple of a minute."""
MINUTE = 60
GRAINS = ((63 * DAY, 3600), (15 * DAY, 300))
"""Older than so many seconds: rounded to so many."""


def is_period(seconds: int) -> bool:
    """Whether a period can be that long."""
    return seconds in SHORT_PERIODS or (seconds > 0 and seconds % MINUTE == 0)


def span(start: float, end: float, period: int, now: float, unit: str = "") -> Span:
    """The span of a request that came at `now`; all are epoch seconds."""
    grain = period if period in SHORT_PERIODS else MINUTE
    for age, coarser in GRAINS:
        if now - start > age:
            grain = coarser
            break
    return Span(start // grain * grain, end, period, unit)
