"""The ExperimentConfig of a job, and the PipelineExperimentConfig of an execution: what must stand, and what is made.

A job's experiment must exist, and so must a trial that is named; where none is, one is made for the job (AWS's
CreateTrainingJob: "If not specified, a new trial is created"). A pipeline makes both where they are missing.
Whether the job's component is in the trial is `recorded_components.py`'s.
"""

from __future__ import annotations

from collections.abc import Mapping

from stepwell.base.documents import Document
from stepwell.base.faults import validation
from stepwell.services.registry import Call
from stepwell.services.sagemaker import experiment_entities as entities
from stepwell.services.sagemaker.experiment_entities import EXPERIMENT, TRIAL
from stepwell.spec import models
from stepwell.spec.validation import violations
from stepwell.steps.requests import EXECUTION_TAG
from stepwell.store import folded_names, resources, trial_memberships
from stepwell.store.database import Transaction
from stepwell.store.resources import Resource


def settled(call: Call, transaction: Transaction, document: Document, job: str, tags: Mapping[str, str]) -> Document:
    """A job's document, with the name of the trial that it is in. Raises ResourceNotFound or ValidationException.

    What a pipeline's job is in is made again if it was deleted meanwhile, or never made: executions of earlier
    releases go on with this one.
    """
    config = document.get("ExperimentConfig", {})
    execution = tags.get(EXECUTION_TAG, "")
    if execution and "TrialName" in config and "ExperimentName" in config:
        names = {member: config[member] for member in ("ExperimentName", "TrialName")}
        make_for_pipeline(call, transaction, names, execution.partition("/execution/")[0], execution)
        return document
    if "TrialName" in config:
        trial = entities.find(transaction.connection, call.scope, TRIAL, config["TrialName"])
        if "ExperimentName" in config:
            experiment = entities.find(transaction.connection, call.scope, EXPERIMENT, config["ExperimentName"])
            _require_within(call, trial, experiment)
        return document
    if "ExperimentName" not in config:
        return document
    experiment = entities.find(transaction.connection, call.scope, EXPERIMENT, config["ExperimentName"])
    trial = _trial(call, transaction, experiment, f"{job}-trial", None)
    return {**document, "ExperimentConfig": {**config, "TrialName": trial.name}}


def make_for_pipeline(
    call: Call, transaction: Transaction, config: Document | None, pipeline: str, execution: str
) -> None:
    """See to it that experiment and trial of an execution stand; `pipeline` and `execution` are ARNs.

    Raises ValidationException, before anything is made, when they cannot.
    """
    if config is None:
        return
    _check_names(config)
    name = config["ExperimentName"]
    experiment = folded_names.find(transaction.connection, resources.key(call.scope, EXPERIMENT.kind, name))
    if experiment is None:
        source = {"SourceArn": pipeline, "SourceType": "SageMakerPipeline"}
        experiment = entities.add(transaction, call, EXPERIMENT, {"ExperimentName": name}, {"Source": source})
    source = {"SourceArn": execution, "SourceType": "SageMakerPipelineExecution"}
    _trial(call, transaction, experiment, config["TrialName"], source)


def _trial(
    call: Call, transaction: Transaction, experiment: Resource, name: str, source: Document | None
) -> Resource:
    """The trial of that name, made if it is missing. Raises ValidationException when it is another experiment's."""
    trial = folded_names.find(transaction.connection, resources.key(call.scope, TRIAL.kind, name))
    if trial is None:
        document: Document = {"ExperimentName": experiment.name, **({"Source": source} if source else {})}
        trial = entities.add(transaction, call, TRIAL, {"TrialName": name}, document)
        trial_memberships.add_trial(transaction, experiment, trial)
    _require_within(call, trial, experiment)
    return trial


def _require_within(call: Call, trial: Resource, experiment: Resource) -> None:
    if trial.document["ExperimentName"] != experiment.name:
        raise validation(
            f"Trial '{TRIAL.arn(call.scope, trial.name)}' belongs to experiment "
            f"'{trial.document['ExperimentName']}', not to '{experiment.name}'."
        )


def _check_names(config: Document) -> None:
    """Raises ValidationException unless both can be names of an experiment and a trial."""
    shape = models.operation("sagemaker", "CreateTrial").input_shape
    assert shape is not None
    for member, value in config.items():
        if not isinstance(value, str):
            raise validation(f"PipelineExperimentConfig: the {member} must be a string, not {value!r}.")
    found = violations(shape, config)
    if found:
        raise validation(f"PipelineExperimentConfig: {'; '.join(found)}")
