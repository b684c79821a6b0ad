"""What a job's component says: parameters, inputs, outputs, status, by the job's document."""

from __future__ import annotations

import pytest

from stepwell.base.documents import Document
from stepwell.machines import job_components
from stepwell.machines.job_components import artifact, component, parameter

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/j"
TRAINING: Document = {
    "AlgorithmSpecification": {"TrainingImage": "image:1", "TrainingInputMode": "File"},
    "HyperParameters": {"max_depth": "5", "objective": "reg:linear"},
    "InputDataConfig": [
        {
            "ChannelName": "train",
            "ContentType": "text/csv",
            "DataSource": {"S3DataSource": {"S3Uri": "s3://b/train"}},
        },
        {"ChannelName": "files", "DataSource": {"FileSystemDataSource": {"FileSystemId": "fs-1"}}},
    ],
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 30},
    "SecondaryStatus": "Starting",
}
PROCESSING: Document = {
    "AppSpecification": {"ImageUri": "image:2"},
    "ProcessingResources": {
        "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}
    },
    "ProcessingInputs": [
        {"InputName": "code", "S3Input": {"S3Uri": "s3://b/code.py"}},
        {"InputName": "table", "DatasetDefinition": {}},
    ],
    "ProcessingOutputConfig": {
        "Outputs": [
            {"OutputName": "out", "S3Output": {"S3Uri": "s3://b/out"}},
            {"OutputName": "features", "FeatureStoreOutput": {"FeatureGroupName": "f"}},
        ]
    },
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5", {"NumberValue": 5.0}),
        ("-0.5", {"NumberValue": -0.5}),
        (".5", {"NumberValue": 0.5}),
        ("1e-3", {"NumberValue": 0.001}),
        ("+7.", {"NumberValue": 7.0}),
        (7, {"NumberValue": 7.0}),
        ("1_000", {"StringValue": "1_000"}),
        ("nan", {"StringValue": "nan"}),
        ("inf", {"StringValue": "inf"}),
        ("1e999", {"StringValue": "1e999"}),
        ("", {"StringValue": ""}),
        ('"train.py"', {"StringValue": '"train.py"'}),
        ("x" * 3000, {"StringValue": "x" * 2500}),
    ],
)
def test_a_hyperparameter_is_a_number_where_its_text_is_one(text: object, expected: Document) -> None:
    assert parameter(text) == expected


@pytest.mark.parametrize(
    ("media_type", "expected"),
    [
        ("text/csv", {"Value": "u", "MediaType": "text/csv"}),
        ("application/x-recordio", {"Value": "u", "MediaType": "application/x-recordio"}),
        ("text/csv; label_size=0", {"Value": "u"}),
        ("a/" + "b" * 63, {"Value": "u"}),
        (None, {"Value": "u"}),
        ("", {"Value": "u"}),
    ],
)
def test_a_content_type_that_is_a_media_type_is_shown(media_type: str | None, expected: Document) -> None:
    assert artifact("u", media_type) == expected


def test_a_training_job() -> None:
    found = component("training-job", "j", ARN, "InProgress", TRAINING)
    assert found.name == "j-aws-training-job"
    assert found.asked == {
        "DisplayName": "j-aws-training-job",
        "Source": {"SourceArn": ARN, "SourceType": "SageMakerTrainingJob"},
        "Parameters": {
            "max_depth": {"NumberValue": 5.0},
            "objective": {"StringValue": "reg:linear"},
            "SageMaker.ImageUri": {"StringValue": "image:1"},
            "SageMaker.InstanceCount": {"NumberValue": 2.0},
            "SageMaker.InstanceType": {"StringValue": "ml.m5.large"},
            "SageMaker.VolumeSizeInGB": {"NumberValue": 30.0},
        },
        "InputArtifacts": {"train": {"Value": "s3://b/train", "MediaType": "text/csv"}},
    }
    assert found.reached["Status"]["Message"] == "Status: InProgress, secondary status: Starting, failure reason: ."
    assert found.outputs == {}


def test_a_training_job_that_ended() -> None:
    ended = {
        **TRAINING,
        "SecondaryStatus": "Failed",
        "FailureReason": "AlgorithmError: " + "x" * 2000,
        "TrainingStartTime": 1.0,
        "TrainingEndTime": 2.0,
        "ModelArtifacts": {"S3ModelArtifacts": "s3://b/model.tar.gz"},
        "DebugHookConfig": {"S3OutputPath": "s3://b/debug"},
    }
    found = component("training-job", "j", ARN, "Failed", ended)
    assert (found.status, found.reached["StartTime"], found.reached["EndTime"]) == ("Failed", 1.0, 2.0)
    assert len(found.reached["Status"]["Message"]) == 1024
    assert found.outputs == {
        "SageMaker.ModelArtifact": {"Value": "s3://b/model.tar.gz"},
        "SageMaker.DebugHookOutput": {"Value": "s3://b/debug"},
    }


def test_a_processing_job() -> None:
    found = component("processing-job", "p", ARN, "Completed", {**PROCESSING, "ExitMessage": "done"})
    assert found.name == "p-aws-processing-job"
    assert found.asked["InputArtifacts"] == {"code": {"Value": "s3://b/code.py"}}
    assert found.outputs == {"out": {"Value": "s3://b/out"}}
    assert found.asked["Parameters"]["SageMaker.InstanceCount"] == {"NumberValue": 1.0}
    message = "Status: Completed, exit message: done, failure reason: null"
    assert found.reached == {"Status": {"PrimaryStatus": "Completed", "Message": message}}


@pytest.mark.parametrize(
    ("asked", "count", "kinds"),
    [
        ([("a", 2), ("b", 1)], 3.0, "a,b"),
        ([("a", 2), ("a", 1)], 3.0, "a"),
    ],
)
def test_groups_of_instances_are_counted_together(asked: list[tuple[str, int]], count: float, kinds: str) -> None:
    groups = [{"InstanceType": kind, "InstanceCount": count} for kind, count in asked]
    document = {"ResourceConfig": {"InstanceGroups": groups}}
    parameters = component("training-job", "j", ARN, "InProgress", document).asked["Parameters"]
    assert parameters == {
        "SageMaker.InstanceCount": {"NumberValue": count},
        "SageMaker.InstanceType": {"StringValue": kinds},
    }


def test_the_first_of_preferred_instances_is_shown() -> None:
    cluster = {"InstancePreferences": [{"InstanceType": "a", "InstanceCount": 4}, {"InstanceType": "b"}]}
    document = {"ProcessingResources": {"ClusterConfig": cluster}}
    parameters = component("processing-job", "p", ARN, "InProgress", document).asked["Parameters"]
    assert parameters["SageMaker.InstanceType"] == {"StringValue": "a"}
    assert parameters["SageMaker.InstanceCount"] == {"NumberValue": 4.0}


def test_the_display_name_of_the_experiment_config_is_shown() -> None:
    document = {**TRAINING, "ExperimentConfig": {"TrialComponentDisplayName": "Train"}}
    assert component("training-job", "j", ARN, "InProgress", document).asked["DisplayName"] == "Train"


def test_a_document_with_nothing_in_it_has_a_component() -> None:
    for kind in job_components.KINDS:
        found = component(kind, "j", ARN, "InProgress", {})
        assert (found.asked["Parameters"], found.asked["InputArtifacts"], found.outputs) == ({}, {}, {})
