"""Training jobs at the API: what is accepted, what is refused, and what lists and Describe show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from job_requests import ARN, Caller, a_site, caller, channel, training

from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.registry import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = a_site(tmp_path)
    yield site
    site.database.close()


@pytest.fixture
def call(site: Site) -> Caller:
    return caller(site)


def test_create_and_describe(call: Caller) -> None:
    request = training(InputDataConfig=[channel()], HyperParameters={"a": "1"})
    assert call("CreateTrainingJob", **request) == {"TrainingJobArn": f"{ARN}:training-job/j"}
    job = call("DescribeTrainingJob", TrainingJobName="j")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("InProgress", "Starting")
    (first,) = job["SecondaryStatusTransitions"]
    assert first == {
        "Status": "Starting",
        "StartTime": job["CreationTime"],
        "StatusMessage": "Preparing the instances for training",
    }
    assert job["HyperParameters"] == {"a": "1"}
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}
    assert (job["EnableNetworkIsolation"], job["EnableManagedSpotTraining"]) == (False, False)


def test_a_name_is_taken_once(call: Caller) -> None:
    call("CreateTrainingJob", **training())
    with pytest.raises(Fault) as raised:
        call("CreateTrainingJob", **training())
    assert raised.value.code == "ResourceInUse"
    assert raised.value.message.startswith(
        "Training job names must be unique within an AWS account and region, and a training job with this name"
    )


@pytest.mark.parametrize(
    "operation", ["DescribeTrainingJob", "StopTrainingJob", "DeleteTrainingJob", "UpdateTrainingJob"]
)
def test_a_job_that_does_not_exist(call: Caller, operation: str) -> None:
    with pytest.raises(Fault) as raised:
        call(operation, TrainingJobName="nobody")
    assert (raised.value.code, raised.value.message) == ("ValidationException", "Requested resource not found.")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"AlgorithmSpecification": {"TrainingInputMode": "File"}}, "TrainingImage must name an image"),
        (
            {"AlgorithmSpecification": {"TrainingInputMode": "File", "TrainingImage": "x", "AlgorithmName": "y"}},
            "either TrainingImage or AlgorithmName",
        ),
        ({"ResourceConfig": {"VolumeSizeInGB": 1}}, "ResourceConfig needs"),
        ({"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 0}}, "ResourceConfig needs"),
        (
            {
                "ResourceConfig": {
                    "InstanceGroups": [
                        {"InstanceGroupName": "a", "InstanceType": "ml.m5.large", "InstanceCount": 1},
                        {"InstanceGroupName": "a", "InstanceType": "ml.m5.large", "InstanceCount": 1},
                    ]
                }
            },
            "Instance group names must be unique",
        ),
        ({"InputDataConfig": [channel(), channel()]}, "Channel names must be unique"),
        ({"InputDataConfig": [channel("..")]}, "cannot be the name of a channel"),
        ({"InputDataConfig": [channel(S3Uri="https://b/x")]}, "S3 URI"),
        ({"InputDataConfig": [{"ChannelName": "x", "DataSource": {}}]}, "exactly one source"),
        ({"OutputDataConfig": {"S3OutputPath": "https://b/x"}}, "S3 URI"),
        ({"CheckpointConfig": {"S3Uri": "s3://b/c", "LocalPath": "/etc"}}, "LocalPath '/etc' of CheckpointConfig"),
        ({"CheckpointConfig": {"S3Uri": "s3://b/c", "LocalPath": "/opt/ml/a/../../.."}}, "LocalPath"),
        ({"HyperParameters": {str(number): "x" for number in range(101)}}, "hyperParameters"),
        ({"HyperParameters": {"x": "y" * 2501}}, "hyperParameters"),
    ],
)
def test_requests_that_are_refused_leave_nothing(call: Caller, more: Document, told: str) -> None:
    with pytest.raises(Fault, match="ValidationException") as raised:
        call("CreateTrainingJob", **training(**more))
    assert told in raised.value.message
    assert call("ListTrainingJobs")["TrainingJobSummaries"] == []


@pytest.mark.parametrize(
    "more",
    [
        {"AlgorithmSpecification": {"TrainingInputMode": "File", "AlgorithmName": "bought"}},
        {
            "InputDataConfig": [
                {
                    "ChannelName": "x",
                    "DataSource": {
                        "FileSystemDataSource": {
                            "FileSystemId": "fs-12345678",
                            "FileSystemAccessMode": "ro",
                            "FileSystemType": "EFS",
                            "DirectoryPath": "/",
                        }
                    },
                }
            ]
        },
    ],
)
def test_what_is_not_built_says_so(call: Caller, more: Document) -> None:
    with pytest.raises(Fault) as raised:
        call("CreateTrainingJob", **training(**more))
    assert (raised.value.code, raised.value.status) == ("NotImplementedException", 501)


def test_stopping(call: Caller) -> None:
    call("CreateTrainingJob", **training())
    call("StopTrainingJob", TrainingJobName="j")
    call("StopTrainingJob", TrainingJobName="j")
    job = call("DescribeTrainingJob", TrainingJobName="j")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopping", "Stopping")
    assert [entry["Status"] for entry in job["SecondaryStatusTransitions"]] == ["Starting", "Stopping"]


def test_updating(call: Caller) -> None:
    call("CreateTrainingJob", **training())
    answer = call(
        "UpdateTrainingJob",
        TrainingJobName="j",
        ProfilerConfig={"DisableProfiler": True},
        ResourceConfig={"KeepAlivePeriodInSeconds": 60},
    )
    assert answer == {"TrainingJobArn": f"{ARN}:training-job/j"}
    job = call("DescribeTrainingJob", TrainingJobName="j")
    assert job["ProfilerConfig"] == {"DisableProfiler": True}
    assert job["ResourceConfig"]["InstanceType"] == "ml.m5.large"
    assert job["ResourceConfig"]["KeepAlivePeriodInSeconds"] == 60


def test_lists(call: Caller) -> None:
    for name in ("alpha", "beta"):
        call("CreateTrainingJob", **training(name))
    found = call("ListTrainingJobs", SortBy="Name", SortOrder="Ascending")["TrainingJobSummaries"]
    assert [(job["TrainingJobName"], job["SecondaryStatus"]) for job in found] == [
        ("alpha", "Starting"),
        ("beta", "Starting"),
    ]
    assert call("ListTrainingJobs", WarmPoolStatusEquals="Available")["TrainingJobSummaries"] == []
    assert call("ListTrainingJobs", StatusEquals="Completed")["TrainingJobSummaries"] == []
