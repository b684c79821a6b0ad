"""Trials: what was done together for one model; run groups in Studio. Each is in one experiment. Spec 04, section 2.

Which components are in a trial is written in store/trial_memberships.py.
"""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.base.faults import not_found, validation
from stepwell.services import paging
from stepwell.services.registry import Call, operation
from stepwell.services.sagemaker import experiment_entities as entities
from stepwell.services.sagemaker import recording
from stepwell.services.sagemaker.experiment_entities import COMPONENT, EXPERIMENT, TRIAL
from stepwell.services.sagemaker.identities import user_context
from stepwell.store import resources, trial_memberships
from stepwell.store.database import Connection
from stepwell.store.resources import Resource

GIVEN = ("DisplayName", "MetadataProperties")


@operation
def create_trial(call: Call, request: Document) -> Document:
    with call.site.database.write() as transaction:
        experiment = entities.find(transaction.connection, call.scope, EXPERIMENT, request["ExperimentName"])
        document = {member: request[member] for member in GIVEN if member in request}
        document["ExperimentName"] = experiment.name
        made = entities.add(transaction, call, TRIAL, request, document)
        trial_memberships.add_trial(transaction, experiment, made)
    return entities.answer(call.scope, TRIAL, made)


@operation
def describe_trial(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        row = entities.find(connection, call.scope, TRIAL, request["TrialName"])
    return {**row.document, **entities.named(call.scope, TRIAL, row)}


@operation
def list_trials(call: Call, request: Document) -> Document:
    def summary(row: Resource) -> Document:
        return {**entities.named(call.scope, TRIAL, row), "TrialSource": row.document.get("Source")}

    shown = ("TrialSummaries", summary)
    experiment, component = request.get("ExperimentName"), request.get("TrialComponentName")
    if experiment is not None and component is not None:
        raise validation("ExperimentName and TrialComponentName cannot be given together.")
    if component is not None:
        with recording.reading(call) as connection:
            owner = entities.find(connection, call.scope, COMPONENT, component)
            return entities.members_of(connection, request, "component", owner.id, "trial", shown)
    if experiment is not None:
        with call.site.database.read() as connection:
            owner = entities.find(connection, call.scope, EXPERIMENT, experiment)
            return entities.members_of(connection, request, "experiment", owner.id, "trial", shown)
    return paging.answer(call, paging.query(request, call, TRIAL.kind, parent=""), *shown)


@operation
def update_trial(call: Call, request: Document) -> Document:
    changes = {"DisplayName": request["DisplayName"]} if "DisplayName" in request else {}
    with call.site.database.write() as transaction:
        row = entities.find(transaction.connection, call.scope, TRIAL, request["TrialName"])
        resources.save(transaction, row.with_changes(call.now, **changes, LastModifiedBy=user_context(call.scope)))
    return entities.answer(call.scope, TRIAL, row)


@operation
def delete_trial(call: Call, request: Document) -> Document:
    with recording.writing(call) as transaction:
        row = entities.find(transaction.connection, call.scope, TRIAL, request["TrialName"])
        if trial_memberships.has_components(transaction.connection, row):
            raise entities.linked(call.scope, TRIAL, row, "trial components")
        trial_memberships.remove_trial(transaction, row)
        return entities.remove(transaction, call.scope, TRIAL, row)


@operation
def associate_trial_component(call: Call, request: Document) -> Document:
    """Once more is fine: it is in the trial."""
    with recording.writing(call) as transaction:
        component, trial = _both(transaction.connection, call, request)
        trial_memberships.add(transaction, trial, component)
        resources.save(transaction, component)
    return _joined(call, component, trial)


@operation
def disassociate_trial_component(call: Call, request: Document) -> Document:
    with recording.writing(call) as transaction:
        component, trial = _both(transaction.connection, call, request)
        if not trial_memberships.remove(transaction, trial, component):
            raise not_found(
                f"TrialComponent '{COMPONENT.arn(call.scope, component.name)}' is not associated with "
                f"Trial '{TRIAL.arn(call.scope, trial.name)}'."
            )
        resources.save(transaction, component)
    return _joined(call, component, trial)


def _both(connection: Connection, call: Call, request: Document) -> tuple[Resource, Resource]:
    component = entities.find(connection, call.scope, COMPONENT, request["TrialComponentName"])
    return component, entities.find(connection, call.scope, TRIAL, request["TrialName"])


def _joined(call: Call, component: Resource, trial: Resource) -> Document:
    return {
        **entities.answer(call.scope, COMPONENT, component),
        **entities.answer(call.scope, TRIAL, trial),
    }
