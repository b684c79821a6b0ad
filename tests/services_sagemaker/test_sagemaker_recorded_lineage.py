"""The lineage of jobs and packages writes itself: once, whatever is repeated, and nothing of it is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from job_requests import ARN, SCOPE, Caller, a_site, an_input, an_output, caller, channel, processing, training

from stepwell.base import clock
from stepwell.base.documents import Document
from stepwell.services.registry import Site
from stepwell.services.sagemaker import recording
from stepwell.store import buckets, job_manifests, object_digests, objects, resources
from stepwell.store.buckets import Bucket
from stepwell.store.job_manifests import Piece
from stepwell.store.objects import Version

COMPONENTS = f"{ARN}:experiment-trial-component"
CONTAINER = {"Image": "image:1", "ModelDataUrl": "s3://b/m/model.tar.gz"}
SPECIFICATION = {
    "Containers": [CONTAINER],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}
Edge = tuple[str, str, str]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = a_site(tmp_path)
    yield made
    made.database.close()


@pytest.fixture
def call(site: Site) -> Caller:
    return caller(site)


def end(site: Site, kind: str, name: str, status: str = "Completed", **members: object) -> None:
    """The job has come to its end."""
    with site.database.write() as transaction:
        row = resources.find(transaction.connection, resources.key(SCOPE, kind, name))
        assert row is not None
        resources.save(transaction, row.with_changes(row.modified + 1, status=status, **members))


def edges(call: Caller) -> set[Edge]:
    """Every association, its ends by the sources of artifacts and the names of all others."""
    names = {each["ArtifactArn"]: each["Source"]["SourceUri"] for each in artifacts(call)}
    found = call("ListAssociations", MaxResults=100)["AssociationSummaries"]
    return {
        (
            names.get(each["SourceArn"], each["SourceArn"].rpartition("/")[2]),
            each["AssociationType"],
            names.get(each["DestinationArn"], each["DestinationArn"].rpartition("/")[2]),
        )
        for each in found
    }


def artifacts(call: Caller) -> list[Document]:
    found: list[Document] = call("ListArtifacts", MaxResults=100)["ArtifactSummaries"]
    return found


def types(call: Caller) -> dict[str, str]:
    return {each["Source"]["SourceUri"]: each["ArtifactType"] for each in artifacts(call)}


def properties(call: Caller, uri: str) -> Document:
    (found,) = call("ListArtifacts", SourceUri=uri)["ArtifactSummaries"]
    answer: Document = call("DescribeArtifact", ArtifactArn=found["ArtifactArn"]).get("Properties", {})
    return answer


def put(site: Site, key: str, blob: str) -> None:
    with site.database.write() as transaction:
        bucket = buckets.find(transaction.connection, "b")
        bucket = bucket or buckets.add(transaction, Bucket("b", SCOPE.account, SCOPE.region, 1.0))
        objects.put(transaction, bucket, Version(key, blob, 3, "e", 1.0))


PROCESSED = {
    ("python:3.11", "ContributedTo", "j-aws-processing-job"),
    ("s3://b/in", "ContributedTo", "j-aws-processing-job"),
    ("j-aws-processing-job", "Produced", "s3://b/out"),
}


def test_a_processing_job(site: Site, call: Caller) -> None:
    request = processing(ProcessingInputs=[an_input()], ProcessingOutputConfig={"Outputs": [an_output()]})
    call("CreateProcessingJob", **request)
    assert edges(call) == {edge for edge in PROCESSED if edge[1] == "ContributedTo"}
    end(site, "processing-job", "j")
    assert edges(call) == PROCESSED
    assert types(call) == {"python:3.11": "Image", "s3://b/in": "DataSet", "s3://b/out": "DataSet"}
    (found,) = call("ListAssociations", SourceArn=f"{COMPONENTS}/j-aws-processing-job")["AssociationSummaries"]
    assert (found["SourceType"], found["SourceName"]) == ("SageMakerProcessingJob", "j-aws-processing-job")


def test_repeating_it_changes_nothing(site: Site, call: Caller) -> None:
    request = processing(ProcessingInputs=[an_input()], ProcessingOutputConfig={"Outputs": [an_output()]})
    call("CreateProcessingJob", **request)
    end(site, "processing-job", "j")
    before = [edges(call), artifacts(call)]
    for _ in range(3):
        end(site, "processing-job", "j")
        assert [edges(call), artifacts(call)] == before


def test_a_crash_loses_nothing(site: Site, call: Caller) -> None:
    call("CreateProcessingJob", **processing(ProcessingInputs=[an_input()]))
    with pytest.raises(ZeroDivisionError), site.database.write():
        recording.catch_up(site)
        raise ZeroDivisionError
    assert len(edges(call)) == 2


def test_a_training_job_takes_up_where_a_processing_job_left(site: Site, call: Caller) -> None:
    call("CreateProcessingJob", **processing(ProcessingOutputConfig={"Outputs": [an_output()]}))
    end(site, "processing-job", "j")
    call("CreateTrainingJob", **training(InputDataConfig=[channel(S3Uri="s3://b/out")]))
    end(site, "training-job", "j", ModelArtifacts={"S3ModelArtifacts": "s3://b/models/j/output/model.tar.gz"})
    start = call("ListArtifacts", SourceUri="s3://b/models/j/output/model.tar.gz")["ArtifactSummaries"][0]
    assert start["ArtifactType"] == "Model"
    answer = call("QueryLineage", StartArns=[start["ArtifactArn"]], Direction="Ascendants", IncludeEdges=False)
    assert [(each["LineageType"], each["Type"]) for each in answer["Vertices"]] == [
        ("TrialComponent", "TrainingJob"),
        ("Artifact", "Image"),
        ("Artifact", "DataSet"),
        ("TrialComponent", "ProcessingJob"),
    ]


def test_the_first_type_stays(site: Site, call: Caller) -> None:
    call("CreateTrainingJob", **training())
    end(site, "training-job", "j", ModelArtifacts={"S3ModelArtifacts": "s3://b/in"})
    recording.catch_up(site)
    call("CreateProcessingJob", **processing(ProcessingInputs=[an_input()]))
    assert types(call)["s3://b/in"] == "Model"


def test_an_artifact_that_a_client_made_is_taken(site: Site, call: Caller) -> None:
    tagged = {"SourceUri": "s3://b/in", "SourceTypes": [{"SourceIdType": "MD5Hash", "Value": "x"}]}
    made = call("CreateArtifact", ArtifactType="Mine", Source=tagged, Properties={"owner": "me"})["ArtifactArn"]
    call("CreateProcessingJob", **processing(ProcessingInputs=[an_input()]))
    (found,) = call("ListAssociations", SourceArn=made)["AssociationSummaries"]
    assert found["SourceType"] == "Mine"
    assert len(call("ListArtifacts", SourceUri="s3://b/in")["ArtifactSummaries"]) == 1


def test_what_was_read_and_written_is_told(site: Site, call: Caller) -> None:
    put(site, "in/a", "x")
    put(site, "in/b", "y")
    request = processing(ProcessingInputs=[an_input()], ProcessingOutputConfig={"Outputs": [an_output()]})
    call("CreateProcessingJob", **request)
    arn = f"{ARN}:processing-job/j"
    with site.database.write() as transaction:
        pieces = [Piece("in", "b", f"in/{name}", 3, blob) for name, blob in (("a", "x"), ("b", "y"))]
        job_manifests.begin(transaction, arn, "python-abc", pieces)
        job_manifests.end(transaction, arn, [Piece("out", "b", "out/c", 4, "z")])
    end(site, "processing-job", "j")
    with site.database.read() as connection:
        digest = object_digests.of_uri(connection, SCOPE.account, "s3://b/in")
    assert digest is not None
    assert properties(call, "s3://b/in") == {"ContentDigest": digest, "ObjectCount": "2", "ByteCount": "6"}
    written = properties(call, "s3://b/out")
    assert (written["JobArn"], written["Environment"], written["ByteCount"]) == (arn, "python-abc", "4")
    assert properties(call, "python:3.11") == {}


def test_of_a_job_that_failed_only_what_it_wrote(site: Site, call: Caller) -> None:
    outputs = [an_output(), an_output("two", "/opt/ml/processing/two", S3Uri="s3://b/two")]
    call("CreateProcessingJob", **processing(ProcessingOutputConfig={"Outputs": outputs}))
    arn = f"{ARN}:processing-job/j"
    with site.database.write() as transaction:
        job_manifests.begin(transaction, arn, "", [])
        job_manifests.end(transaction, arn, [Piece("two", "b", "two/c", 4, "z")])
    end(site, "processing-job", "j", "Failed")
    assert {edge for edge in edges(call) if edge[1] == "Produced"} == {
        ("j-aws-processing-job", "Produced", "s3://b/two")
    }


def test_a_job_whose_component_was_deleted_leaves_no_more(site: Site, call: Caller) -> None:
    call("CreateProcessingJob", **processing(ProcessingOutputConfig={"Outputs": [an_output()]}))
    call("DeleteTrialComponent", TrialComponentName="j-aws-processing-job")
    end(site, "processing-job", "j")
    assert edges(call) == set()


def register(call: Caller, group: str = "g", **more: object) -> str:
    request: Document = {"ModelPackageGroupName": group, "InferenceSpecification": SPECIFICATION, **more}
    return str(call("CreateModelPackage", **request)["ModelPackageArn"])


def approvals(call: Caller, package: str) -> list[str]:
    found = call("ListActions", SourceUri=package, ActionType="Approval", SortOrder="Ascending")["ActionSummaries"]
    names = [each["ActionName"] for each in found]
    assert all(name.startswith("g-1-") and name.endswith("-aws-model-group") for name in names)
    return [name.split("-")[2] for name in names]


def test_a_package_and_its_group(call: Caller) -> None:
    call("CreateModelPackageGroup", ModelPackageGroupName="g")
    (context,) = call("ListContexts")["ContextSummaries"]
    assert (context["ContextName"], context["ContextType"]) == ("g-aws-model-group", "ModelGroup")
    assert context["Source"]["SourceUri"] == f"{ARN}:model-package-group/g"
    execution = f"{ARN}:pipeline/p/execution/abcdefghijkl"
    package = register(call, MetadataProperties={"GeneratedBy": execution, "CommitId": "abc"})
    found = edges(call)
    (approval,) = [edge[0] for edge in found if "PendingManualApproval" in edge[0]]
    assert found == {
        ("image:1", "ContributedTo", package),
        ("s3://b/m/model.tar.gz", "ContributedTo", package),
        (approval, "ContributedTo", package),
        (package, "AssociatedWith", "g-aws-model-group"),
    }
    assert types(call) == {"image:1": "Image", "s3://b/m/model.tar.gz": "Model", package: "Model"}
    described = call("DescribeContext", ContextName="g-aws-model-group")
    assert described["Properties"]["PipelineExecutionArn"] == execution
    (made,) = call("ListArtifacts", SourceUri=package)["ArtifactSummaries"]
    metadata = call("DescribeArtifact", ArtifactArn=made["ArtifactArn"])["MetadataProperties"]
    assert metadata == {"GeneratedBy": execution, "CommitId": "abc"}
    action = call("DescribeAction", ActionName=approval)
    assert action["Status"] == "Completed"
    assert action["CreatedBy"]["IamIdentity"]["Arn"] == SCOPE.principal


def test_every_approval_counts(call: Caller) -> None:
    call("CreateModelPackageGroup", ModelPackageGroupName="g")
    package = register(call)
    for status in ("Approved", "Rejected", "Approved", "Approved"):
        call("UpdateModelPackage", ModelPackageArn=package, ModelApprovalStatus=status)
    call("UpdateModelPackage", ModelPackageArn=package, CustomerMetadataProperties={"k": "v"})
    assert approvals(call, package) == ["PendingManualApproval", "Approved", "Rejected", "Approved"]
    assert len(call("ListContexts")["ContextSummaries"]) == 1


def test_an_approval_says_why(call: Caller) -> None:
    call("CreateModelPackageGroup", ModelPackageGroupName="g")
    package = register(call)
    call(
        "UpdateModelPackage", ModelPackageArn=package, ModelApprovalStatus="Rejected", ApprovalDescription="too large"
    )
    found = call("ListActions", SourceUri=package)["ActionSummaries"][0]
    described = call("DescribeAction", ActionName=found["ActionName"])
    assert described["Properties"] == {"ModelApprovalStatus": "Rejected", "ApprovalDescription": "too large"}


def test_the_lineage_of_a_package_outlives_it(call: Caller) -> None:
    call("CreateModelPackageGroup", ModelPackageGroupName="g")
    package = register(call)
    call("DeleteModelPackage", ModelPackageName=package)
    assert len(edges(call)) == 4


def test_a_package_without_a_group_has_no_context(call: Caller) -> None:
    package = call("CreateModelPackage", ModelPackageName="alone", InferenceSpecification=SPECIFICATION)
    assert edges(call) == {
        ("image:1", "ContributedTo", package["ModelPackageArn"]),
        ("s3://b/m/model.tar.gz", "ContributedTo", package["ModelPackageArn"]),
    }
    assert call("ListContexts")["ContextSummaries"] == []


def test_a_later_job_of_the_same_name_has_its_own_lineage(
    site: Site, call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = {"Outputs": [an_output()]}
    call("CreateProcessingJob", **processing(ProcessingInputs=[an_input()], ProcessingOutputConfig=outputs))
    end(site, "processing-job", "j")
    assert edges(call) == PROCESSED
    with site.database.write() as transaction:
        resources.remove(transaction, resources.key(SCOPE, "processing-job", "j"))
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + 60)
    outputs = {"Outputs": [an_output(S3Uri="s3://b/other")]}
    call(
        "CreateProcessingJob",
        **processing(ProcessingInputs=[an_input(S3Uri="s3://b/more")], ProcessingOutputConfig=outputs),
    )
    end(site, "processing-job", "j")
    added = {
        ("s3://b/more", "ContributedTo", "j-aws-processing-job"),
        ("j-aws-processing-job", "Produced", "s3://b/other"),
    }
    assert edges(call) == PROCESSED | added
