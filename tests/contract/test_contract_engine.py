"""Retries, caching and RetryPipelineExecution through real boto3, with jobs that really run."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from served import ROLE, Server, ended_execution, steps_of

pytestmark = pytest.mark.contract


def processing(name: str, script: str, instance: str = "ml.t3.medium", **members: Any) -> dict[str, Any]:
    """A Processing step that runs a shell script."""
    cluster = {"InstanceType": instance, "InstanceCount": 1, "VolumeSizeInGB": 1}
    return {
        "Name": name,
        "Type": "Processing",
        "Arguments": {
            "ProcessingResources": {"ClusterConfig": cluster},
            "AppSpecification": {"ImageUri": "python:3.11", "ContainerEntrypoint": ["/bin/sh", "-c", script]},
            "RoleArn": ROLE,
            **members.pop("Arguments", {}),
        },
        **members,
    }


def read_from(uri: str) -> dict[str, Any]:
    place = {"S3Uri": uri, "LocalPath": "/opt/ml/processing/in", "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"ProcessingInputs": [{"InputName": "in", "S3Input": place}]}


def create(sagemaker: Any, name: str, steps: list[dict[str, Any]], **envelope: Any) -> None:
    definition = {"Version": "2020-12-01", "Steps": steps, **envelope}
    sagemaker.create_pipeline(PipelineName=name, PipelineDefinition=json.dumps(definition), RoleArn=ROLE)


def run(sagemaker: Any, name: str, **request: Any) -> tuple[str, dict[str, Any], dict[str, dict[str, Any]]]:
    arn = sagemaker.start_pipeline_execution(PipelineName=name, **request)["PipelineExecutionArn"]
    return arn, ended_execution(sagemaker, arn), steps_of(sagemaker, arn)


@pytest.fixture
def sagemaker(server: Server) -> Any:
    return server.client("sagemaker")


def test_a_retried_execution_runs_only_what_did_not_succeed(server: Server, sagemaker: Any) -> None:
    s3 = server.client("s3")
    s3.create_bucket(Bucket="retried")
    needs = processing("Needs", "test -f /opt/ml/processing/in/data", Arguments=read_from("s3://retried/data"))
    create(
        sagemaker,
        "retried",
        [
            processing("Good", "true"),
            {**needs, "DependsOn": ["Good"]},
            processing("After", "true", DependsOn=["Needs"]),
        ],
    )
    arn, ended, before = run(sagemaker, "retried")
    assert ended["PipelineExecutionStatus"] == "Failed"
    assert set(before) == {"Good", "Needs"}
    s3.put_object(Bucket="retried", Key="data", Body=b"now it is there")
    answer = sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)
    assert answer["PipelineExecutionArn"] == arn
    ended = ended_execution(sagemaker, arn)
    assert ended["PipelineExecutionStatus"] == "Succeeded"
    assert "FailureReason" not in ended
    after = steps_of(sagemaker, arn)
    assert {name: step["AttemptCount"] for name, step in after.items()} == {"Good": 1, "Needs": 2, "After": 1}
    assert after["Good"] == before["Good"]
    assert after["Needs"]["Metadata"] != before["Needs"]["Metadata"]
    with pytest.raises(ClientError, match="is Succeeded"):
        sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)


def test_an_execution_that_a_fail_step_ended_is_not_retried(sagemaker: Any) -> None:
    create(sagemaker, "failstep", [{"Name": "No", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}])
    arn, _, _ = run(sagemaker, "failstep")
    with pytest.raises(ClientError, match="Fail step 'No'"):
        sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)


def test_a_policy_retries_under_new_names(sagemaker: Any) -> None:
    policy = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 1, "MaxAttempts": 2}
    other = {"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "MaxAttempts": 20}
    create(
        sagemaker,
        "capacity",
        [
            processing("Tried", "true", instance="ml.p3.2xlarge", RetryPolicies=[other, policy]),
            processing("Untried", "exit 1", RetryPolicies=[other, policy]),
        ],
    )
    _, ended, steps = run(sagemaker, "capacity")
    assert ended["PipelineExecutionStatus"] == "Failed"
    assert (steps["Tried"]["AttemptCount"], steps["Untried"]["AttemptCount"]) == (3, 1)
    assert steps["Tried"]["FailureReason"].startswith("ClientError: CapacityError: ")
    jobs = sagemaker.list_processing_jobs(NameContains="-Tried-")["ProcessingJobSummaries"]
    assert len(jobs) == 3
    newest = max(jobs, key=lambda job: job["CreationTime"])
    assert steps["Tried"]["Metadata"]["ProcessingJob"]["Arn"] == newest["ProcessingJobArn"]


def test_an_earlier_result_stands_for_the_same_work(sagemaker: Any) -> None:
    cached = processing(
        "Cached",
        "true",
        Arguments={"Environment": {"COLOUR": {"Get": "Parameters.Colour"}}},
        CacheConfig={"Enabled": True, "ExpireAfter": "P1D"},
    )
    parameters = [{"Name": "Colour", "Type": "String", "DefaultValue": "red"}]
    create(sagemaker, "cached", [cached, processing("Always", "true")], Parameters=parameters)
    first, _, ran = run(sagemaker, "cached")
    assert "CacheHitResult" not in ran["Cached"]
    for _ in range(2):
        _, ended, taken = run(sagemaker, "cached")
        assert ended["PipelineExecutionStatus"] == "Succeeded"
        assert taken["Cached"]["CacheHitResult"] == {"SourcePipelineExecutionArn": first}
        assert taken["Cached"]["Metadata"] == ran["Cached"]["Metadata"]
        assert taken["Always"]["Metadata"] != ran["Always"]["Metadata"]
    _, _, other = run(sagemaker, "cached", PipelineParameters=[{"Name": "Colour", "Value": "blue"}])
    assert "CacheHitResult" not in other["Cached"]


def test_selected_steps_run_on_earlier_results(sagemaker: Any) -> None:
    steps = [
        processing("A", "true"),
        processing("B", "true", DependsOn=["A"]),
        processing("C", "true", DependsOn=["B"]),
        processing("D", "true"),
    ]
    create(sagemaker, "selective", steps)
    source, _, ran = run(sagemaker, "selective")
    config = {"SourcePipelineExecutionArn": source, "SelectedSteps": [{"StepName": "B"}]}
    _, ended, steps_run = run(sagemaker, "selective", SelectiveExecutionConfig=config)
    assert ended["PipelineExecutionStatus"] == "Succeeded"
    assert ended["SelectiveExecutionConfig"] == config
    assert set(steps_run) == {"A", "B"}
    assert steps_run["A"]["SelectiveExecutionResult"] == {"SourcePipelineExecutionArn": source}
    assert steps_run["A"]["Metadata"] == ran["A"]["Metadata"]
    assert steps_run["B"]["Metadata"] != ran["B"]["Metadata"]


@pytest.mark.parametrize(
    ("selected", "source", "said"),
    [
        (["A", "C"], True, "must be connected.*: B"),
        (["B"], False, "SourcePipelineExecutionArn is required"),
        (["Bb"], True, "'Bb' is not a step of the pipeline. Did you mean 'B'"),
        (["After"], True, "'No' cannot be reused: in .* it is Failed"),
    ],
)
def test_what_cannot_run_alone_is_refused(
    sagemaker: Any, request: Any, selected: list[str], source: bool, said: str
) -> None:
    name = f"unselectable-{request.node.callspec.indices['selected']}"
    steps = [
        processing("A", "true"),
        processing("B", "true", DependsOn=["A"]),
        processing("C", "true", DependsOn=["B"]),
        processing("No", "exit 1", DependsOn=["C"]),
        processing("After", "true", DependsOn=["No"]),
    ]
    create(sagemaker, name, steps)
    config: dict[str, Any] = {"SelectedSteps": [{"StepName": step} for step in selected]}
    if source:
        config["SourcePipelineExecutionArn"] = run(sagemaker, name)[0]
    with pytest.raises(ClientError, match=said) as refused:
        sagemaker.start_pipeline_execution(PipelineName=name, SelectiveExecutionConfig=config)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert len(sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]) == source


def test_a_token_stands_for_one_request(sagemaker: Any) -> None:
    create(sagemaker, "tokens", [processing("Only", "true")])
    token = "t" * 32
    sagemaker.start_pipeline_execution(PipelineName="tokens", ClientRequestToken=token)
    with pytest.raises(ClientError, match="used before with different parameters"):
        sagemaker.start_pipeline_execution(
            PipelineName="tokens", ClientRequestToken=token, PipelineExecutionDisplayName="other"
        )
