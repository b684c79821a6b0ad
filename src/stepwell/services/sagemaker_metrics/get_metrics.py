"""BatchGetMetrics: the history of metrics of jobs and trial components, each query answered for itself.

Start, End and moments on the axis are epoch seconds (docs/decisions/0028). A component answers for what was put for
it, and for what its job has printed; a job for what it has printed, and what was put for its component.
"""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.base import arn as arns
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.machines import job_components
from stepwell.machines.metric_histories import Seen, history
from stepwell.services.registry import Call, operation
from stepwell.services.sagemaker import component_metrics as shown_metrics
from stepwell.services.sagemaker import recording
from stepwell.services.sagemaker.experiment_entities import COMPONENT
from stepwell.store import component_metrics, folded_names, metric_points, resources
from stepwell.store.database import Connection
from stepwell.store.metric_points import Metric, Span
from stepwell.store.resources import Resource

MOST_VALUES = 10_000
"""Of one answer to one query; it says Truncated when there are more."""
FOR_EVER = 1e11


@operation
def batch_get_metrics(call: Call, request: Document) -> Document:
    with recording.reading(call) as connection:
        return {"MetricQueryResults": [_answered(connection, call.scope, each) for each in request["MetricQueries"]]}


def _answered(connection: Connection, scope: Scope, query: Document) -> Document:
    begin, end = query.get("Start", 0), query.get("End", FOR_EVER)
    if begin > end:
        return _refused("The Start of a query must not lie behind its End.")
    found = _series(connection, scope, query["ResourceArn"], query["MetricName"])
    if found is None:
        return _refused(f"{query['ResourceArn']} is no training job and no trial component that exists.")
    points = [
        Seen(each.moment, each.value, each.step)
        for series in found
        for each in metric_points.values(connection, series, Span(begin, end, 1.0))
    ]
    values = history(points, query["Period"], query["XAxisType"], query["MetricStat"])
    return {
        "Status": "Complete" if len(values) <= MOST_VALUES else "Truncated",
        "XAxisValues": [x for x, _ in values[:MOST_VALUES]],
        "MetricValues": [value for _, value in values[:MOST_VALUES]],
    }


def _refused(message: str) -> Document:
    return {"Status": "ValidationError", "Message": message, "XAxisValues": [], "MetricValues": []}


def _series(connection: Connection, scope: Scope, arn: str, name: str) -> list[int] | None:
    """The series of that metric; None when the ARN names nothing that has metrics."""
    parsed = arns.parse(arn)
    if parsed is None or (parsed.account, parsed.region) != (scope.account, scope.region):
        return None
    component = folded_names.find(connection, resources.key(scope, COMPONENT.kind, _component_name(parsed)))
    job = (
        resources.find(connection, resources.key(scope, parsed.kind, parsed.name))
        if parsed.kind in job_components.KINDS
        else None
    )
    if component is None and job is None:
        return None
    metrics = _metrics(component, job.name if job else None, name)
    return [series for each in metrics if (series := metric_points.find(connection, scope, each)) is not None]


def _component_name(arn: arns.Arn) -> str:
    if arn.kind in job_components.KINDS:
        return job_components.component_name(arn.kind, arn.name)
    return arn.name if arn.kind == COMPONENT.kind else ""


def _metrics(component: Resource | None, job: str | None, name: str) -> Iterator[Metric]:
    if component is not None:
        yield component_metrics.series(component.id, name)
        job = job or _job_of(component)
    if job is not None:
        yield shown_metrics.job_series(job, name)


def _job_of(component: Resource) -> str | None:
    source = arns.parse(component.document.get("Source", {}).get("SourceArn", ""))
    return source.name if source is not None and source.kind == "training-job" else None
