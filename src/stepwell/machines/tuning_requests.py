"""Room machines: the training jobs of a tuning job. In: a stored definition and a trial. Out: names and requests."""

from __future__ import annotations

from stepwell.base import ids
from stepwell.base.documents import Document
from stepwell.machines.tuning_ranges import Values
from stepwell.machines.tuning_settings import OBJECTIVE_PARAMETER

_HEX = "0123456789abcdef"
_PASSED_ON = (
    "RoleArn",
    "InputDataConfig",
    "VpcConfig",
    "StoppingCondition",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining",
    "RetryStrategy",
    "Environment",
)


def training_job_name(tuning_job_arn: str, created: float, number: int) -> str:
    """The name of the training job of trial `number`, in AWS's form: <tuning job>-<number>-<8 hexadecimal digits>.

    `created` is when the tuning job was created: one that comes later under the same name has other children.
    """
    digits = ids.derived(8, tuning_job_arn, repr(created), str(number), alphabet=_HEX)
    return f"{tuning_job_arn.rpartition('/')[2]}-{number:03}-{digits}"


def training_job(definition: Document, name: str, values: Values, tags: list[Document]) -> Document:
    """The CreateTrainingJob request of a trial. `definition` holds the static hyperparameters, the objective too."""
    request: Document = {member: definition[member] for member in _PASSED_ON if member in definition}
    algorithm = {member: value for member, value in definition["AlgorithmSpecification"].items() if value != []}
    request.update(
        TrainingJobName=name,
        AlgorithmSpecification=algorithm,
        # the service shows a key id even where there is none, and the SDK's best_estimator() reads it
        OutputDataConfig={"KmsKeyId": "", **definition["OutputDataConfig"]},
        HyperParameters={**definition.get("StaticHyperParameters", {}), **values},
        ResourceConfig=resources(definition),
        Tags=tags,
    )
    if "CheckpointConfig" in definition:
        # Trials run side by side: each keeps its checkpoints in a folder of its own.
        checkpoints = definition["CheckpointConfig"]
        request["CheckpointConfig"] = {**checkpoints, "S3Uri": f"{checkpoints['S3Uri'].rstrip('/')}/{name}"}
    return request


def resources(definition: Document) -> Document:
    """The ResourceConfig of the training jobs; of several InstanceConfigs the first, since none is ever exhausted."""
    if "ResourceConfig" in definition:
        found: Document = definition["ResourceConfig"]
        return found
    asked = definition["HyperParameterTuningResourceConfig"]
    chosen = (asked.get("InstanceConfigs") or [asked])[0]
    members = ("InstanceType", "InstanceCount", "VolumeSizeInGB")
    shared = {"VolumeKmsKeyId": asked["VolumeKmsKeyId"]} if "VolumeKmsKeyId" in asked else {}
    return {**{member: chosen[member] for member in members if member in chosen}, **shared}


def with_objective(definition: Document, metric: str) -> Document:
    """`definition` with the hyperparameter that tells training jobs their objective, as the service adds it.

    Where the static hyperparameters are JSON, as the SDK's framework estimators write them, it is JSON as well.
    """
    static = definition.get("StaticHyperParameters", {})
    is_json = any(name.startswith("sagemaker_") and value.startswith('"') for name, value in static.items())
    value = f'"{metric}"' if is_json else metric
    return {**definition, "StaticHyperParameters": {**static, OBJECTIVE_PARAMETER: value}}
