"""BatchPutMetrics: at most ten points of one trial component, such as a run or a job logs them.

Points that cannot be kept are answered by their index; the others are kept. AWS asks for the component's name in
small letters; names count as the same in any case. A job's component may still be on its way: it is made first then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.machines import metric_summaries
from stepwell.machines.metric_summaries import Summary
from stepwell.services.registry import Call, operation
from stepwell.services.sagemaker import experiment_entities as entities
from stepwell.services.sagemaker import recording
from stepwell.services.sagemaker.experiment_entities import COMPONENT
from stepwell.store import component_metrics, metric_points, unrecorded
from stepwell.store.database import Connection, Transaction
from stepwell.store.metric_points import Point
from stepwell.store.resources import Resource

TOO_OLD = 14 * 86400.0
TOO_NEW = 2 * 3600.0
"""The SDK states both: two weeks before, two hours from now."""
LARGEST = 2.0**360
"""As CloudWatch has it; squares of such values can still be summed up."""
MOST_METRICS = 1000
"""Metrics of one component; AWS has a limit and does not say which."""


@operation
def batch_put_metrics(call: Call, request: Document) -> Document:
    data: Sequence[Document] = request["MetricData"]
    errors = {number: "VALIDATION_ERROR" for number, datum in enumerate(data) if not _is_valid(datum, call.now)}
    name = request["TrialComponentName"]
    try:
        with call.site.database.write() as transaction:
            _keep(call, transaction, _component(transaction.connection, call, name), data, errors)
    except Fault:
        with recording.writing(call) as transaction:
            _keep(call, transaction, _component(transaction.connection, call, name), data, errors)
    if not errors:
        return {}
    return {"Errors": [{"Code": code, "MetricIndex": number} for number, code in sorted(errors.items())]}


def _component(connection: Connection, call: Call, name: str) -> Resource:
    return entities.find(connection, call.scope, COMPONENT, name)


def _is_valid(datum: Document, now: float) -> bool:
    in_time = now - TOO_OLD <= datum["Timestamp"] <= now + TOO_NEW
    value = metric_summaries.finite(datum["Value"])
    return in_time and value is not None and abs(value) <= LARGEST


def _keep(
    call: Call, transaction: Transaction, component: Resource, data: Sequence[Document], errors: dict[int, str]
) -> None:
    """Keep what is in order; `errors` gets what would be one metric too many."""
    groups: dict[str, list[int]] = {}
    for number, datum in enumerate(data):
        if number not in errors:
            groups.setdefault(datum["MetricName"], []).append(number)
    summaries = _summed_up(transaction.connection, component, data, groups)
    for name in groups.keys() - summaries.keys():
        errors |= dict.fromkeys(groups[name], "METRIC_LIMIT_EXCEEDED")
    if not summaries:
        return
    component_metrics.put(transaction, component.id, {name: _row(each) for name, each in summaries.items()})
    kept = (
        (
            component_metrics.series(component.id, name),
            Point(data[number]["Timestamp"], data[number]["Value"], step=data[number].get("Step")),
        )
        for name in summaries
        for number in groups[name]
    )
    metric_points.add(transaction, call.scope, kept)
    unrecorded.add(transaction, component.id)


def _summed_up(
    connection: Connection, component: Resource, data: Sequence[Document], groups: Mapping[str, Sequence[int]]
) -> dict[str, Summary]:
    """What stands of each metric and what comes, together; a metric that would be one too many is left out."""
    found: dict[str, Summary] = {}
    count: int | None = None
    for name, numbers in groups.items():
        standing = component_metrics.find(connection, component.id, name)
        if standing is None:
            count = component_metrics.count(connection, component.id) if count is None else count
            if count >= MOST_METRICS:
                continue
            count += 1
        come = metric_summaries.of_points((data[number]["Timestamp"], data[number]["Value"]) for number in numbers)
        assert come is not None
        found[name] = come if standing is None else metric_summaries.joined(Summary(*standing), come)
    return found


def _row(summary: Summary) -> component_metrics.Row:
    return (
        summary.count,
        summary.mean,
        summary.squares,
        summary.minimum,
        summary.maximum,
        summary.last,
        summary.last_at,
    )
