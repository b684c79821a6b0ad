"""What AWS accepts when a pipeline is created, as its SDK's integration tests show, is accepted here."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stepwell.checks.running import findings
from stepwell.spec import models

TRAIN = {
    "Name": "Train",
    "Type": "Training",
    "Arguments": {
        "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
        "HyperParameters": {"batch-size": "64"},
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 10},
    },
}


def register(model: str, response_type: str) -> dict[str, Any]:
    specification = {
        "Containers": [{"Image": "image", "ModelDataUrl": model}],
        "SupportedContentTypes": ["*"],
        "SupportedResponseMIMETypes": [response_type],
    }
    arguments = {"ModelPackageGroupName": "group", "InferenceSpecification": specification}
    return {"Name": "Register", "Type": "RegisterModel", "Arguments": arguments}


def condition(left: str, right: object) -> dict[str, Any]:
    question = {"Type": "GreaterThanOrEqualTo", "LeftValue": {"Get": left}, "RightValue": right}
    return {
        "Name": "Ask",
        "Type": "Condition",
        "Arguments": {"Conditions": [question], "IfSteps": [], "ElseSteps": []},
    }


def said(*steps: dict[str, Any]) -> list[str]:
    text = json.dumps({"Version": "2020-12-01", "Steps": list(steps)})
    return [str(problem) for problem in findings(text, models.operation)[1]]


@pytest.mark.parametrize(
    ("model", "response_type"), [("s3://bucket/model.tar.gz", "*"), ("/local/model.tar.gz", "text/csv")]
)
def test_patterns_are_left_to_the_step(model: str, response_type: str) -> None:
    assert said(register(model, response_type)) == []


def test_a_hyperparameter_may_be_compared_with_a_number() -> None:
    assert said(TRAIN, condition("Steps.Train.HyperParameters['batch-size']", 6.0)) == []


def test_a_status_may_not() -> None:
    (problem,) = said(TRAIN, condition("Steps.Train.TrainingJobStatus", 6.0))
    assert "LeftValue of type string and RightValue of type number" in problem
