"""The metrics of a trial component, as Describe and Search show them.

Clients put some (BatchPutMetrics); jobs print others, which lie where CloudWatch has them. A component shows its own,
those of its job, and, being a run, those of the jobs that were started within it. While a job runs they are summed up
when asked for; at its end the recorder writes them down in its component (`JobMetrics`).
"""

from __future__ import annotations

from collections.abc import Iterable

from stepwell.base import arn as arns
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.machines import job_components, metric_summaries
from stepwell.machines.metric_summaries import Summary
from stepwell.services.sagemaker.experiment_entities import COMPONENT
from stepwell.store import component_metrics, folded_names, metric_points, resources
from stepwell.store.database import Connection
from stepwell.store.metric_points import Metric, Span
from stepwell.store.resources import Resource

EVER = Span(0.0, 1e11, 1.0)


def of(connection: Connection, scope: Scope, component: Resource) -> list[Document]:
    """A TrialComponentMetricSummary for each metric and source."""
    arn = COMPONENT.arn(scope, component.name)
    put = component_metrics.of(connection, component.id)
    found = [metric_summaries.described(name, arn, Summary(*row)) for name, row in put.items()]
    found += _of_own_job(connection, scope, component)
    for source in component.document.get("Sources", ()):
        found += _of_other_job(connection, scope, source["SourceArn"])
    return found


def of_job(connection: Connection, scope: Scope, job: Resource) -> list[Document]:
    """What the job of that row has printed so far."""
    arn = scope.arn("sagemaker", f"{job.key.kind}/{job.name}")
    return [
        metric_summaries.described(name, arn, summary)
        for name in metric_names(job)
        if (summary := _summed_up(connection, scope, job_series(job.name, name))) is not None
    ]


def metric_names(job: Resource) -> Iterable[str]:
    """The metrics that the logs of a job are searched for."""
    definitions = job.document.get("AlgorithmSpecification", {}).get("MetricDefinitions", ())
    return dict.fromkeys(each["Name"] for each in definitions)


def job_series(job: str, name: str) -> Metric:
    """Where the points lie that training jobs print (docs/decisions/0016)."""
    return Metric("/aws/sagemaker/TrainingJobs", name, (("TrainingJobName", job),))


def _summed_up(connection: Connection, scope: Scope, metric: Metric) -> Summary | None:
    series = metric_points.find(connection, scope, metric)
    if series is None:
        return None
    points = metric_points.values(connection, series, EVER)
    return metric_summaries.of_points((each.moment, each.value) for each in points)


def _of_own_job(connection: Connection, scope: Scope, component: Resource) -> list[Document]:
    if "JobMetrics" in component.document:
        return list(component.document["JobMetrics"])
    job = resources.find_id(connection, component.document["Job"]) if "Job" in component.document else None
    return of_job(connection, scope, job) if job is not None else []


def _of_other_job(connection: Connection, scope: Scope, arn: str) -> list[Document]:
    parsed = arns.parse(arn)
    if parsed is None or parsed.kind not in job_components.KINDS:
        return []
    job = resources.find(connection, resources.key(scope, parsed.kind, parsed.name))
    if job is not None:
        return of_job(connection, scope, job)
    # the job was deleted: its component knows
    name = job_components.component_name(parsed.kind, parsed.name)
    component = folded_names.find(connection, resources.key(scope, COMPONENT.kind, name))
    return list(component.document.get("JobMetrics", ())) if component is not None else []
