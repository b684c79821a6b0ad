"""Members of search records that stand elsewhere than the resource: tags, parents, details of sources.

Each function takes records with their rows and gives the member of each, in their order; nothing (None, an empty
list) where a record has none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stepwell.base import arn as arns
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.registry import Door
from stepwell.services.sagemaker import component_metrics
from stepwell.services.sagemaker.experiment_entities import COMPONENT
from stepwell.store import resources, search_rows, trial_memberships
from stepwell.store.database import Connection
from stepwell.store.resources import Resource
from stepwell.store.trial_memberships import Listing

Pair = tuple[Resource, Document]

SOURCES = {
    "training-job": ("TrainingJob", "DescribeTrainingJob", "TrainingJobName"),
    "processing-job": ("ProcessingJob", "DescribeProcessingJob", "ProcessingJobName"),
    "transform-job": ("TransformJob", "DescribeTransformJob", "TransformJobName"),
}
"""What a component's source may be: its member in SourceDetail, and how it is described."""
RUNNING = ("InProgress", "Stopping")
MOST_COMPONENTS = 1000
"""So many components a trial's record shows: the newest."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What records are read with."""

    door: Door
    connection: Connection
    scope: Scope

    def describe(self, operation: str, params: Document) -> Document:
        """Ask a noun. Raises Fault."""
        return self.door.call(self.scope, "sagemaker", operation, params)

    def arn(self, row: Resource) -> str:
        """The ARN of a resource, as its tags know it."""
        return self.scope.arn("sagemaker", f"{row.key.kind}/{row.name}")


Joined = Callable[[Reading, Sequence[Pair]], list[object]]


def tags(reading: Reading, pairs: Sequence[Pair]) -> list[object]:
    """Tags."""
    wanted = [reading.arn(row) for row, _ in pairs]
    found = search_rows.tags_of(reading.connection, wanted)
    return [[{"Key": key, "Value": value} for key, value in found.get(arn, ())] for arn in wanted]


def tagged_model(reading: Reading, pairs: Sequence[Pair]) -> list[object]:
    """A model with its tags: they are members of what a model's record holds."""
    found = tags(reading, pairs)
    return [{**record["Model"], "Tags": each} for (_, record), each in zip(pairs, found, strict=True)]


def metrics(reading: Reading, pairs: Sequence[Pair]) -> list[object]:
    """The metrics of a component: its job's, and those that were put for it."""
    measured = search_rows.measured(reading.connection, [row.id for row, _ in pairs])
    return [
        component_metrics.of(reading.connection, reading.scope, row) if row.id in measured or _has_jobs(row) else []
        for row, _ in pairs
    ]


def has_running_job(reading: Reading, component: Resource) -> bool:
    """Whether a job that the component shows metrics of still runs."""
    own = component.document.get("Job")
    jobs = [resources.find_id(reading.connection, own)] if own is not None else []
    for source in component.document.get("Sources", ()):
        parsed = arns.parse(source["SourceArn"])
        if parsed is not None:
            jobs.append(resources.find(reading.connection, resources.key(reading.scope, parsed.kind, parsed.name)))
    return any(job is not None and job.status in RUNNING for job in jobs)


def parents(reading: Reading, pairs: Sequence[Pair]) -> list[object]:
    """The trials that a component is in, and their experiments."""
    found = search_rows.parents_of(reading.connection, [row.id for row, _ in pairs])
    return [
        [{"TrialName": trial, "ExperimentName": experiment} for trial, experiment in found.get(row.id, ())]
        for row, _ in pairs
    ]


def component_summaries(reading: Reading, pairs: Sequence[Pair]) -> list[object]:
    """The components in a trial."""

    def summaries(trial: Resource) -> list[Document]:
        listing = Listing("component", "trial", trial.id, limit=MOST_COMPONENTS)
        rows, _ = trial_memberships.page(reading.connection, listing)
        return [_component_summary(reading.scope, row) for row in rows]

    return [summaries(row) for row, _ in pairs]


def source_detail(reading: Reading, pairs: Sequence[Pair]) -> list[object]:
    """The job that a component is of, as it is described."""
    return [_source_detail(reading, record.get("Source", {}).get("SourceArn", "")) for _, record in pairs]


def last_execution(_reading: Reading, pairs: Sequence[Pair]) -> list[object]:
    """The ARN of the last execution of a pipeline version."""
    return [row.document.get("LastExecutionPipelineExecutionArn") for row, _ in pairs]


def last_execution_name(reading: Reading, pairs: Sequence[Pair]) -> list[object]:
    """The display name of the last execution of a pipeline version."""
    return _of_execution(reading, pairs, "PipelineExecutionDisplayName")


def last_execution_status(reading: Reading, pairs: Sequence[Pair]) -> list[object]:
    """The status of the last execution of a pipeline version."""
    return _of_execution(reading, pairs, "PipelineExecutionStatus")


def version_aliases(reading: Reading, pairs: Sequence[Pair]) -> list[object]:
    """The aliases of a pipeline version, which stand in its pipeline."""

    def aliases(row: Resource) -> list[str]:
        pipeline = resources.find(reading.connection, resources.key(reading.scope, "pipeline", row.key.parent))
        known = pipeline.document.get("Aliases", {}) if pipeline is not None else {}
        return sorted(alias for alias, number in known.items() if number == row.document["PipelineVersionId"])

    return [aliases(row) for row, _ in pairs]


def _has_jobs(component: Resource) -> bool:
    return "Job" in component.document or "Sources" in component.document


def _source_detail(reading: Reading, arn: str) -> Document | None:
    parsed = arns.parse(arn)
    if parsed is None:
        return None
    if parsed.kind not in SOURCES:
        return {"SourceArn": arn}
    member, operation, name = SOURCES[parsed.kind]
    try:
        job = reading.describe(operation, {name: parsed.name})
    except Fault:  # the job is deleted; its component stays
        return {"SourceArn": arn}
    found = search_rows.tags_of(reading.connection, [arn]).get(arn, ())
    return {"SourceArn": arn, member: {**job, "Tags": [{"Key": key, "Value": value} for key, value in found]}}


def _component_summary(scope: Scope, row: Resource) -> Document:
    return {
        "TrialComponentName": row.name,
        "TrialComponentArn": COMPONENT.arn(scope, row.name),
        "TrialComponentSource": row.document.get("Source"),
        "CreationTime": row.created,
        "CreatedBy": row.document.get("CreatedBy"),
    }


def _of_execution(reading: Reading, pairs: Sequence[Pair], member: str) -> list[object]:
    def found(row: Resource) -> object:
        arn = row.document.get("LastExecutionPipelineExecutionArn")
        if arn is None:
            return None
        return reading.describe("DescribePipelineExecution", {"PipelineExecutionArn": arn}).get(member)

    return [found(row) for row, _ in pairs]
