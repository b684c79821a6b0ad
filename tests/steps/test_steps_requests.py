"""Room steps: the requests that make, describe and stop what a step is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stepwell.base.documents import Document
from stepwell.definition.expressions import Get, Join, Tree
from stepwell.definition.json_text import JSON
from stepwell.definition.model import Pipeline, Step
from stepwell.definition.parameters import resolve_parameters
from stepwell.definition.parse import parse
from stepwell.definition.paths import parse_path
from stepwell.definition.resolve import ResolutionError
from stepwell.definition.values import StoredValues
from stepwell.spec.models import operation
from stepwell.spec.validation import check
from stepwell.steps import registry
from stepwell.steps.kinds import Job, Need
from stepwell.steps.names import client_token, job_name
from stepwell.steps.requests import EXECUTION_TAG, Origin, Request, create, describe, metadata, name_of, stop

ARN = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/P/execution/abcdefghijkl"
ROLE = "arn:aws:iam::123456789012:role/Pipeline"
TAG = {"Key": EXECUTION_TAG, "Value": ARN}
ORIGIN = Origin(ARN, ROLE, attempt=1)


def get(path: str) -> Get:
    return Get(parse_path(path))


def values(pipeline: Pipeline | None = None, parameters: dict[str, JSON] | None = None) -> StoredValues:
    return StoredValues(pipeline or Pipeline(()), parameters or {"N": 3}, {}, lambda _: None, lambda _: "")


def job(type_: str) -> Job:
    found = registry.of(type_).job
    assert found is not None
    return found


def made(type_: str, arguments: dict[str, Tree], origin: Origin = ORIGIN, display_name: str | None = None) -> Request:
    shape = operation("sagemaker", job(type_).create).input_shape
    assert shape is not None
    step = Step("S", type_, arguments, "/Steps/0", display_name=display_name)
    return create(step, job(type_), origin, values(), shape)


def test_a_training_step_becomes_create_training_job() -> None:
    request = made(
        "Training",
        {"HyperParameters": {"depth": get("Parameters.N"), "rate": 0.1}, "Tags": [{"Key": "k", "Value": "v"}]},
    )
    name = job_name(ARN, "S", 1)
    assert request == Request(
        "sagemaker",
        "CreateTrainingJob",
        {
            "TrainingJobName": name,
            "RoleArn": ROLE,
            "HyperParameters": {"depth": "3", "rate": "0.1"},
            "Tags": [{"Key": "k", "Value": "v"}, TAG],
        },
        name,
    )


def test_every_attempt_has_its_own_name() -> None:
    assert made("Training", {}, Origin(ARN, ROLE, 2)).name == job_name(ARN, "S", 2)


@pytest.mark.parametrize("type_", ["Training", "Processing", "Model"])
def test_a_name_in_the_arguments_is_a_prefix(type_: str) -> None:
    member = job(type_).name_member
    for prefix in ("churn", Join("-", ("churn",))):
        request = made(type_, {member: prefix})
        assert request.params[member] == request.name == job_name(ARN, "S", 1, "churn")
    assert made(type_, {member: ""}).name == job_name(ARN, "S", 1)


def test_a_prefix_must_be_text() -> None:
    with pytest.raises(ResolutionError, match="TrainingJobName must be a string"):
        made("Training", {"TrainingJobName": get("Parameters.N")})


def test_the_name_can_be_asked_without_the_rest() -> None:
    step = Step("S", "Training", {"RoleArn": get("Steps.Later.X")}, "/Steps/0")
    assert name_of(step, job("Training"), ORIGIN, values()) == job_name(ARN, "S", 1)


@pytest.mark.parametrize(
    ("type_", "member"), [("Training", "RoleArn"), ("Processing", "RoleArn"), ("Model", "ExecutionRoleArn")]
)
def test_the_pipelines_role_is_the_default(type_: str, member: str) -> None:
    assert made(type_, {}).params[member] == ROLE
    assert made(type_, {member: None}).params[member] == ROLE
    assert made(type_, {member: "own"}).params[member] == "own"


def test_a_step_may_read_the_name_of_its_own_job() -> None:
    request = made("Processing", {"Environment": {"JOB": get("Execution.ProcessingJobName")}})
    assert request.params["Environment"] == {"JOB": request.name}
    with pytest.raises(ResolutionError):
        made("Training", {"Environment": {"JOB": get("Execution.ProcessingJobName")}})


def test_the_executions_tag_is_set_once() -> None:
    forged: dict[str, Tree] = {"Tags": [{"Key": EXECUTION_TAG, "Value": "forged"}]}
    assert made("Model", forged).params["Tags"] == [TAG]


def test_experiments_are_injected_where_the_operation_takes_them() -> None:
    experiment: Document = {"ExperimentName": "e", "TrialName": "t"}
    origin = Origin(ARN, ROLE, 1, experiment)
    assert made("Training", {}, origin).params["ExperimentConfig"] == {**experiment, "TrialComponentDisplayName": "S"}
    shown = made("Processing", {}, origin, display_name="Shown").params["ExperimentConfig"]
    assert shown == {**experiment, "TrialComponentDisplayName": "Shown"}
    given: dict[str, Tree] = {"ExperimentConfig": {"TrialComponentDisplayName": "own", "TrialName": "other"}}
    assert made("Training", given, origin).params["ExperimentConfig"] == {
        **experiment,
        "TrialComponentDisplayName": "own",
    }
    assert "ExperimentConfig" not in made("Model", {}, origin).params
    assert "ExperimentConfig" not in made("Training", {}).params


@pytest.mark.parametrize(
    ("display_name", "shown"),
    [
        ("Shown", "Shown"),
        ("__main__.train", "main-train"),
        ("Train the model, twice", "Train-the-model-twice"),
        ("x" * 119 + " y", "x" * 119),
        ("лес", "S"),
    ],
)
def test_a_display_name_is_made_to_fit_a_trial_component(display_name: str, shown: str) -> None:
    origin = Origin(ARN, ROLE, 1, {"ExperimentName": "e", "TrialName": "t"})
    config = made("Training", {}, origin, display_name=display_name).params["ExperimentConfig"]
    assert config["TrialComponentDisplayName"] == shown


def test_a_model_package_names_its_execution_and_can_be_repeated() -> None:
    request = made("RegisterModel", {"ModelPackageGroupName": "g", "MetadataProperties": {"CommitId": "c"}})
    assert request == Request(
        "sagemaker",
        "CreateModelPackage",
        {
            "ModelPackageGroupName": "g",
            "ClientToken": client_token(ARN, "S", 1),
            "MetadataProperties": {"CommitId": "c", "GeneratedBy": ARN},
        },
        need=Need("ModelPackageGroup", {"ModelPackageGroupName": "g"}, {}),
    )
    named = {"ModelPackageGroupName": "g", "MetadataProperties": {"GeneratedBy": "own"}}
    assert made("RegisterModel", named).params["MetadataProperties"] == {"GeneratedBy": "own"}


def test_a_model_package_outside_of_groups_has_the_prefix_of_its_name() -> None:
    request = made("RegisterModel", {"ModelPackageName": "churn"})
    assert request.params["ModelPackageName"] == request.name == job_name(ARN, "S", 1, "churn")
    assert describe(job("RegisterModel"), request.name, "").params == {"ModelPackageName": request.name}


def test_tags_of_a_version_are_for_its_group() -> None:
    tags: Tree = [{"Key": "team", "Value": "x"}]
    request = made("RegisterModel", {"ModelPackageGroupName": "g", "Tags": tags})
    assert "Tags" not in request.params
    assert request.need == Need("ModelPackageGroup", {"ModelPackageGroupName": "g"}, {"Tags": tags})
    arn = "arn:aws:sagemaker:us-east-1:210987654321:model-package-group/g"
    elsewhere = made("RegisterModel", {"ModelPackageGroupName": arn, "Tags": tags})
    assert (elsewhere.need, "Tags" in elsewhere.params) == (None, False)
    assert made("RegisterModel", {"ModelPackageName": "n", "Tags": tags}).params["Tags"] == tags
    assert made("Model", {"Tags": tags}).need is None


@pytest.mark.parametrize("arguments", [{}, {"ModelPackageGroupName": ""}, {"ModelPackageName": None}])
def test_a_model_package_goes_somewhere(arguments: dict[str, Tree]) -> None:
    with pytest.raises(ResolutionError, match="needs 'ModelPackageGroupName'"):
        made("RegisterModel", arguments)


def test_describe_and_stop() -> None:
    assert describe(job("Training"), "n", "arn").params == {"TrainingJobName": "n"}
    assert describe(job("RegisterModel"), "", "arn").params == {"ModelPackageName": "arn"}
    assert describe(job("Model"), "n", "arn").operation == "DescribeModel"
    stopped = stop(job("Processing"), "n")
    assert stopped == Request("sagemaker", "StopProcessingJob", {"ProcessingJobName": "n"}, "n")
    assert stop(job("Model"), "n") is None


def test_metadata_holds_the_arn() -> None:
    assert metadata(job("Training"), "arn") == {"TrainingJob": {"Arn": "arn"}}
    assert metadata(job("RegisterModel"), "arn") == {"RegisterModel": {"Arn": "arn"}}


def test_unresolvable_arguments_make_no_request() -> None:
    with pytest.raises(ResolutionError, match=r"Steps\.Later\.X is undefined\."):
        made("Training", {"RoleArn": get("Steps.Later.X")})


FOLDER = Path(__file__).parent.parent / "definition" / "sdk_v2"
OUTPUTS = {
    "ProcessingOutputConfig": {
        "Outputs": [
            {"OutputName": name, "S3Output": {"S3Uri": f"s3://bucket/{name}"}}
            for name in ("train", "validation", "test", "evaluation")
        ]
    }
}
PROPERTIES: dict[str, JSON] = {
    "AbaloneProcess": OUTPUTS,
    "AbaloneEval": OUTPUTS,
    "AbaloneTrain": {"ModelArtifacts": {"S3ModelArtifacts": "s3://bucket/model.tar.gz"}},
}
RUN = {"PipelineExecutionId": "abcdefghijkl", "PipelineName": "P", "PipelineExecutionArn": ARN}


@pytest.mark.parametrize("name", ["abalone", "nested_conditions", "custom_prefix"])
def test_what_the_sdk_writes_becomes_valid_requests(name: str) -> None:
    """Every request passes the validation of its operation in AWS's own model."""
    pipeline = parse((FOLDER / f"{name}.json").read_text())
    given = {"InputData": "s3://bucket/data"} if name == "abalone" else {}
    found = StoredValues(pipeline, resolve_parameters(pipeline, given), RUN, PROPERTIES.get, lambda _: "{}")
    for step in pipeline.steps:
        type_ = registry.of(step.type)
        if type_.job is None:
            continue
        model = operation(type_.job.service, type_.job.create)
        assert model.input_shape is not None
        request = create(step, type_.job, ORIGIN, found, model.input_shape)
        assert json.dumps(request.params, sort_keys=True)
        check(model, request.params)
