"""PutMetricData: points that clients bring, such as users' code in jobs.

All of a request is kept or none of it, and a refusal names every datum that is wrong. StorageResolution is taken and
changes nothing: every point is kept with its own millisecond.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from stepwell.base.documents import Document
from stepwell.services.cloudwatch import identities
from stepwell.services.cloudwatch.faults import both, invalid_combination, invalid_value, missing
from stepwell.services.registry import Call, operation
from stepwell.store import metric_points
from stepwell.store.metric_points import NO_UNIT, Metric, Point

MOST_DATA = 1000
MOST_VALUES = 150
LARGEST = 2.0**360
RESOLUTIONS = (1, 60)
TOO_OLD = 14 * 86400.0
TOO_NEW = 2 * 3600.0
RESERVED = "AWS/"


@operation
def put_metric_data(call: Call, request: Document) -> Document:
    namespace = request["Namespace"]
    if namespace.startswith(RESERVED):
        raise invalid_value(f"The value {RESERVED} for parameter Namespace is invalid.")
    data = [*_named("MetricData", request.get("MetricData", ()))]
    for number, group in enumerate(request.get("EntityMetricData", ()), 1):
        data += _named(f"EntityMetricData.member.{number}.MetricData", group.get("MetricData", ()))
    _check(data, call.now)
    batch = [point for _, datum in data for point in _points(namespace, datum, call.now)]
    with call.site.database.write() as transaction:
        metric_points.add(transaction, call.scope, batch)
    return {}


def _named(where: str, data: list[Document]) -> list[tuple[str, Document]]:
    """Each datum with the name that messages call it by."""
    return [(f"{where}.member.{number}", datum) for number, datum in enumerate(data, 1)]


def _check(data: list[tuple[str, Document]], now: float) -> None:
    if not data:
        raise missing("The parameter MetricData is required.")
    if len(data) > MOST_DATA:
        raise invalid_value(f"The collection MetricData must not have a size greater than {MOST_DATA}.")
    for where, datum in data:
        for other in ("Values", "StatisticValues"):
            if "Value" in datum and datum.get(other):
                raise invalid_combination(both(f"{where}.Value", f"{where}.{other}"))
    absent = [
        f"At least one of the parameters {where}.Value, {where}.Values or {where}.StatisticValues must be specified."
        for where, datum in data
        if "Value" not in datum and not datum.get("Values") and "StatisticValues" not in datum
    ]
    if absent:
        raise missing(*absent)
    problems = [problem for where, datum in data for problem in _problems(where, datum, now)]
    if problems:
        raise invalid_value(*problems)


def _problems(where: str, datum: Document, now: float) -> Iterator[str]:
    """What is wrong with the values of a datum."""
    moment = datum.get("Timestamp", now)
    if not now - TOO_OLD <= moment <= now + TOO_NEW:
        yield f"The parameter {where}.Timestamp must specify a time within the past two weeks."
    if datum.get("StorageResolution", RESOLUTIONS[0]) not in RESOLUTIONS:
        yield f"The parameter {where}.StorageResolution must be a value in the set [ 1, 60 ]."
    values, counts = datum.get("Values", []), datum.get("Counts")
    if len(values) > MOST_VALUES:
        yield f"The collection {where}.Values must not have a size greater than {MOST_VALUES}."
    if counts is not None and len(counts) != len(values):
        yield f"The parameters {where}.Values and {where}.Counts must be of the same size."
    numbers = [("Value", datum["Value"])] if "Value" in datum else []
    numbers += [(f"Values.member.{number}", value) for number, value in enumerate(values, 1)]
    summary = datum.get("StatisticValues", {})
    numbers += [(f"StatisticValues.{name}", value) for name, value in summary.items()]
    for name, value in numbers:
        if not math.isfinite(value) or abs(value) > LARGEST:
            yield f"The value {value} for parameter {where}.{name} is invalid."
    for number, count in enumerate(counts or (), 1):
        if not math.isfinite(count) or not 0 < count <= LARGEST:
            yield f"The value {count} for parameter {where}.Counts.member.{number} is invalid."
    if summary:
        yield from _summary_problems(f"{where}.StatisticValues", summary)


def _summary_problems(where: str, summary: Document) -> Iterator[str]:
    if summary["Maximum"] < summary["Minimum"]:
        yield f"The parameter {where}.Maximum must be greater than {where}.Minimum."
    if not summary["SampleCount"] > 0:
        yield f"The parameter {where}.SampleCount must be greater than 0."


def _points(namespace: str, datum: Document, now: float) -> Iterator[tuple[Metric, Point]]:
    """The points of a datum that is in order. Values stand before StatisticValues, of which AWS takes one as well."""
    metric = identities.metric(namespace, datum)
    moment, unit = datum.get("Timestamp", now), datum.get("Unit", NO_UNIT)
    if "Value" in datum:
        yield metric, Point(moment, datum["Value"], unit)
    elif datum.get("Values"):
        counts = datum.get("Counts") or [1.0] * len(datum["Values"])
        for value, count in zip(datum["Values"], counts, strict=True):
            yield metric, Point(moment, value, unit, count)
    else:
        summary = datum["StatisticValues"]
        bounds = (summary["Minimum"], summary["Maximum"])
        yield metric, Point(moment, summary["Sum"], unit, summary["SampleCount"], *bounds)
