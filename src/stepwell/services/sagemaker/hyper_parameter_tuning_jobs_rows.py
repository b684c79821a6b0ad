"""Rows of tuning jobs and of their trials, and who is told when they change.

A trial is a row beneath its tuning job, named like its training job; its status is the training job's and its
document the summary that ListTrainingJobsForHyperParameterTuningJob shows, with one member for the machine.
"""

from __future__ import annotations

from stepwell.base import arn as arns
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import not_found
from stepwell.machines import tuning_progress
from stepwell.machines.tuning_events import Sight
from stepwell.machines.tuning_settings import Settings
from stepwell.machines.tuning_state import Trial
from stepwell.services.events.sagemaker_details import milliseconds_text
from stepwell.services.registry import Site
from stepwell.store import outbox, resources, tags
from stepwell.store.database import Connection, Transaction
from stepwell.store.resources import Key, Query, Resource

MACHINE = "hyper-parameter-tuning-job"
KIND = "hyper-parameter-tuning-job"
TRIAL = "tuning-trial"
ACTIVE = ("InProgress", "Stopping")
OWN = "Trial"
"""The member of a trial's document that only the machine needs."""
MOST_TRIALS = 10_000
"""More than any tuning job may start."""
DETAIL_TYPE = "SageMaker HyperParameter Tuning Job State Change"


def arn_of(scope: Scope, name: str) -> str:
    """The ARN of the tuning job of that name."""
    return scope.arn("sagemaker", f"{KIND}/{name}")


def scope_and_key(arn: str) -> tuple[Scope, Key]:
    """Account and region of a tuning job's ARN, and the key of its row."""
    parsed = arns.parse(arn)
    if parsed is None:
        raise ValueError(f"not an ARN: {arn}")
    scope = Scope(parsed.account, parsed.region)
    return scope, resources.key(scope, KIND, parsed.name)


def find(connection: Connection, scope: Scope, name: str) -> Resource:
    """The tuning job of that name. Raises ResourceNotFound."""
    row = resources.find(connection, resources.key(scope, KIND, name))
    if row is None:
        raise not_found(f"Amazon SageMaker can't find a tuning job with the name {name}.")
    return row


def trials_of(connection: Connection, scope: Scope, name: str) -> list[Resource]:
    """Every trial of the tuning job whose training job was created, oldest first."""
    query = Query(TRIAL, scope, name, sort_by="created", descending=False, limit=MOST_TRIALS)
    return resources.page(connection, query)[0]


def trial_row(scope: Scope, tuning_job: str, settings: Settings, trial: Trial) -> Resource:
    """The row of a trial that was just launched."""
    definition = settings.definitions[trial.definition]
    document: Document = {
        "TunedHyperParameters": dict(trial.values),
        "ObjectiveStatus": "Pending",
        OWN: {"number": trial.number, "definition": trial.definition},
    }
    if definition.name:
        document["TrainingJobDefinitionName"] = definition.name
    key = resources.key(scope, TRIAL, trial.name, tuning_job)
    return Resource(key, trial.status, trial.created, trial.created, document)


def with_sight(row: Resource, sight: Sight, settings: Settings, now: float) -> Resource:
    """The row of a trial after `sight`."""
    own = row.document[OWN]
    members: Document = {
        "TrainingStartTime": sight.started,
        "TrainingEndTime": sight.ended,
        "FailureReason": sight.reason or None,
        OWN: {**own, "rungs": list(sight.rungs), "values": list(sight.values)},
    }
    if sight.is_over:
        members["ObjectiveStatus"] = "Succeeded" if sight.has_objective else "Failed"
        if sight.has_objective:
            members["FinalHyperParameterTuningJobObjectiveMetric"] = {
                "Type": "Minimize" if settings.minimize else "Maximize",
                "MetricName": settings.definitions[own["definition"]].metric,
                "Value": sight.objective,
            }
    return row.with_changes(now, status=sight.status, **members)


def summary(row: Resource) -> Document:
    """A trial as answers show it."""
    key = row.key
    shown = {member: value for member, value in row.document.items() if member != OWN}
    return {
        **shown,
        "TrainingJobName": row.name,
        "TrainingJobArn": Scope(key.account, key.region).arn("sagemaker", f"training-job/{row.name}"),
        "CreationTime": row.created,
        "TrainingJobStatus": row.status,
    }


def objective_value(row: Resource) -> float | None:
    """The final objective of a trial; None when there is none."""
    found = row.document.get("FinalHyperParameterTuningJobObjectiveMetric")
    return None if found is None else float(found["Value"])


def announce(site: Site, transaction: Transaction, row: Resource, now: float) -> None:
    """Tell the world of a tuning job that was created or whose status has changed."""
    scope = Scope(row.key.account, row.key.region)
    if not outbox.is_heard(transaction.connection, scope):
        return
    arn = arn_of(scope, row.name)
    detail = _detail(row, arn, tags.of(transaction.connection, arn))
    outbox.emit(transaction, scope, "aws.sagemaker", DETAIL_TYPE, [arn], detail, now)
    transaction.on_commit(site.roused)


def training_job_changed(site: Site, transaction: Transaction, training_job: Resource, now: float) -> None:
    """Wake the tuning job that a training job belongs to, in the transaction in which the training job changes."""
    tuning_job = training_job.document.get("TuningJobArn")
    if tuning_job is not None:
        site.wake(transaction, MACHINE, tuning_job, now)


def _detail(row: Resource, arn: str, given: dict[str, str]) -> Document:
    """The event's detail: what Describe shows, times in epoch milliseconds as text."""
    described = {
        "HyperParameterTuningJobName": row.name,
        "HyperParameterTuningJobArn": arn,
        "HyperParameterTuningJobStatus": row.status,
        **tuning_progress.public(row.document),
        "CreationTime": row.created,
        "LastModifiedTime": row.modified,
    }
    return {**{name: _told(name, value) for name, value in described.items()}, "Tags": given}


def _told(name: str, value: object) -> object:
    if isinstance(value, float) and name.endswith("Time"):
        return milliseconds_text(value)
    if isinstance(value, dict):
        return {member: _told(member, each) for member, each in value.items()}
    return value
