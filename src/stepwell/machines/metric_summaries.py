"""Room machines: what is said of a metric's points together. In: points. Out: a Summary; two can be made one.

The spread is kept as the sum of squared distances from the mean, which can be joined without a look at the points
again and keeps its digits where values are large and close together (Chan, Golub and LeVeque, 1979).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from stepwell.base.documents import Document


@dataclass(frozen=True, slots=True)
class Summary:
    """Of at least one point. `last` is the value of the latest moment (epoch seconds), of these the last to come."""

    count: int
    mean: float
    squares: float
    minimum: float
    maximum: float
    last: float
    last_at: float

    @property
    def deviation(self) -> float:
        """The standard deviation of these values, as of a whole: 0 for one value."""
        return math.sqrt(max(self.squares, 0.0) / self.count)


def finite(number: float) -> float | None:
    """The number as a float; None when it is none that can be kept: NaN, infinite, or a whole number too large."""
    try:
        found = float(number)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def of_point(moment: float, value: float) -> Summary:
    """The summary of one point."""
    return Summary(1, value, 0.0, value, value, value, moment)


def joined(earlier: Summary, later: Summary) -> Summary:
    """The summary of the points of both; `later` are those that came later, whatever their moments."""
    count = earlier.count + later.count
    apart = later.mean - earlier.mean
    newest = later if later.last_at >= earlier.last_at else earlier
    return Summary(
        count,
        earlier.mean + apart * (later.count / count),
        earlier.squares + later.squares + apart * apart * (earlier.count * later.count / count),
        min(earlier.minimum, later.minimum),
        max(earlier.maximum, later.maximum),
        newest.last,
        newest.last_at,
    )


def of_points(points: Iterable[tuple[float, float]]) -> Summary | None:
    """The summary of (moment, value) pairs in the order in which they came; None of none."""
    found: Summary | None = None
    for moment, value in points:
        point = of_point(moment, value)
        found = point if found is None else joined(found, point)
    return found


def described(name: str, source_arn: str, summary: Summary) -> Document:
    """As DescribeTrialComponent shows it: a TrialComponentMetricSummary.

    Of values so large that their mean or spread is no number, these are left out: JSON has no infinity.
    """
    shown = {
        "Max": summary.maximum,
        "Min": summary.minimum,
        "Last": summary.last,
        "Count": summary.count,
        "Avg": summary.mean,
        "StdDev": summary.deviation,
    }
    finite_ones = {member: value for member, value in shown.items() if math.isfinite(value)}
    return {"MetricName": name, "SourceArn": source_arn, "TimeStamp": summary.last_at, **finite_ones}
