"""GetMetricData: several series, labels, units, pages, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stepwell.base.documents import Document
from stepwell.base.faults import Fault

Asked = Callable[..., Document]


def query(id_: str, name: str = "loss", *, stat: str = "Sum", period: int = 60, **members: Any) -> Document:
    unit = {"Unit": members.pop("unit")} if "unit" in members else {}
    metric = {"Namespace": "mine", "MetricName": name}
    return {"Id": id_, "MetricStat": {"Metric": metric, "Period": period, "Stat": stat, **unit}, **members}


def ask(cloudwatch: Asked, begin: float, *queries: Document, **members: Any) -> Document:
    asked = {"StartTime": begin, "EndTime": begin + 600, "MetricDataQueries": list(queries)}
    return cloudwatch("GetMetricData", **{**asked, **members})


def test_the_newest_come_first_unless_asked_otherwise(
    cloudwatch: Asked, put: Callable[..., None], minute: float
) -> None:
    put("loss", (minute, 1.0), (minute + 60, 2.0), (minute + 61, 3.0))
    answer = ask(cloudwatch, minute, query("a"), query("b", "nothing"))
    assert answer == {
        "MetricDataResults": [
            {
                "Id": "a", "Label": "loss", "Timestamps": [minute + 60, minute], "Values": [5.0, 1.0],
                "StatusCode": "Complete",
            },
            {"Id": "b", "Label": "nothing", "Timestamps": [], "Values": [], "StatusCode": "Complete"},
        ],
        "Messages": [],
    }  # fmt: skip
    (found,) = ask(cloudwatch, minute, query("a"), ScanBy="TimestampAscending")["MetricDataResults"]
    assert found["Values"] == [1.0, 5.0]


def test_statistics_and_queries_without_an_answer(cloudwatch: Asked, put: Callable[..., None], minute: float) -> None:
    put("loss", (minute, 1.0), (minute + 1, 3.0))
    asked = [query(f"q{stat.lower()}", stat=stat) for stat in ("SampleCount", "Average", "Minimum", "Maximum", "p50")]
    answer = ask(cloudwatch, minute, *asked, query("hidden", ReturnData=False), query("theirs", AccountId="9" * 12))
    assert [each["Values"] for each in answer["MetricDataResults"]] == [[2.0], [2.0], [1.0], [3.0], [1.0], []]
    assert [each["StatusCode"] for each in answer["MetricDataResults"]][-2:] == ["Complete", "Forbidden"]


@pytest.mark.parametrize(
    ("first", "second", "labels"),
    [
        (("Sum", 60), ("Minimum", 30), ["loss Sum 60", "loss Minimum 30"]),
        (("Sum", 60), ("Minimum", 60), ["loss Sum", "loss Minimum"]),
        (("Sum", 60), ("Sum", 30), ["loss 60", "loss 30"]),
        (("Sum", 60), ("Sum", 60), ["loss", "loss"]),
    ],
)
def test_labels_tell_queries_apart(
    cloudwatch: Asked, minute: float, first: tuple[str, int], second: tuple[str, int], labels: list[str]
) -> None:
    asked = [query(f"q{number}", stat=stat, period=period) for number, (stat, period) in enumerate((first, second))]
    answer = ask(cloudwatch, minute, *asked)
    assert [each["Label"] for each in answer["MetricDataResults"]] == labels


def test_of_several_units_one_is_shown_and_all_are_named(
    cloudwatch: Asked, put: Callable[..., None], minute: float
) -> None:
    for unit, value in (("Seconds", 60.0), ("Milliseconds", 60000.0), ("Count", 5.0)):
        put("loss", (minute, value), Unit=unit)
    (found,) = ask(cloudwatch, minute, query("a"))["MetricDataResults"]
    assert found["Values"] == [5.0]
    text = "Multiple units returned: '[Count, Milliseconds, Seconds]'"
    assert found["Messages"] == [{"Code": "MultipleUnits", "Value": text}]
    (found,) = ask(cloudwatch, minute, query("a", unit="Seconds"))["MetricDataResults"]
    assert (found["Values"], found.get("Messages")) == ([60.0], None)


@pytest.mark.parametrize("order", ["TimestampAscending", "TimestampDescending"])
@pytest.mark.parametrize("room", [1, 2, 3, 5, 7])
def test_pages_together_are_the_whole(
    cloudwatch: Asked, put: Callable[..., None], minute: float, order: str, room: int
) -> None:
    put("loss", *((minute + 60 * number, float(number)) for number in range(5)))
    put("gain", (minute, 10.0), (minute + 60, 11.0))
    asked = [query("a"), query("b", "nothing"), query("c", "gain")]
    whole = ask(cloudwatch, minute, *asked, ScanBy=order)["MetricDataResults"]
    found: dict[str, list[tuple[float, float]]] = {}
    token: dict[str, str] = {}
    for _ in range(8):
        page = ask(cloudwatch, minute, *asked, ScanBy=order, MaxDatapoints=room, **token)
        results = page["MetricDataResults"]
        assert sum(len(each["Values"]) for each in results) <= room
        for each in results:
            points = zip(each["Timestamps"], each["Values"], strict=True)
            found.setdefault(each["Id"], []).extend(points)
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
        # what comes later is no reason to show anything twice
        put("loss", (minute, 0.0))
    assert found == {
        each["Id"]: list(zip(each["Timestamps"], each["Values"], strict=True)) for each in whole
    }  # fmt: skip


def test_a_page_that_breaks_a_series_off_says_so(cloudwatch: Asked, put: Callable[..., None], minute: float) -> None:
    put("loss", (minute, 1.0), (minute + 60, 2.0))
    page = ask(cloudwatch, minute, query("a"), MaxDatapoints=1)
    assert page["MetricDataResults"][0]["StatusCode"] == "PartialData"
    rest = ask(cloudwatch, minute, query("a"), MaxDatapoints=1, NextToken=page["NextToken"])
    assert (rest["MetricDataResults"][0]["StatusCode"], "NextToken" in rest) == ("Complete", False)


@pytest.mark.parametrize(
    ("queries", "members", "code", "message"),
    [
        (
            [query("5xx")],
            {},
            "ValidationError",
            "The value 5xx for parameter MetricDataQueries.member.1.Id is not matc",
        ),
        (
            [query("a"), query("a")],
            {},
            "ValidationError",
            "The values for parameter id in MetricDataQueries are not un",
        ),
        (
            [query("a", stat="mean")],
            {},
            "ValidationError",
            "MetricDataQueries.member.1.MetricStat.Stat is not a valid",
        ),
        ([query("a", stat="IQM")], {}, "NotImplementedException", "GetMetricData with the statistic IQM"),
        (
            [query("a", Period=60)],
            {},
            "ValidationError",
            "The parameters MetricDataQueries.member.1.Period and Metric",
        ),
        ([query("a", Expression="a")], {}, "ValidationError", "The parameters MetricDataQueries.member.1.Expression"),
        (
            [{"Id": "a"}],
            {},
            "ValidationError",
            "At least one of the parameters MetricDataQueries.member.1.Expression",
        ),
        ([{"Id": "a", "Expression": "SUM(METRICS())"}], {}, "NotImplementedException", "with an Expression"),
        ([query("a", period=7)], {}, "ValidationError", "MetricStat.Period must be"),
        ([query("a")], {"EndTime": 1.0}, "ValidationError", "The parameter EndTime must be greater than StartTime."),
        ([query("a")], {"NextToken": "x"}, "InvalidNextToken", "NextToken"),
        ([query("a")] * 501, {}, "ValidationError", "must not have a size greater than 500"),
    ],
)
def test_what_is_refused(
    cloudwatch: Asked, minute: float, queries: list[Document], members: dict[str, Any], code: str, message: str
) -> None:
    with pytest.raises(Fault) as refused:
        ask(cloudwatch, minute, *queries, **members)
    assert refused.value.code == code
    assert message in refused.value.message
