"""PutMetricData and ListMetrics: what is kept, what is listed, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stepwell.base import clock
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.registry import Door, Site
from stepwell.store import metric_points
from stepwell.store.metric_points import Metric, Point

Asked = Callable[..., Document]


def datum(**members: Any) -> Document:
    return {"MetricName": "loss", **members}


def names(answer: Document) -> list[str]:
    return [each["MetricName"] for each in answer["Metrics"]]


def test_what_was_put_is_listed(cloudwatch: Asked) -> None:
    place = [{"Name": "Host", "Value": "job/algo-1"}, {"Name": "Arm", "Value": 'a "quoted" one'}]
    cloudwatch("PutMetricData", Namespace="mine", MetricData=[datum(Value=1.0, Dimensions=place), datum(Value=2.0)])
    entity = {"MetricData": [{"MetricName": "of an entity", "Value": 3.0}]}
    cloudwatch("PutMetricData", Namespace="other", EntityMetricData=[entity])
    listed = cloudwatch("ListMetrics")["Metrics"]
    assert listed == [
        {"Namespace": "mine", "MetricName": "loss", "Dimensions": [place[1], place[0]]},
        {"Namespace": "mine", "MetricName": "loss", "Dimensions": []},
        {"Namespace": "other", "MetricName": "of an entity", "Dimensions": []},
    ]
    assert cloudwatch("ListMetrics", Namespace="other")["Metrics"] == listed[2:]
    assert cloudwatch("ListMetrics", MetricName="loss")["Metrics"] == listed[:2]
    assert cloudwatch("ListMetrics", OwningAccount="9" * 12) == {"Metrics": []}


@pytest.mark.parametrize(
    ("dimensions", "found"),
    [
        ([{"Name": "Host"}], ["a", "b"]),
        ([{"Name": "Host", "Value": "one"}], ["a"]),
        ([{"Name": "Host", "Value": "on"}], []),
        ([{"Name": "host"}], []),
        ([{"Name": "Host"}, {"Name": "Arm", "Value": "left"}], ["b"]),
        ([{"Name": 'ost","o'}], []),
    ],
)
def test_lists_by_dimension(cloudwatch: Asked, dimensions: list[Document], found: list[str]) -> None:
    places: list[tuple[str, list[Document]]] = [
        ("a", [{"Name": "Host", "Value": "one"}]),
        ("b", [{"Name": "Host", "Value": "two"}, {"Name": "Arm", "Value": "left"}]),
        ("c", [{"Name": "Other", "Value": '["Host","one"]'}]),
        ("d", []),
    ]
    data = [{"MetricName": name, "Value": 1.0, "Dimensions": place} for name, place in places]
    cloudwatch("PutMetricData", Namespace="mine", MetricData=data)
    assert names(cloudwatch("ListMetrics", Dimensions=dimensions)) == found


def test_series_without_late_points_are_not_listed(cloudwatch: Asked, site: Site, scope: Scope) -> None:
    now = clock.now()
    ages = {"now": 0.0, "hours": 4 * 3600.0, "days": 13 * 86400.0, "weeks": 15 * 86400.0}
    with site.database.write() as transaction:
        batch = [(Metric("mine", name), Point(now - age, 1.0)) for name, age in ages.items()]
        metric_points.add(transaction, scope, [*batch, (Metric(":internal", "hidden"), Point(now, 1.0))])
    assert names(cloudwatch("ListMetrics")) == ["days", "hours", "now"]
    assert names(cloudwatch("ListMetrics", RecentlyActive="PT3H")) == ["now"]


def test_pages_of_five_hundred(cloudwatch: Asked) -> None:
    data = [{"MetricName": f"m{number:04}", "Value": 1.0} for number in range(1000)]
    cloudwatch("PutMetricData", Namespace="mine", MetricData=data)
    cloudwatch("PutMetricData", Namespace="mine", MetricData=[{"MetricName": "n", "Value": 1.0}])
    first = cloudwatch("ListMetrics")
    second = cloudwatch("ListMetrics", NextToken=first["NextToken"])
    third = cloudwatch("ListMetrics", NextToken=second["NextToken"])
    assert [len(page["Metrics"]) for page in (first, second, third)] == [500, 500, 1]
    assert "NextToken" not in third
    assert names(first) + names(second) + names(third) == [*(each["MetricName"] for each in data), "n"]


@pytest.mark.parametrize("token", ["x", "bnVsbA==", "WzEsMixbXV0=", "W10="])
def test_a_token_that_nobody_gave(cloudwatch: Asked, token: str) -> None:
    with pytest.raises(Fault, match="NextToken is invalid"):
        cloudwatch("ListMetrics", NextToken=token)


def test_accounts_and_regions_are_apart(cloudwatch: Asked, door: Door) -> None:
    cloudwatch("PutMetricData", Namespace="mine", MetricData=[datum(Value=1.0)])
    assert door.call(Scope("123456789012", "us-east-1"), "cloudwatch", "ListMetrics", {}) == {"Metrics": []}
    assert door.call(Scope("999999999999", "eu-west-1"), "cloudwatch", "ListMetrics", {}) == {"Metrics": []}


SUMMARY = {"SampleCount": 1, "Sum": 1, "Minimum": 1, "Maximum": 1}


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        ([], "MissingParameter", "The parameter MetricData is required."),
        ([datum(Value=1.0)] * 1001, "InvalidParameterValue", "The collection MetricData must not have a size"),
        ([datum()], "MissingParameter", "At least one of the parameters MetricData.member.1.Value"),
        ([datum(Value=1.0, Values=[1.0])], "InvalidParameterCombination",
         "The parameters MetricData.member.1.Value and MetricData.member.1.Values are mutually exclusive and you"),
        ([datum(Value=1.0, StatisticValues=SUMMARY)], "InvalidParameterCombination",
         "The parameters MetricData.member.1.Value and MetricData.member.1.StatisticValues are mutually exclusive"),
        ([datum(Values=[1.0, 2.0], Counts=[1.0])], "InvalidParameterValue",
         "The parameters MetricData.member.1.Values and MetricData.member.1.Counts must be of the same size."),
        ([datum(Values=[1.0] * 151)], "InvalidParameterValue", "The collection MetricData.member.1.Values must not"),
        ([datum(Value=1.0), datum(Value="NaN")], "InvalidParameterValue",
         "The value nan for parameter MetricData.member.2.Value is invalid."),
        ([datum(Value=2.0**361)], "InvalidParameterValue", "for parameter MetricData.member.1.Value is invalid."),
        ([datum(Values=[1.0], Counts=[0.0])], "InvalidParameterValue", "MetricData.member.1.Counts.member.1 is"),
        ([datum(StatisticValues={**SUMMARY, "Maximum": 0})], "InvalidParameterValue", "Maximum must be greater than"),
        ([datum(StatisticValues={**SUMMARY, "SampleCount": 0})], "InvalidParameterValue", "SampleCount must be"),
        ([datum(Value=1.0, StorageResolution=300)], "InvalidParameterValue",
         "The parameter MetricData.member.1.StorageResolution must be a value in the set [ 1, 60 ]."),
        ([datum(Value=1.0, Timestamp=1e9)], "InvalidParameterValue",
         "The parameter MetricData.member.1.Timestamp must specify a time within the past two weeks."),
    ],
)  # fmt: skip
def test_what_is_refused_leaves_nothing(cloudwatch: Asked, data: list[Document], code: str, message: str) -> None:
    with pytest.raises(Fault) as refused:
        cloudwatch("PutMetricData", Namespace="mine", MetricData=data)
    assert refused.value.code == code
    assert message in refused.value.message
    assert cloudwatch("ListMetrics") == {"Metrics": []}


def test_every_wrong_datum_is_named(cloudwatch: Asked) -> None:
    with pytest.raises(Fault) as refused:
        data = [datum(Value=1.0, Timestamp=1e9), datum(Value=1.0), datum(Value="Infinity")]
        cloudwatch("PutMetricData", Namespace="mine", MetricData=data)
    first, second = refused.value.message.splitlines()
    assert ("member.1.Timestamp" in first, "member.3.Value" in second) == (True, True)


@pytest.mark.parametrize(("namespace", "code"), [("AWS/EC2", "InvalidParameterValue"), (":mine", None), ("", None)])
def test_reserved_namespaces(cloudwatch: Asked, namespace: str, code: str | None) -> None:
    with pytest.raises(Fault) as refused:
        cloudwatch("PutMetricData", Namespace=namespace, MetricData=[datum(Value=1.0)])
    assert code is None or refused.value.code == code
