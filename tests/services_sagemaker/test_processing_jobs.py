"""Processing jobs at the API: what is accepted, what is refused, and what lists and Describe show."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from job_requests import ARN, Caller, a_site, an_input, an_output, caller, processing

from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.registry import Site
from stepwell.store import resources, tags, work


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = a_site(tmp_path)
    yield site
    site.database.close()


@pytest.fixture
def call(site: Site) -> Caller:
    return caller(site)


def end(site: Site, name: str, status: str = "Completed") -> None:
    """As if the job had run."""
    with site.database.write() as transaction:
        row = resources.find(transaction.connection, resources.Key("processing-job", site.account, "eu-west-1", name))
        assert row is not None
        resources.save(
            transaction, row.with_changes(row.created + 1, status=status, ProcessingEndTime=row.created + 1)
        )


def test_create_and_describe(site: Site, call: Caller) -> None:
    request = processing(ProcessingInputs=[an_input()], Tags=[{"Key": "a", "Value": "b"}], Environment={"X": "1"})
    assert call("CreateProcessingJob", **request) == {"ProcessingJobArn": f"{ARN}:processing-job/j"}
    job = call("DescribeProcessingJob", ProcessingJobName="j")
    assert (job["ProcessingJobName"], job["ProcessingJobStatus"]) == ("j", "InProgress")
    assert job["ProcessingJobArn"] == f"{ARN}:processing-job/j"
    assert job["ProcessingInputs"] == request["ProcessingInputs"]
    assert job["Environment"] == {"X": "1"}
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}
    assert job["CreationTime"] == job["LastModifiedTime"]
    assert "Tags" not in job
    with site.database.read() as connection:
        assert tags.of(connection, f"{ARN}:processing-job/j") == {"a": "b"}
        assert work.ready(connection, job["CreationTime"], 9) == [(f"{ARN}:processing-job/j", "job")]


def test_a_name_is_taken_once_even_by_many_at_once(call: Caller) -> None:
    def attempt(_number: int) -> str:
        try:
            call("CreateProcessingJob", **processing("same"))
        except Fault as fault:
            assert fault.message == (
                "Processing job names must be unique within an AWS account and region, and a processing job with "
                f"this name already exists ({ARN}:processing-job/same)"
            )
            return fault.code
        return "created"

    with ThreadPoolExecutor(8) as pool:
        outcomes = sorted(pool.map(attempt, range(8)))
    assert outcomes == ["ResourceInUse"] * 7 + ["created"]


def test_names_differ_by_case(call: Caller) -> None:
    call("CreateProcessingJob", **processing("Same"))
    call("CreateProcessingJob", **processing("same"))


@pytest.mark.parametrize("operation", ["DescribeProcessingJob", "StopProcessingJob", "DeleteProcessingJob"])
def test_a_job_that_does_not_exist(call: Caller, operation: str) -> None:
    with pytest.raises(Fault) as raised:
        call(operation, ProcessingJobName="nobody")
    assert (raised.value.code, raised.value.message) == (
        "ResourceNotFound",
        "Could not find requested job with name: nobody",
    )


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"ProcessingInputs": [an_input(path="/etc")]}, "LocalPath '/etc' of input 'in'"),
        ({"ProcessingInputs": [an_input(path="/opt/ml/processing/../../etc")]}, "LocalPath"),
        ({"ProcessingInputs": [an_input(path="/opt/ml/input")]}, "LocalPath"),
        ({"ProcessingInputs": [an_input(path=None)]}, "LocalPath None"),
        ({"ProcessingInputs": [an_input(), an_input(path="/opt/ml/processing/b")]}, "Input names must be unique"),
        ({"ProcessingInputs": [an_input("a"), an_input("b")]}, "Local paths of inputs must be unique"),
        ({"ProcessingInputs": [an_input(S3Uri="https://s3.amazonaws.com/b/x")]}, "S3 URI"),
        ({"ProcessingInputs": [an_input(S3CompressionType="Gzip", S3InputMode="File")]}, "Gzip"),
        ({"ProcessingInputs": [{"InputName": "x"}]}, "exactly one of S3Input and DatasetDefinition"),
        ({"ProcessingInputs": [{**an_input(), "DatasetDefinition": {}}]}, "exactly one of"),
        ({"ProcessingOutputConfig": {"Outputs": [an_output(path="/tmp/x")]}}, "LocalPath '/tmp/x' of output 'out'"),
        ({"ProcessingOutputConfig": {"Outputs": [an_output(), an_output()]}}, "Output names must be unique"),
        ({"ProcessingOutputConfig": {"Outputs": [{"OutputName": "x"}]}}, "needs S3Output or FeatureStoreOutput"),
        ({"AppSpecification": {"ImageUri": ""}}, "must name an image"),
        ({"ProcessingResources": {"ClusterConfig": {"VolumeSizeInGB": 5}}}, "InstanceType and InstanceCount"),
        ({"RoleArn": "SageMakerRole-by-name-only"}, "roleArn"),
        ({"Tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}, "Duplicate tag keys"),
        ({"ProcessingJobName": "-bad"}, "processingJobName"),
    ],
)
def test_requests_that_are_refused_leave_nothing(call: Caller, more: Document, told: str) -> None:
    with pytest.raises(Fault, match="ValidationException") as raised:
        call("CreateProcessingJob", **processing(**more))
    assert told in raised.value.message
    assert call("ListProcessingJobs")["ProcessingJobSummaries"] == []


def a_query(**more: object) -> Document:
    query = {
        "Catalog": "c",
        "Database": "d",
        "QueryString": "SELECT 1",
        "OutputS3Uri": "s3://b/q",
        "OutputFormat": "PARQUET",
    }
    definition = {"LocalPath": "/opt/ml/processing/x", "AthenaDatasetDefinition": query, **more}
    return {"InputName": "x", "DatasetDefinition": definition}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (a_query(LocalPath="/opt/ml/x"), "LocalPath '/opt/ml/x' of input 'x'"),
        (
            {"InputName": "x", "DatasetDefinition": {"LocalPath": "/opt/ml/processing/x"}},
            "exactly one of AthenaDatasetDefinition and RedshiftDatasetDefinition",
        ),
        (a_query(InputMode="Stream"), "inputMode"),
        (a_query(DataDistributionType="Halves"), "dataDistributionType"),
        ({**a_query(), **an_input()}, "exactly one of S3Input and DatasetDefinition"),
    ],
)
def test_queries_are_checked_at_creation(call: Caller, given: Document, told: str) -> None:
    with pytest.raises(Fault, match="ValidationException") as raised:
        call("CreateProcessingJob", **processing(ProcessingInputs=[given]))
    assert told in raised.value.message


def test_a_query_is_taken_and_shown_again(call: Caller) -> None:
    call("CreateProcessingJob", **processing(ProcessingInputs=[a_query()]))
    shown = call("DescribeProcessingJob", ProcessingJobName="j")["ProcessingInputs"]
    assert shown[0]["DatasetDefinition"]["AthenaDatasetDefinition"]["QueryString"] == "SELECT 1"


def test_a_feature_group_is_filled_by_applications_only(call: Caller) -> None:
    output = {"OutputName": "x", "FeatureStoreOutput": {"FeatureGroupName": "group"}}
    with pytest.raises(Fault, match="only supported when AppManaged is true"):
        call("CreateProcessingJob", **processing(ProcessingOutputConfig={"Outputs": [output]}))
    managed = {"Outputs": [{**output, "AppManaged": True}]}
    call("CreateProcessingJob", **processing(ProcessingOutputConfig=managed))


def test_what_the_container_manages_needs_no_path(call: Caller) -> None:
    mine = {**an_input(path=None), "AppManaged": True}
    call("CreateProcessingJob", **processing(ProcessingInputs=[mine]))


def test_stopping(site: Site, call: Caller) -> None:
    call("CreateProcessingJob", **processing())
    call("StopProcessingJob", ProcessingJobName="j")
    call("StopProcessingJob", ProcessingJobName="j")
    assert call("DescribeProcessingJob", ProcessingJobName="j")["ProcessingJobStatus"] == "Stopping"
    end(site, "j", "Stopped")
    with pytest.raises(Fault, match="rejected because the processing job is in status Stopped"):
        call("StopProcessingJob", ProcessingJobName="j")


def test_deleting(site: Site, call: Caller) -> None:
    call("CreateProcessingJob", **processing())
    with pytest.raises(Fault, match="ResourceInUse"):
        call("DeleteProcessingJob", ProcessingJobName="j")
    end(site, "j")
    call("DeleteProcessingJob", ProcessingJobName="j")
    with pytest.raises(Fault, match="ResourceNotFound"):
        call("DescribeProcessingJob", ProcessingJobName="j")
    with site.database.read() as connection:
        assert work.ready(connection, 4e9, 9) == [(f"{ARN}:processing-job/j", "job")]


def test_lists(site: Site, call: Caller) -> None:
    for name in ("alpha", "beta", "gamma"):
        call("CreateProcessingJob", **processing(name))
    end(site, "beta", "Failed")

    def names(**asked: object) -> list[str]:
        return [job["ProcessingJobName"] for job in call("ListProcessingJobs", **asked)["ProcessingJobSummaries"]]

    assert names(SortBy="Name", SortOrder="Ascending") == ["alpha", "beta", "gamma"]
    assert names(StatusEquals="Failed") == ["beta"]
    assert names(NameContains="AM") == ["gamma"]
    page = call("ListProcessingJobs", SortBy="Name", SortOrder="Descending", MaxResults=2)
    assert [job["ProcessingJobName"] for job in page["ProcessingJobSummaries"]] == ["gamma", "beta"]
    assert page["ProcessingJobSummaries"][1]["ProcessingEndTime"] is not None
    rest = call(
        "ListProcessingJobs", SortBy="Name", SortOrder="Descending", MaxResults=2, NextToken=page["NextToken"]
    )
    assert [job["ProcessingJobName"] for job in rest["ProcessingJobSummaries"]] == ["alpha"]
    assert "NextToken" not in rest
