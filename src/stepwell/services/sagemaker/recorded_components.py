"""The trial component of every job, made and kept up behind it: see `recording.py`, and spec 04, section 2.

In: a job as it stands. Out: its component; from the first time on in the job's trial, and known to the job's run.
What clients change in it stays: only what the job itself goes through is written again. What they delete stays
deleted, and so does a place in a trial that they took away.
"""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.machines import job_components, job_progress
from stepwell.machines.job_components import Component
from stepwell.services.sagemaker import component_metrics
from stepwell.services.sagemaker.experiment_entities import COMPONENT, TRIAL
from stepwell.services.sagemaker.recorded import Recorded
from stepwell.store import folded_names, removed_components, resources, trial_memberships
from stepwell.store.resources import Resource

FINAL = frozenset({"Completed", "Failed", "Stopped"})


def record(recorded: Recorded) -> None:
    """Make or keep up the component of a job."""
    job = recorded.resource
    if job_progress.is_deleted(job.document):
        return
    kind, connection = job.key.kind, recorded.transaction.connection
    arn = recorded.scope.arn("sagemaker", f"{kind}/{job.name}")
    found = job_components.component(kind, job.name, arn, job.status, job.document)
    standing = resources.find(connection, resources.key(recorded.scope, COMPONENT.kind, found.name))
    if standing is not None and standing.document.get("Job") == job.id:
        _keep_up(recorded, found, standing)
    elif not removed_components.has(connection, job.id):
        _join(recorded, _begin(recorded, found, standing), job_components.source(kind, arn))


def _begin(recorded: Recorded, found: Component, standing: Resource | None) -> Resource:
    """Make the component; one of that name that stood before (a client's, an earlier job's) becomes this job's."""
    job = recorded.resource
    document: Document = {**found.asked, "OutputArtifacts": dict(found.outputs), **found.reached, "Job": job.id}
    document |= _metrics(recorded)
    if standing is not None:
        kept = {name: value for name, value in standing.document.items() if name in ("CreatedBy", "Sources")}
        whole = {**kept, **document}
        return resources.save(
            recorded.transaction,
            Resource(standing.key, found.status, standing.created, job.modified, whole, standing.id),
        )
    key = resources.key(recorded.scope, COMPONENT.kind, found.name)
    return resources.add(recorded.transaction, Resource(key, found.status, job.created, job.modified, document))


def _keep_up(recorded: Recorded, found: Component, standing: Resource) -> None:
    """Write what the job has reached since. Of one status, what it says of itself changes too often to be kept."""
    before = standing.document
    outputs = {**before.get("OutputArtifacts", {}), **found.outputs}
    changes = {
        name: value
        for name, value in {**found.reached, "OutputArtifacts": outputs}.items()
        if before.get(name) != value and not (name == "Status" and standing.status == found.status)
    }
    if not changes:
        return
    changes |= _metrics(recorded)
    resources.save(
        recorded.transaction, standing.with_changes(recorded.resource.modified, status=found.status, **changes)
    )


def _metrics(recorded: Recorded) -> Document:
    """What an ended job has printed: its points may go before its component does."""
    if recorded.resource.status not in FINAL:
        return {}
    metrics = component_metrics.of_job(recorded.transaction.connection, recorded.scope, recorded.resource)
    return {"JobMetrics": metrics} if metrics else {}


def _join(recorded: Recorded, component: Resource, source: Document) -> None:
    """Put a new component into the trial that its job was given, and the job's name into its run."""
    config = recorded.resource.document.get("ExperimentConfig", {})
    connection = recorded.transaction.connection
    if "TrialName" in config:
        trial = folded_names.find(connection, resources.key(recorded.scope, TRIAL.kind, config["TrialName"]))
        if trial is not None:
            trial_memberships.add(recorded.transaction, trial, component)
    if "RunName" in config:
        run = folded_names.find(connection, resources.key(recorded.scope, COMPONENT.kind, config["RunName"]))
        if run is not None:
            sources = [*run.document.get("Sources", ()), source]
            resources.save(recorded.transaction, run.with_changes(run.modified, Sources=sources))
