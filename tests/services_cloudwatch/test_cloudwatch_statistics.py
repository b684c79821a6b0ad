"""GetMetricStatistics: periods, units, statistics, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.cloudwatch import statistics, windows
from stepwell.store.metric_points import Point, Span

Asked = Callable[..., Document]
ALL = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"]


def ask(cloudwatch: Asked, begin: float, seconds: float = 180, **members: Any) -> list[Document]:
    asked = {"Namespace": "mine", "MetricName": "loss", "StartTime": begin, "EndTime": begin + seconds, "Period": 60}
    if "ExtendedStatistics" not in members:
        asked["Statistics"] = ["Sum"]
    answer = cloudwatch("GetMetricStatistics", **{**asked, **members})
    assert answer["Label"] == "loss"
    return sorted(answer["Datapoints"], key=lambda each: (each["Timestamp"], each["Unit"]))


def test_points_of_a_period_are_taken_together(cloudwatch: Asked, put: Callable[..., None], minute: float) -> None:
    put("loss", (minute, 4.0), (minute + 59.999, 2.0), (minute + 60, 10.0), (minute + 180, 1.0))
    first, second = ask(cloudwatch, minute, Statistics=ALL)
    assert first == {
        "Timestamp": minute, "Unit": "None", "SampleCount": 2.0, "Average": 3.0, "Sum": 6.0, "Minimum": 2.0,
        "Maximum": 4.0,
    }  # fmt: skip
    assert (second["Timestamp"], second["Sum"]) == (minute + 60, 10.0)


def test_a_start_within_a_minute_begins_with_it(cloudwatch: Asked, put: Callable[..., None], minute: float) -> None:
    put("loss", (minute + 1, 5.0))
    assert [each["Timestamp"] for each in ask(cloudwatch, minute + 30)] == [minute]
    assert ask(cloudwatch, minute + 30, Period=10) == []


def test_periods_count_from_the_start(cloudwatch: Asked, put: Callable[..., None], minute: float) -> None:
    put("loss", (minute, 1.0), (minute + 299, 2.0), (minute + 300, 4.0))
    found = ask(cloudwatch, minute - 60, 600, Period=300)
    assert [(each["Timestamp"], each["Sum"]) for each in found] == [(minute - 60, 1.0), (minute + 240, 6.0)]


def test_each_unit_has_its_own_datapoint(cloudwatch: Asked, put: Callable[..., None], minute: float) -> None:
    for unit, value in (("Seconds", 1.0), ("Count", 5.0), ("None", 10.0)):
        put("loss", (minute, value), Unit=unit)
    put("loss", (minute, 20.0))
    assert [(each["Unit"], each["Sum"]) for each in ask(cloudwatch, minute)] == [
        ("Count", 5.0), ("None", 30.0), ("Seconds", 1.0),
    ]  # fmt: skip
    assert [each["Sum"] for each in ask(cloudwatch, minute, Unit="None")] == [30.0]
    assert ask(cloudwatch, minute, Unit="Bytes") == []


def test_dimensions_tell_series_apart_in_any_order(
    cloudwatch: Asked, put: Callable[..., None], minute: float
) -> None:
    one, other = {"Name": "a", "Value": "1"}, {"Name": "b", "Value": "2"}
    put("loss", (minute, 1.0), Dimensions=[one, other])
    put("loss", (minute, 2.0), Dimensions=[one])
    put("loss", (minute, 4.0), namespace="yours")
    assert ask(cloudwatch, minute) == []
    assert [each["Sum"] for each in ask(cloudwatch, minute, Dimensions=[other, one])] == [1.0]
    assert [each["Sum"] for each in ask(cloudwatch, minute, Dimensions=[one])] == [2.0]


def test_values_with_counts_and_summaries(cloudwatch: Asked, minute: float) -> None:
    summary = {"SampleCount": 4, "Sum": 20, "Minimum": -1, "Maximum": 9}
    data: list[Document] = [
        {"MetricName": "loss", "Timestamp": minute, "Values": [1.0, 10.0], "Counts": [2, 4]},
        {"MetricName": "loss", "Timestamp": minute, "StatisticValues": summary},
    ]
    cloudwatch("PutMetricData", Namespace="mine", MetricData=data)
    (found,) = ask(cloudwatch, minute, Statistics=ALL)
    assert [found[name] for name in ALL] == [10.0, 6.2, 62.0, -1.0, 10.0]


def test_percentiles(cloudwatch: Asked, put: Callable[..., None], minute: float) -> None:
    put("loss", *((minute, float(number)) for number in range(1, 101)))
    put("loss", (minute + 60, 7.0), Unit="Count")
    found = ask(cloudwatch, minute, ExtendedStatistics=["p50", "p99.5", "p0"])
    assert found == [
        {"Timestamp": minute, "Unit": "None", "ExtendedStatistics": {"p50": 50.0, "p99.5": 100.0, "p0": 1.0}},
        {"Timestamp": minute + 60, "Unit": "Count", "ExtendedStatistics": {"p50": 7.0, "p99.5": 7.0, "p0": 7.0}},
    ]


@pytest.mark.parametrize(
    ("points", "percent", "value"),
    [
        ([Point(0, 3.0), Point(0, 1.0), Point(0, 2.0)], 50, 2.0),
        ([Point(0, 1.0, count=9.0), Point(0, 5.0)], 90, 1.0),
        ([Point(0, 1.0, count=9.0), Point(0, 5.0)], 91, 5.0),
        ([Point(0, 12.0, count=4.0, minimum=3.0, maximum=3.0)], 50, 3.0),
        ([Point(0, 12.0, count=4.0, minimum=2.0, maximum=4.0), Point(0, 1.0)], 50, None),
        ([Point(0, -1.0), Point(0, -5.0)], 100, -1.0),
    ],
)
def test_the_value_at_a_rank(points: list[Point], percent: float, value: float | None) -> None:
    assert statistics.ranked(points, percent) == value


def test_percentiles_by_period_and_unit() -> None:
    points = [Point(0.0, 1.0), Point(59.0, 3.0), Point(60.0, 5.0, "Count"), Point(61.0, 7.0)]
    found = statistics.percentiles(points, Span(0.0, 120.0, 60), 100)
    assert found == {(0.0, "None"): 3.0, (60.0, "Count"): 5.0, (60.0, "None"): 7.0}


@pytest.mark.parametrize(
    ("age", "period", "begin"),
    [(0, 60, 60), (0, 10, 90), (0, 1, 97), (16 * 86400, 60, 0), (16 * 86400, 300, 0), (64 * 86400, 3600, 0)],
)
def test_starts_are_rounded_by_age_and_period(age: float, period: int, begin: float) -> None:
    start = 3600.0 * 500_000 + 97
    assert windows.span(start, start + 10, period, start + age).begin == 3600.0 * 500_000 + begin


@pytest.mark.parametrize(
    ("name", "known"),
    [("p0", True), ("p99.99", True), ("p100", True), ("p101", False), ("p", False), ("Average", True),
     ("tm90", True), ("TM(10%:90%)", True), ("IQM", True), ("average", False), ("p9_9", False)],
)  # fmt: skip
def test_names_of_statistics(name: str, known: bool) -> None:
    assert statistics.is_statistic(name) is known


@pytest.mark.parametrize(
    ("members", "code", "message"),
    [
        ({"Period": 1, "seconds": 86400}, "InvalidParameterCombination", "up to 86400 datapoints, which exceeds the"),
        ({"seconds": 0}, "InvalidParameterValue", "The parameter StartTime must be less than the parameter EndTime."),
        ({"Period": 61}, "InvalidParameterValue", "The parameter Period must be"),
        ({"Statistics": ["Sum"], "ExtendedStatistics": ["p9"]}, "InvalidParameterCombination", "mutually exclusive"),
        ({"Statistics": None}, "MissingParameter", "At least one of the parameters Statistics or"),
        ({"ExtendedStatistics": ["Sum"]}, "InvalidParameterValue", "The value Sum for parameter ExtendedStatistics"),
        ({"ExtendedStatistics": ["tm90"]}, "NotImplementedException", "with the statistic tm90"),
    ],
)
def test_what_is_refused(cloudwatch: Asked, minute: float, members: dict[str, Any], code: str, message: str) -> None:
    with pytest.raises(Fault) as refused:
        ask(cloudwatch, minute, **members)
    assert refused.value.code == code
    assert message in refused.value.message
