"""Points summed up: any way of joining them says the same, to the last digits that matter; and their histories."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.machines.metric_histories import Seen, history
from stepwell.machines.metric_summaries import Summary, described, finite, joined, of_points

POINTS = st.lists(st.tuples(st.integers(0, 100).map(float), st.floats(-1e6, 1e6)), min_size=1, max_size=40)


@given(POINTS)
def test_a_summary_says_what_statistics_say(points: list[tuple[float, float]]) -> None:
    found = of_points(points)
    assert found is not None
    values = [value for _, value in points]
    assert (found.count, found.minimum, found.maximum) == (len(values), min(values), max(values))
    assert math.isclose(found.mean, statistics.fmean(values), rel_tol=1e-9, abs_tol=1e-6)
    assert math.isclose(found.deviation, statistics.pstdev(values), rel_tol=1e-6, abs_tol=1e-3)
    latest = max(moment for moment, _ in points)
    assert (found.last_at, found.last) == (latest, [value for moment, value in points if moment == latest][-1])


@given(POINTS, POINTS)
def test_two_batches_say_the_same_as_one(first: list[tuple[float, float]], then: list[tuple[float, float]]) -> None:
    one, two, whole = of_points(first), of_points(then), of_points([*first, *then])
    assert one is not None and two is not None and whole is not None
    both = joined(one, two)
    assert (both.count, both.minimum, both.maximum) == (whole.count, whole.minimum, whole.maximum)
    assert (both.last, both.last_at) == (whole.last, whole.last_at)
    assert math.isclose(both.mean, whole.mean, rel_tol=1e-9, abs_tol=1e-6)
    assert math.isclose(both.deviation, whole.deviation, rel_tol=1e-6, abs_tol=1e-3)


def test_large_values_that_lie_close_together_keep_their_spread() -> None:
    found = of_points((0.0, 1e9 + offset) for offset in (0.0, 1.0, 2.0))
    assert found is not None
    assert math.isclose(found.deviation, math.sqrt(2 / 3), rel_tol=1e-6)


def test_of_nothing_there_is_nothing_to_say() -> None:
    assert of_points(()) is None


def test_it_is_shown_as_aws_shows_it() -> None:
    assert described("loss", "arn", Summary(2, 1.5, 0.5, 1.0, 2.0, 2.0, 10.0)) == {
        "MetricName": "loss",
        "SourceArn": "arn",
        "TimeStamp": 10.0,
        "Max": 2.0,
        "Min": 1.0,
        "Last": 2.0,
        "Count": 2,
        "Avg": 1.5,
        "StdDev": 0.5,
    }


def test_what_is_no_number_is_not_shown() -> None:
    found = of_points([(1.0, 1.7e308), (2.0, -1.7e308), (3.0, 1.7e308)])
    assert found is not None
    shown = described("loss", "arn", found)
    assert (shown["Max"], shown["Min"], shown["Count"]) == (1.7e308, -1.7e308, 3)
    assert all(math.isfinite(value) for value in shown.values() if isinstance(value, float))
    assert "StdDev" not in shown


@pytest.mark.parametrize(
    ("number", "expected"),
    [(1, 1.0), (0.5, 0.5), (math.nan, None), (math.inf, None), (-math.inf, None), (10**400, None)],
)
def test_only_finite_numbers_are_kept(number: float, expected: float | None) -> None:
    assert finite(number) == expected


SEEN = (
    Seen(60.0, 1.0, 0),
    Seen(61.0, 3.0, 0),
    Seen(125.0, 5.0, 2),
    Seen(130.0, 9.0),
    Seen(3700.0, 7.0, 1),
)


@pytest.mark.parametrize(
    ("period", "axis", "statistic", "expected"),
    [
        ("OneMinute", "Timestamp", "Avg", [(60, 2.0), (120, 7.0), (3660, 7.0)]),
        ("OneMinute", "Timestamp", "Count", [(60, 2.0), (120, 2.0), (3660, 1.0)]),
        ("FiveMinute", "Timestamp", "Max", [(0, 9.0), (3600, 7.0)]),
        ("OneHour", "Timestamp", "Min", [(0, 1.0), (3600, 7.0)]),
        ("OneHour", "Timestamp", "Last", [(0, 9.0), (3600, 7.0)]),
        ("OneMinute", "Timestamp", "StdDev", [(60, 1.0), (120, 2.0), (3660, 0.0)]),
        ("IterationNumber", "IterationNumber", "Avg", [(0, 2.0), (1, 7.0), (2, 5.0)]),
        ("IterationNumber", "Timestamp", "Last", [(60, 3.0), (125, 5.0), (3700, 7.0)]),
        ("OneMinute", "IterationNumber", "Max", [(0, 3.0), (1, 7.0), (2, 9.0)]),
    ],
)
def test_a_history(period: str, axis: str, statistic: str, expected: list[tuple[int, float]]) -> None:
    assert history(SEEN, period, axis, statistic) == expected


def test_without_iterations_there_is_no_history_of_them() -> None:
    assert history([Seen(1.0, 1.0)], "IterationNumber", "Timestamp", "Avg") == []
    assert history([Seen(1.0, 1.0)], "OneMinute", "IterationNumber", "Avg") == []
