"""Room services: the `detail` of every event that SageMaker announces. In: rows. Out: documents. Pure.

Names and forms of time differ by event (spec 02, section 16; spec 04, sections 1 and 5): pipelines state ISO seconds,
training jobs epoch milliseconds as text, model packages and processing jobs as numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stepwell.base.documents import Document
from stepwell.machines import job_progress
from stepwell.store.outbox import seconds
from stepwell.store.resources import Resource
from stepwell.store.steps import Step

Written = Callable[[float], str | int]

PACKAGE_MEMBERS = (
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageDescription",
    "InferenceSpecification",
    "ModelPackageStatusDetails",
    "CertifyForMarketplace",
    "ModelApprovalStatus",
    "ApprovalDescription",
    "MetadataProperties",
    "ModelMetrics",
    "DriftCheckBaselines",
    "CustomerMetadataProperties",
    "ModelLifeCycle",
    "SourceUri",
)


def milliseconds(moment: float) -> int:
    """`moment` (epoch seconds) in epoch milliseconds."""
    return round(moment * 1000)


def milliseconds_text(moment: float) -> str:
    """`moment` (epoch seconds) in epoch milliseconds, as training jobs write it."""
    return str(milliseconds(moment))


def pipeline_execution(execution: Resource, pipeline_arn: str, arn: str, previous: str | None) -> Document:
    """The execution as it is now. `previous` is its status before; None at its start."""
    ended = execution.status not in ("Executing", "Stopping")
    detail = {
        "pipelineExecutionDisplayName": execution.document.get("PipelineExecutionDisplayName"),
        "currentPipelineExecutionStatus": execution.status,
        "previousPipelineExecutionStatus": previous,
        "executionStartTime": seconds(execution.created),
        "executionEndTime": seconds(execution.modified) if ended else None,
        "pipelineExecutionDescription": execution.document.get("PipelineExecutionDescription"),
        "pipelineArn": pipeline_arn,
        "pipelineExecutionArn": arn,
    }
    return _present(detail)


def pipeline_step(step: Step, step_type: str, pipeline_arn: str, previous: str | None) -> Document:
    """The step as it is now. `previous` is its status before; None when it has just begun."""
    metadata = {_lower_first(kind): _lowered(shown) for kind, shown in (step.metadata or {}).items()}
    detail = {
        "metadata": metadata,
        "stepStartTime": seconds(step.started),
        "stepEndTime": None if step.ended is None else seconds(step.ended),
        "stepName": step.name,
        "stepType": step_type,
        "previousStepStatus": previous,
        "currentStepStatus": step.status,
        "failureReason": step.failure_reason,
        "pipelineArn": pipeline_arn,
        "pipelineExecutionArn": step.execution,
    }
    return _present(detail)


def training_job(job: Resource, arn: str, tags: Mapping[str, str]) -> Document:
    """A training job as DescribeTrainingJob shows it, times as text."""
    return _job(job, "TrainingJob", arn, tags, milliseconds_text)


def processing_job(job: Resource, arn: str, tags: Mapping[str, str]) -> Document:
    """A processing job as DescribeProcessingJob shows it, times as numbers."""
    return _job(job, "ProcessingJob", arn, tags, milliseconds)


def model_package(package: Resource, arn: str) -> Document:
    """A model package, after it was created or changed."""
    shown = {member: package.document.get(member) for member in PACKAGE_MEMBERS}
    detail = {
        "ModelPackageName": package.name,
        **shown,
        "ModelPackageArn": arn,
        "ModelPackageStatus": package.status,
        "CreationTime": milliseconds(package.created),
        "LastModifiedTime": milliseconds(package.modified),
    }
    return _present(detail)


def model(row: Resource, arn: str) -> Document:
    """A model that was created or deleted."""
    return _present(
        {**row.document, "ModelName": row.name, "ModelArn": arn, "CreationTime": milliseconds(row.created)}
    )


def _job(job: Resource, noun: str, arn: str, tags: Mapping[str, str], written: Written) -> Document:
    described = {
        f"{noun}Name": job.name,
        f"{noun}Arn": arn,
        f"{noun}Status": job.status,
        **job_progress.public(job.document),
        "CreationTime": job.created,
        "LastModifiedTime": job.modified,
    }
    return {**_present(_with_times(described, written)), "Tags": dict(tags)}


def _with_times(document: Document, written: Written) -> Document:
    """`document` with its times, wherever they stand, in the form that the event uses."""
    return {member: _with_time(member, value, written) for member, value in document.items()}


def _with_time(member: str, value: object, written: Written) -> object:
    if isinstance(value, float) and member.endswith("Time"):
        return written(value)
    if member == "SecondaryStatusTransitions" and isinstance(value, list):
        return [_with_times(entry, written) for entry in value]
    return value


def _present(detail: Document) -> Document:
    return {member: value for member, value in detail.items() if value is not None}


def _lowered(shown: object) -> object:
    return {_lower_first(k): v for k, v in shown.items()} if isinstance(shown, dict) else shown


def _lower_first(name: str) -> str:
    return name[:1].lower() + name[1:]
