"""Which series a request means: a namespace, a name and dimensions, whose order means nothing."""

from __future__ import annotations

from collections.abc import Iterable

from stepwell.base.documents import Document
from stepwell.store.metric_points import Metric


def metric(namespace: str, member: Document) -> Metric:
    """The series of a MetricDatum, a Metric or a request with MetricName and Dimensions."""
    return Metric(namespace, member["MetricName"], dimensions(member.get("Dimensions", ())))


def dimensions(members: Iterable[Document]) -> tuple[tuple[str, str], ...]:
    """The dimensions as pairs, in order."""
    return tuple(sorted((each["Name"], each["Value"]) for each in members))


def shown(metric: Metric) -> Document:
    """The series as ListMetrics shows it."""
    pairs = [{"Name": name, "Value": value} for name, value in metric.dimensions]
    return {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": pairs}
