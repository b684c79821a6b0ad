"""Experiments: collections of trials that are compared with each other. Spec 04, section 2."""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.services import paging
from stepwell.services.registry import Call, operation
from stepwell.services.sagemaker import experiment_entities as entities
from stepwell.services.sagemaker.experiment_entities import EXPERIMENT
from stepwell.services.sagemaker.identities import user_context
from stepwell.store import resources, trial_memberships
from stepwell.store.resources import Resource

GIVEN = ("DisplayName", "Description")


@operation
def create_experiment(call: Call, request: Document) -> Document:
    document = {member: request[member] for member in GIVEN if member in request}
    with call.site.database.write() as transaction:
        made = entities.add(transaction, call, EXPERIMENT, request, document)
    return entities.answer(call.scope, EXPERIMENT, made)


@operation
def describe_experiment(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        row = entities.find(connection, call.scope, EXPERIMENT, request["ExperimentName"])
    return {**row.document, **entities.named(call.scope, EXPERIMENT, row)}


@operation
def list_experiments(call: Call, request: Document) -> Document:
    def summary(row: Resource) -> Document:
        return {**entities.named(call.scope, EXPERIMENT, row), "ExperimentSource": row.document.get("Source")}

    return paging.answer(
        call, paging.query(request, call, EXPERIMENT.kind, parent=""), "ExperimentSummaries", summary
    )


@operation
def update_experiment(call: Call, request: Document) -> Document:
    changes = {member: request[member] for member in GIVEN if member in request}
    with call.site.database.write() as transaction:
        row = entities.find(transaction.connection, call.scope, EXPERIMENT, request["ExperimentName"])
        resources.save(transaction, row.with_changes(call.now, **changes, LastModifiedBy=user_context(call.scope)))
    return entities.answer(call.scope, EXPERIMENT, row)


@operation
def delete_experiment(call: Call, request: Document) -> Document:
    with call.site.database.write() as transaction:
        row = entities.find(transaction.connection, call.scope, EXPERIMENT, request["ExperimentName"])
        if trial_memberships.has_trials(transaction.connection, row):
            raise entities.linked(call.scope, EXPERIMENT, row, "trials")
        return entities.remove(transaction, call.scope, EXPERIMENT, row)
