"""Lineage as boto3 sees it: what jobs, packages and Lineage steps leave, and how it is asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from served import ROLE, Server, ended_execution, eventually, steps_of


@pytest.fixture
def sagemaker(server: Server) -> Any:
    return server.client("sagemaker")


def described(client: Any, name: str) -> Any:
    return eventually(
        lambda: (
            (found := client.describe_training_job(TrainingJobName=name))["TrainingJobStatus"] == "Completed"
            and found
        )
    )


def train(server: Server, client: Any, name: str) -> str:
    """The URI of the model of a job that learns from one object."""
    storage = server.client("s3")
    storage.create_bucket(Bucket=name)
    storage.put_object(Bucket=name, Key="in/data.csv", Body=b"1,2")
    client.create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={
            "TrainingImage": "python:3.11",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python3", "-c", "open('/opt/ml/model/model', 'w').write('m')"],
        },
        RoleArn=ROLE,
        InputDataConfig=[
            {
                "ChannelName": "train",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{name}/in"}},
            }
        ],
        OutputDataConfig={"S3OutputPath": f"s3://{name}/models"},
        ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )
    return str(described(client, name)["ModelArtifacts"]["S3ModelArtifacts"])


def test_from_an_approved_package_back_to_the_data(server: Server, sagemaker: Any) -> None:
    name = "lineage-contract"
    model = train(server, sagemaker, name)
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    package = sagemaker.create_model_package(
        ModelPackageGroupName=name,
        InferenceSpecification={
            "Containers": [{"Image": "python:3.11", "ModelDataUrl": model}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )["ModelPackageArn"]
    sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")
    group = sagemaker.describe_model_package_group(ModelPackageGroupName=name)["ModelPackageGroupArn"]
    (context,) = sagemaker.list_contexts(SourceUri=group)["ContextSummaries"]
    found: list[Any] = []
    for page in _pages(sagemaker, context["ContextArn"]):
        found += page["Vertices"]
    kinds = [(each["LineageType"], each["Type"]) for each in found]
    assert kinds[:2] == [("Context", "ModelGroup"), ("Artifact", "Model")]
    assert kinds.count(("Action", "Approval")) == 2
    assert ("TrialComponent", "TrainingJob") in kinds
    (data,) = [each["Arn"] for each in found if each.get("Type") == "DataSet"]
    artifact = sagemaker.describe_artifact(ArtifactArn=data)
    assert artifact["Source"]["SourceUri"] == f"s3://{name}/in"
    assert (artifact["Properties"]["ObjectCount"], artifact["Properties"]["ByteCount"]) == ("1", "3")


def _pages(client: Any, start: str) -> Any:
    token: dict[str, str] = {}
    while True:
        page = client.query_lineage(StartArns=[start], Direction="Ascendants", MaxResults=3, **token)
        yield page
        if "NextToken" not in page:
            return
        token = {"NextToken": page["NextToken"]}


def test_a_lineage_step_makes_and_joins_entities(sagemaker: Any) -> None:
    name = "lineage-contract-step"
    source = {"SourceUri": "s3://somewhere/model"}
    steps = [
        {
            "Name": "Make",
            "Type": "Lineage",
            "Arguments": {
                "Artifacts": [{"ArtifactName": "model", "ArtifactType": "Model", "Source": source}],
                "Contexts": [{"ContextName": name, "ContextType": "Project", "Source": source}],
                "Actions": [{"ActionName": {"Get": "Parameters.Action"}, "ActionType": "Check", "Source": source}],
                "Associations": [
                    {
                        "Source": {"Name": "model", "Type": "Artifact"},
                        "Destination": {"Name": {"Get": "Parameters.Action"}, "Type": "Action"},
                        "AssociationType": "ContributedTo",
                    }
                ],
            },
        },
        {
            "Name": "Join",
            "Type": "Lineage",
            "Arguments": {
                "Associations": [
                    {
                        "Source": {"Arn": {"Get": "Steps.Make.ArtifactArns['model']"}},
                        "Destination": {"Arn": {"Get": f"Steps.Make.ContextArns['{name}']"}},
                    }
                ]
            },
        },
    ]
    parameters = [{"Name": "Action", "Type": "String"}]
    definition = json.dumps({"Version": "2020-12-01", "Parameters": parameters, "Steps": steps})
    sagemaker.create_pipeline(
        PipelineName=name, PipelineDefinition=definition, RoleArn=ROLE, ClientRequestToken=name * 2
    )

    def run(action: str) -> tuple[dict[str, Any], dict[str, Any]]:
        given = [{"Name": "Action", "Value": action}]
        arn = sagemaker.start_pipeline_execution(PipelineName=name, PipelineParameters=given)["PipelineExecutionArn"]
        return ended_execution(sagemaker, arn), steps_of(sagemaker, arn)

    for action in ("first", "second"):
        execution, found = run(action)
        assert execution["PipelineExecutionStatus"] == "Succeeded"
        made = found["Make"]["Metadata"]["Lineage"]
        assert made["ActionArns"][action].endswith(f":action/{action}")
        artifact, context = made["ArtifactArns"]["model"], made["ContextArns"][name]
        assert made["Associations"] == [{"SourceArn": artifact, "DestinationArn": made["ActionArns"][action]}]
        assert found["Join"]["Metadata"]["Lineage"]["Associations"] == [
            {"SourceArn": artifact, "DestinationArn": context}
        ]
    joined = sagemaker.list_associations(SourceArn=artifact)["AssociationSummaries"]
    assert {each["DestinationName"] for each in joined} == {"first", "second", name}
    generated = sagemaker.describe_action(ActionName="second")["MetadataProperties"]["GeneratedBy"]
    assert generated == execution["PipelineExecutionArn"]

    execution, found = run("second")  # an action is what happened once
    assert execution["PipelineExecutionStatus"] == "Failed"
    assert "already exists" in found["Make"]["FailureReason"]
    assert found["Make"].get("Metadata", {}) == {}
