"""Room machines: names and requests of the training jobs of a tuning job."""

from __future__ import annotations

import re
from typing import Any

import pytest

from stepwell.machines.tuning_requests import resources, training_job, training_job_name, with_objective

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:hyper-parameter-tuning-job/tune"
CLUSTER = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}
DEFINITION: dict[str, Any] = {
    "AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "File", "MetricDefinitions": []},
    "StaticHyperParameters": {"a": "1", "_tuning_objective_metric": "loss"},
    "RoleArn": "r",
    "OutputDataConfig": {"S3OutputPath": "s3://b/o"},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    "ResourceConfig": CLUSTER,
    "Environment": {"E": "1"},
    "DefinitionName": "d",
}


def test_names_have_aws_form_and_follow_from_their_causes() -> None:
    name = training_job_name(ARN, 1.5, 7)
    assert re.fullmatch(r"tune-007-[0-9a-f]{8}", name)
    assert name == training_job_name(ARN, 1.5, 7)
    others = {training_job_name(ARN, 1.5, 8)[-8:], training_job_name(ARN, 2.5, 7)[-8:]}
    assert name[-8:] not in others
    assert training_job_name(ARN, 1.5, 1234).startswith("tune-1234-")


def test_a_request_is_the_definition_and_the_values() -> None:
    tags = [{"Key": "k", "Value": "v"}]
    assert training_job(DEFINITION, "n", {"x": "0.5"}, tags) == {
        "TrainingJobName": "n",
        "AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "File"},
        "HyperParameters": {"a": "1", "_tuning_objective_metric": "loss", "x": "0.5"},
        "RoleArn": "r",
        "OutputDataConfig": {"KmsKeyId": "", "S3OutputPath": "s3://b/o"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "ResourceConfig": CLUSTER,
        "Environment": {"E": "1"},
        "Tags": tags,
    }


def test_checkpoints_of_trials_do_not_meet() -> None:
    definition = {**DEFINITION, "CheckpointConfig": {"S3Uri": "s3://b/c/", "LocalPath": "/opt/ml/checkpoints"}}
    found = training_job(definition, "n", {}, [])["CheckpointConfig"]
    assert found == {"S3Uri": "s3://b/c/n", "LocalPath": "/opt/ml/checkpoints"}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (CLUSTER, CLUSTER),
        ({**CLUSTER, "VolumeKmsKeyId": "k"}, {**CLUSTER, "VolumeKmsKeyId": "k"}),
        (
            {"InstanceConfigs": [CLUSTER, {**CLUSTER, "InstanceCount": 2}], "AllocationStrategy": "Prioritized"},
            CLUSTER,
        ),
        ({"InstanceConfigs": [CLUSTER], "VolumeKmsKeyId": "k"}, {**CLUSTER, "VolumeKmsKeyId": "k"}),
    ],
)
def test_flexible_resources(asked: dict[str, Any], found: dict[str, Any]) -> None:
    assert resources({"HyperParameterTuningResourceConfig": asked}) == found


@pytest.mark.parametrize(
    ("static", "value"),
    [
        ({}, "validation:auc"),
        ({"num_round": "5"}, "validation:auc"),
        ({"name": '"quoted"'}, "validation:auc"),
        ({"sagemaker_program": '"train.py"'}, '"validation:auc"'),
        ({"sagemaker_program": "train.py"}, "validation:auc"),
        ({"_tuning_objective_metric": "other"}, "validation:auc"),
    ],
)
def test_the_objective_is_written_like_the_other_hyperparameters(static: dict[str, str], value: str) -> None:
    found = with_objective({"StaticHyperParameters": static}, "validation:auc")["StaticHyperParameters"]
    assert found == {**static, "_tuning_objective_metric": value}
