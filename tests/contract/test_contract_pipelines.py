"""Pipelines through real boto3: created, versioned, executed with jobs that really run, stopped, refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from served import ROLE, Server, ended_execution, eventually, steps_of

pytestmark = pytest.mark.contract

IMAGE = "python:3.11"


def processing(name: str, script: str, **members: Any) -> dict[str, Any]:
    """A Processing step that runs a shell script and keeps /opt/ml/processing/out."""
    return {
        "Name": name,
        "Type": "Processing",
        "Arguments": {
            "ProcessingResources": {
                "ClusterConfig": {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}
            },
            "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["/bin/sh", "-c", script]},
            "RoleArn": ROLE,
            **members.pop("Arguments", {}),
        },
        **members,
    }


def output(name: str, uri: Any) -> dict[str, Any]:
    return {
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": name,
                    "S3Output": {
                        "S3Uri": uri,
                        "LocalPath": "/opt/ml/processing/out",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        }
    }


def create(sagemaker: Any, name: str, steps: list[dict[str, Any]], **envelope: Any) -> str:
    definition = {"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": steps, **envelope}
    arn: str = sagemaker.create_pipeline(PipelineName=name, PipelineDefinition=json.dumps(definition), RoleArn=ROLE)[
        "PipelineArn"
    ]
    return arn


@pytest.fixture
def sagemaker(server: Server) -> Any:
    return server.client("sagemaker")


def test_a_value_flows_from_step_to_condition_to_registry(server: Server, sagemaker: Any) -> None:
    server.client("s3").create_bucket(Bucket="flow")
    place = {"Std:Join": {"On": "/", "Values": ["s3://flow", {"Get": "Execution.PipelineExecutionId"}, "out"]}}
    write = (
        "mkdir -p /opt/ml/processing/out && "
        'echo \'{"auc": {"value": 0.9}}\' > /opt/ml/processing/out/report.json && '
        'echo "a line of log"'
    )
    measure = processing(
        "Measure",
        write,
        Arguments=output("report", place),
        PropertyFiles=[{"PropertyFileName": "Report", "OutputName": "report", "FilePath": "report.json"}],
    )
    auc = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Measure.PropertyFiles.Report"}, "Path": "auc.value"}}
    uri = {"Get": "Steps.Measure.ProcessingOutputConfig.Outputs['report'].S3Output.S3Uri"}
    register = {
        "Name": "Register",
        "Type": "RegisterModel",
        "Arguments": {
            "ModelPackageGroupName": "flow-group",
            "ModelApprovalStatus": {"Get": "Parameters.Approval"},
            "InferenceSpecification": {
                "Containers": [
                    {"Image": IMAGE, "ModelDataUrl": {"Std:Join": {"On": "/", "Values": [uri, "m.tar.gz"]}}}
                ],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
        },
    }
    question = {
        "Name": "GoodEnough",
        "Type": "Condition",
        "Arguments": {
            "Conditions": [
                {
                    "Type": "GreaterThanOrEqualTo",
                    "LeftValue": auc,
                    "RightValue": {"Get": "Parameters.Threshold"},
                }
            ],
            "IfSteps": [register],
            "ElseSteps": [{"Name": "TooBad", "Type": "Fail", "Arguments": {"ErrorMessage": "the model is bad"}}],
        },
    }
    parameters = [
        {"Name": "Threshold", "Type": "Float", "DefaultValue": 0.5},
        {"Name": "Approval", "Type": "String", "DefaultValue": "Approved"},
    ]
    create(sagemaker, "flow", [measure, question], Parameters=parameters)

    good = sagemaker.start_pipeline_execution(PipelineName="flow")["PipelineExecutionArn"]
    assert ended_execution(sagemaker, good)["PipelineExecutionStatus"] == "Succeeded"
    steps = steps_of(sagemaker, good)
    assert {name: step["StepStatus"] for name, step in steps.items()} == dict.fromkeys(
        ("Measure", "GoodEnough", "Register"), "Succeeded"
    )
    assert steps["GoodEnough"]["Metadata"] == {"Condition": {"Outcome": "True"}}
    package = sagemaker.describe_model_package(ModelPackageName=steps["Register"]["Metadata"]["RegisterModel"]["Arn"])
    assert (package["ModelPackageVersion"], package["ModelApprovalStatus"]) == (1, "Approved")
    assert package["MetadataProperties"]["GeneratedBy"] == good
    execution_id = good.rpartition("/")[2]
    container = package["InferenceSpecification"]["Containers"][0]
    assert container["ModelDataUrl"] == f"s3://flow/{execution_id}/out/m.tar.gz"

    job = steps["Measure"]["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
    assert job.startswith(f"pipelines-{execution_id}-Measure-")
    logs = server.client("logs")
    stream = logs.describe_log_streams(logGroupName="/aws/sagemaker/ProcessingJobs", logStreamNamePrefix=f"{job}/")[
        "logStreams"
    ][0]["logStreamName"]
    events = logs.get_log_events(
        logGroupName="/aws/sagemaker/ProcessingJobs", logStreamName=stream, startFromHead=True
    )["events"]
    assert "a line of log" in [event["message"] for event in events]

    bad = sagemaker.start_pipeline_execution(
        PipelineName="flow", PipelineParameters=[{"Name": "Threshold", "Value": "0.95"}]
    )["PipelineExecutionArn"]
    ended = ended_execution(sagemaker, bad)
    assert ended["PipelineExecutionStatus"] == "Failed"
    assert ended["FailureReason"] == "Step failure: One or multiple steps failed."
    steps = steps_of(sagemaker, bad)
    assert steps["TooBad"]["FailureReason"] == "the model is bad"
    assert "Register" not in steps


def test_independent_steps_run_side_by_side(server: Server, sagemaker: Any) -> None:
    create(sagemaker, "side", [processing(f"Step{number}", "sleep 1") for number in range(2)])
    arn = sagemaker.start_pipeline_execution(PipelineName="side")["PipelineExecutionArn"]
    assert ended_execution(sagemaker, arn)["PipelineExecutionStatus"] == "Succeeded"
    first, second = steps_of(sagemaker, arn).values()
    assert max(first["StartTime"], second["StartTime"]) < min(first["EndTime"], second["EndTime"])


def test_a_failing_script_fails_the_step_and_what_needs_it_never_starts(sagemaker: Any) -> None:
    create(
        sagemaker,
        "failing",
        [processing("Bad", "echo sorry; exit 3"), processing("After", "true", DependsOn=["Bad"])],
    )
    arn = sagemaker.start_pipeline_execution(PipelineName="failing")["PipelineExecutionArn"]
    assert ended_execution(sagemaker, arn)["PipelineExecutionStatus"] == "Failed"
    steps = steps_of(sagemaker, arn)
    assert list(steps) == ["Bad"]
    assert steps["Bad"]["FailureReason"].startswith("ClientError: AlgorithmError: ")


def test_stopping_an_execution_stops_its_job(sagemaker: Any) -> None:
    create(sagemaker, "stopping", [processing("Long", "sleep 60")])
    arn = sagemaker.start_pipeline_execution(PipelineName="stopping")["PipelineExecutionArn"]
    eventually(lambda: steps_of(sagemaker, arn).get("Long", {}).get("StepStatus") == "Executing")
    sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    assert ended_execution(sagemaker, arn)["PipelineExecutionStatus"] == "Stopped"
    step = steps_of(sagemaker, arn)["Long"]
    assert step["StepStatus"] == "Stopped"
    job = step["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
    assert sagemaker.describe_processing_job(ProcessingJobName=job)["ProcessingJobStatus"] == "Stopped"


def test_the_same_token_starts_one_execution(sagemaker: Any) -> None:
    create(sagemaker, "once", [processing("Only", "true")])
    token = "t" * 32
    started = [sagemaker.start_pipeline_execution(PipelineName="once", ClientRequestToken=token) for _ in range(2)]
    assert started[0]["PipelineExecutionArn"] == started[1]["PipelineExecutionArn"]
    assert len(sagemaker.list_pipeline_executions(PipelineName="once")["PipelineExecutionSummaries"]) == 1


def test_an_update_makes_a_version_and_running_definitions_stay(sagemaker: Any) -> None:
    create(sagemaker, "versions", [processing("Old", "true")])
    first = sagemaker.start_pipeline_execution(PipelineName="versions")["PipelineExecutionArn"]
    newer = {"Version": "2020-12-01", "Steps": [processing("New", "true")]}
    updated = sagemaker.update_pipeline(PipelineName="versions", PipelineDefinition=json.dumps(newer))
    assert updated["PipelineVersionId"] == 2
    kept = sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=first)
    assert json.loads(kept["PipelineDefinition"])["Steps"][0]["Name"] == "Old"
    listed = sagemaker.list_pipeline_versions(PipelineName="versions")["PipelineVersionSummaries"]
    assert [version["PipelineVersionId"] for version in listed] == [2, 1]
    old = sagemaker.describe_pipeline(PipelineName="versions", PipelineVersionId=1)
    assert json.loads(old["PipelineDefinition"])["Steps"][0]["Name"] == "Old"
    ended_execution(sagemaker, first)
    sagemaker.delete_pipeline(PipelineName="versions")
    with pytest.raises(ClientError, match="does not exist") as refused:
        sagemaker.describe_pipeline(PipelineName="versions")
    assert refused.value.response["Error"]["Code"] == "ResourceNotFound"


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        ('{"Version": "2020-12-01", "Steps": [}', "line 1"),
        ({"Steps": [{"Name": "A", "Type": "Processng", "Arguments": {}}]}, "Processing"),
        ({"Steps": [processing("A", "true"), processing("A", "true")]}, "A"),
        ({"Steps": [processing("A", "true", DependsOn=["B"]), processing("B", "true", DependsOn=["A"])]}, "A"),
        ({"Steps": [processing("A", "true", DependsOn=["Nobody"])]}, "Nobody"),
        ({"Steps": [processing("A", {"Get": "Parameters.Missing"})]}, "Missing"),  # type: ignore[arg-type]
    ],
)
def test_a_bad_definition_is_refused_and_nothing_is_made(sagemaker: Any, definition: Any, said: str) -> None:
    text = definition if isinstance(definition, str) else json.dumps(definition)
    with pytest.raises(ClientError, match=said) as refused:
        sagemaker.create_pipeline(PipelineName="refused", PipelineDefinition=text, RoleArn=ROLE)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    with pytest.raises(ClientError, match="does not exist"):
        sagemaker.describe_pipeline(PipelineName="refused")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([{"Name": "Nmber", "Value": "1"}], "Number"),
        ([{"Name": "Number", "Value": "one"}], "Integer"),
        ([], "Number"),
    ],
)
def test_bad_parameters_start_nothing(sagemaker: Any, given: Any, said: str, request: Any) -> None:
    name = f"parameters-{request.node.callspec.indices['given']}"
    create(sagemaker, name, [processing("Only", "true")], Parameters=[{"Name": "Number", "Type": "Integer"}])
    with pytest.raises(ClientError, match=said):
        sagemaker.start_pipeline_execution(PipelineName=name, PipelineParameters=given)
    assert sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"] == []


def test_other_regions_are_worlds_of_their_own(server: Server, sagemaker: Any) -> None:
    create(sagemaker, "regional", [processing("Only", "true")])
    with pytest.raises(ClientError, match="does not exist"):
        server.client("sagemaker", region="eu-west-1").describe_pipeline(PipelineName="regional")


def test_lists_page_through_everything(server: Server) -> None:
    sagemaker = server.client("sagemaker", region="eu-north-1")
    for number in range(7):
        create(sagemaker, f"page-{number}", [processing("Only", "true")])
    pages = sagemaker.get_paginator("list_pipelines").paginate(PaginationConfig={"PageSize": 3})
    names = [pipeline["PipelineName"] for page in pages for pipeline in page["PipelineSummaries"]]
    assert names == [f"page-{number}" for number in reversed(range(7))]
    by_name = sagemaker.list_pipelines(SortBy="Name", SortOrder="Ascending", MaxResults=2)
    assert [pipeline["PipelineName"] for pipeline in by_name["PipelineSummaries"]] == ["page-0", "page-1"]


def test_what_is_not_built_says_so(sagemaker: Any) -> None:
    with pytest.raises(ClientError, match="CreateNotebookInstance") as refused:
        sagemaker.create_notebook_instance(NotebookInstanceName="x", InstanceType="ml.t2.medium", RoleArn=ROLE)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
