"""Trial components: one stage of a trial, such as a job; Studio calls them runs. Spec 04, section 2.

Those of jobs are made by `recorded_components.py`; here is what clients do with any of them. A component's metrics
are in no document: `component_metrics.py` says where they come from.
"""

from __future__ import annotations

from stepwell.base import arn as arns
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import validation
from stepwell.machines import job_components
from stepwell.services import paging
from stepwell.services.registry import Call, operation
from stepwell.services.sagemaker import component_metrics, recording, trial_component_values
from stepwell.services.sagemaker import experiment_entities as entities
from stepwell.services.sagemaker.experiment_entities import COMPONENT, EXPERIMENT, TRIAL
from stepwell.services.sagemaker.identities import user_context
from stepwell.services.sagemaker.lineage_rows import DEFAULT_GROUP, GROUP
from stepwell.store import component_metrics as put_metrics
from stepwell.store import folded_names, removed_components, resources, trial_memberships
from stepwell.store.database import Connection
from stepwell.store.resources import Resource

GIVEN = (
    "DisplayName",
    "Status",
    "StartTime",
    "EndTime",
    "Parameters",
    "InputArtifacts",
    "OutputArtifacts",
    "MetadataProperties",
)
SUMMARY = ("Status", "StartTime", "EndTime", "CreatedBy", "LastModifiedBy")
HIDDEN = frozenset({"Job", "JobMetrics"})
"""Members of the document that only the recorder of jobs reads."""


@operation
def create_trial_component(call: Call, request: Document) -> Document:
    trial_component_values.check(request)
    document = {member: request[member] for member in GIVEN if member in request}
    with recording.writing(call) as transaction:
        made = entities.add(transaction, call, COMPONENT, request, document, _status(document))
    return entities.answer(call.scope, COMPONENT, made)


@operation
def describe_trial_component(call: Call, request: Document) -> Document:
    with recording.reading(call) as connection:
        row = entities.find(connection, call.scope, COMPONENT, _name(call.scope, request["TrialComponentName"]))
        return described(connection, call.scope, row)


def described(connection: Connection, scope: Scope, row: Resource) -> Document:
    """What Describe answers for the component of that row."""
    return {
        "Parameters": {},
        "InputArtifacts": {},
        "OutputArtifacts": {},
        **{member: value for member, value in row.document.items() if member not in HIDDEN},
        **entities.named(scope, COMPONENT, row),
        "Metrics": component_metrics.of(connection, scope, row),
        "LineageGroupArn": scope.arn("sagemaker", f"{GROUP}/{DEFAULT_GROUP}"),
    }


@operation
def list_trial_components(call: Call, request: Document) -> Document:
    filters = [name for name in ("ExperimentName", "TrialName", "SourceArn") if name in request]
    if len(filters) > 1:
        raise validation(f"{' and '.join(filters)} cannot be given together: a list is filtered by one of them.")
    shown = ("TrialComponentSummaries", lambda row: _summary(call.scope, row))
    with recording.reading(call) as connection:
        match filters:
            case ["ExperimentName"]:
                owner = entities.find(connection, call.scope, EXPERIMENT, request["ExperimentName"])
                return entities.members_of(connection, request, "experiment", owner.id, "component", shown)
            case ["TrialName"]:
                owner = entities.find(connection, call.scope, TRIAL, request["TrialName"])
                return entities.members_of(connection, request, "trial", owner.id, "component", shown)
            case ["SourceArn"]:
                found = _of_source(connection, call.scope, request["SourceArn"])
                return {shown[0]: [shown[1](row) for row in found if _is_created_within(row, request)]}
    return paging.answer(call, paging.query(request, call, COMPONENT.kind, parent=""), *shown)


@operation
def update_trial_component(call: Call, request: Document) -> Document:
    """Maps are merged with those that stand; all else that is given takes the place of what stood."""
    trial_component_values.check(request)
    with recording.writing(call) as transaction:
        row = entities.find(transaction.connection, call.scope, COMPONENT, request["TrialComponentName"])
        changes = {member: request[member] for member in GIVEN if member in request}
        changes |= trial_component_values.merged(row.document, request)
        changes["LastModifiedBy"] = user_context(call.scope)
        resources.save(transaction, row.with_changes(call.now, status=_status(changes) or None, **changes))
    return entities.answer(call.scope, COMPONENT, row)


@operation
def delete_trial_component(call: Call, request: Document) -> Document:
    """With its metrics. A job's component does not come back when the job changes."""
    with recording.writing(call) as transaction:
        row = entities.find(transaction.connection, call.scope, COMPONENT, request["TrialComponentName"])
        if trial_memberships.is_in_trial(transaction.connection, row):
            raise entities.linked(call.scope, COMPONENT, row, "trials")
        if "Job" in row.document:
            removed_components.add(transaction, row.document["Job"])
        put_metrics.remove(transaction, call.scope, row.id)
        return entities.remove(transaction, call.scope, COMPONENT, row)


def _status(document: Document) -> str:
    return str(document.get("Status", {}).get("PrimaryStatus", ""))


def _name(scope: Scope, reference: str) -> str:
    """The name in a name or ARN. Raises ResourceNotFound for the ARN of something else."""
    parsed = arns.parse(reference)
    if parsed is None:
        return reference
    if (parsed.account, parsed.region, parsed.kind) != (scope.account, scope.region, COMPONENT.kind):
        raise COMPONENT.missing(scope, parsed.name)
    return parsed.name


def _summary(scope: Scope, row: Resource) -> Document:
    return {
        **{member: row.document[member] for member in SUMMARY if member in row.document},
        **entities.named(scope, COMPONENT, row),
        "TrialComponentSource": row.document.get("Source"),
    }


def _of_source(connection: Connection, scope: Scope, source: str) -> list[Resource]:
    """The component of the job of that ARN, in any case: its name says which it is."""
    parsed = arns.parse(source)
    if parsed is None or parsed.kind not in job_components.KINDS:
        return []
    name = job_components.component_name(parsed.kind, parsed.name)
    found = folded_names.find(connection, resources.key(scope, COMPONENT.kind, name))
    if found is None or found.document.get("Source", {}).get("SourceArn", "").lower() != source.lower():
        return []
    return [found]


def _is_created_within(row: Resource, request: Document) -> bool:
    after, before = request.get("CreatedAfter"), request.get("CreatedBefore")
    return (after is None or row.created > after) and (before is None or row.created < before)
