"""What a person wants made again, found in the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from stepwell.base.arn import Scope
from stepwell.base.faults import Fault
from stepwell.machines.bundle_documents import Bundle, Package
from stepwell.machines.reproduction import Held, Target
from stepwell.services.registry import Door, Site
from stepwell.services.sagemaker import bundled_rows, noted_jobs, reproductions
from stepwell.services.sagemaker.bundled_rows import Conflicts
from stepwell.store import buckets, job_manifests, objects, resources
from stepwell.store.buckets import Bucket
from stepwell.store.job_manifests import Piece
from stepwell.store.objects import Version

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"


class Rows:
    """An installation in which jobs have ended."""

    def __init__(self, site: Site, door: Door, scope: Scope) -> None:
        self.site, self.door, self.scope = site, door, scope
        with site.database.write() as transaction:
            self.bucket = buckets.add(transaction, Bucket("bucket", scope.account, scope.region, 1.0))

    def call(self, service: str, operation: str, **params: Any) -> Any:
        return self.door.call(self.scope, service, operation, params)

    def put(self, key: str, data: bytes) -> Piece:
        blob = self.site.blobs.put(data)
        with self.site.database.write() as transaction:
            objects.put(transaction, self.bucket, Version(key, blob.hash, blob.size, "etag", 1.0))
        return Piece("train", "bucket", key, blob.size, blob.hash)

    def train(
        self,
        name: str,
        ended: float,
        reads: Sequence[Piece] = (),
        writes: Sequence[Piece] = (),
        status: str = "Completed",
    ) -> str:
        """A job that ended at that moment."""
        arn: str = self.call(
            "sagemaker",
            "CreateTrainingJob",
            TrainingJobName=name,
            AlgorithmSpecification={"TrainingImage": "python:3.11", "TrainingInputMode": "File"},
            HyperParameters={"depth": "3"},
            RoleArn=ROLE,
            OutputDataConfig={"S3OutputPath": "s3://bucket/models"},
            ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": 60},
            Tags=[{"Key": "team", "Value": "one"}],
        )["TrainingJobArn"]
        with self.site.database.write() as transaction:
            row = resources.find(transaction.connection, resources.key(self.scope, "training-job", name))
            assert row is not None
            made = {"S3ModelArtifacts": "s3://bucket/m/model.tar.gz"}
            resources.save(
                transaction, row.with_changes(ended, status=status, TrainingEndTime=ended, ModelArtifacts=made)
            )
            job_manifests.begin(transaction, arn, "env-1", reads)
            job_manifests.end(transaction, arn, writes)
        return arn

    def package(self, uri: str, group: str = "churn") -> str:
        self.call("sagemaker", "CreateModelPackageGroup", ModelPackageGroupName=group)
        specification = {
            "Containers": [{"Image": "python:3.11", "ModelDataUrl": uri}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        }
        answer = self.call(
            "sagemaker", "CreateModelPackage", ModelPackageGroupName=group, InferenceSpecification=specification
        )
        return str(answer["ModelPackageArn"])

    def plan(self, asked: str, *, whole: bool = False) -> list[str]:
        with self.site.database.read() as connection:
            return [job.name for job in reproductions.plan(connection, self.scope, asked, whole=whole).jobs]

    def target(self, asked: str) -> Target:
        with self.site.database.read() as connection:
            return reproductions.plan(connection, self.scope, asked, whole=False).target


@pytest.fixture
def rows(site: Site, door: Door, scope: Scope) -> Rows:
    return Rows(site, door, scope)


@pytest.fixture
def chain(rows: Rows) -> Rows:
    """Two jobs in a row, and a package of what the second made."""
    raw, table, model = rows.put("raw", b"raw"), rows.put("table", b"table"), rows.put("m/model.tar.gz", b"model")
    rows.train("prepare", 10.0, [raw], [table])
    rows.train("train", 20.0, [table], [model])
    rows.package("s3://bucket/m/model.tar.gz")
    return rows


@pytest.mark.parametrize(
    "asked",
    [
        "churn/1",
        "CHURN/1",
        "train",
        "s3://bucket/m/model.tar.gz",
        "s3://bucket/m",
        "s3://bucket/m/",
        "arn:aws:sagemaker:eu-west-1:123456789012:model-package/churn/1",
        "arn:aws:sagemaker:eu-west-1:123456789012:training-job/train",
    ],
)
def test_many_names_lead_to_the_job(chain: Rows, asked: str) -> None:
    assert chain.plan(asked) == ["train"]
    assert chain.plan(asked, whole=True) == ["prepare", "train"]


def test_an_artifact_leads_to_its_job(chain: Rows) -> None:
    (found,) = chain.call("sagemaker", "ListArtifacts", SourceUri="s3://bucket/m/model.tar.gz")["ArtifactSummaries"]
    arn = found["ArtifactArn"]
    assert chain.plan(arn) == ["train"]


def test_bytes_decide_who_made_an_input(chain: Rows) -> None:
    other = chain.put("table", b"another table")
    chain.train("prepare-again", 15.0, [], [other])
    assert chain.plan("train", whole=True) == ["prepare", "train"], "it read what was there before"


def test_the_last_that_wrote_there_is_meant(chain: Rows) -> None:
    chain.train("train-again", 30.0, [], [chain.put("m/model.tar.gz", b"better")])
    assert chain.plan("s3://bucket/m/model.tar.gz") == ["train-again"]
    assert chain.target("s3://bucket/m/model.tar.gz").notes == ()


def test_what_became_of_the_object_is_said(chain: Rows) -> None:
    chain.put("m/model.tar.gz", b"uploaded by hand")
    assert "s3://bucket/m/model.tar.gz was replaced since" in chain.target("churn/1").notes[1]
    chain.call("s3", "DeleteObject", Bucket="bucket", Key="m/model.tar.gz")
    assert "s3://bucket/m/model.tar.gz was deleted since" in chain.target("churn/1").notes[1]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            "trian",
            "There is no model package, training job or processing job 'trian' in eu-west-1. Did you mean 'train'?",
        ),
        ("s3://nowhere/x", "There is no bucket 'nowhere'"),
        ("s3://bucket/raw", "is there, but no job that this server remembers has made it"),
        ("s3://bucket/never", "is not there, and no job"),
        ("s3://bucket/m/model", "is not there, and no job"),
        ("arn:aws:sagemaker:eu-west-1:123456789012:training-job/none", "is not there, or never had its data"),
        ("arn:aws:sagemaker:eu-west-1:123456789012:model-package/none", "There is no model package"),
        ("arn:aws:sagemaker:eu-west-1:123456789012:artifact/none", "There is no artifact"),
        ("arn:aws:sagemaker:eu-west-1:123456789012:pipeline/p", "is the ARN of a pipeline. What can be made again:"),
    ],
)
def test_what_is_not_there(chain: Rows, asked: str, said: str) -> None:
    with pytest.raises(Fault) as refused:
        chain.plan(asked)
    assert said in refused.value.message


def test_what_failed_cannot_be_compared(rows: Rows) -> None:
    rows.train("broken", 5.0, status="Failed")
    with pytest.raises(Fault, match="is Failed: only what was completed can be compared"):
        rows.plan("broken")


def test_the_request_is_what_was_given(chain: Rows) -> None:
    with chain.site.database.read() as connection:
        job = noted_jobs.find(connection, "arn:aws:sagemaker:eu-west-1:123456789012:training-job/train")
    assert job is not None
    assert set(job.request) == {
        "AlgorithmSpecification",
        "HyperParameters",
        "RoleArn",
        "OutputDataConfig",
        "ResourceConfig",
        "StoppingCondition",
        "EnableNetworkIsolation",
        "EnableInterContainerTrafficEncryption",
        "EnableManagedSpotTraining",
    }
    assert (job.ended, job.environment, job.tags) == (20.0, "env-1", {"team": "one"})
    assert "SecondaryStatus" in job.document


def bundle_of(rows: Rows) -> Bundle:
    """All of it as a bundle says it."""
    with rows.site.database.read() as connection:
        plan = reproductions.plan(connection, rows.scope, "churn/1", whole=True)
        package = bundled_rows.package(connection, rows.scope, "churn/1")
    held: list[Held] = [each for job in plan.jobs for each in (*job.inputs, *job.outputs)]
    return Bundle(
        rows.scope.account, rows.scope.region, plan.target, plan.jobs, {e.blob: e.size for e in held}, {}, (), package
    )


def test_a_bundle_brings_rows_once_and_overwrites_nothing(chain: Rows) -> None:
    bundle = bundle_of(chain)
    assert list(bundled_rows.check(bundle)) == []
    digests = dict.fromkeys(bundle.blobs, "0" * 32)
    with chain.site.database.write() as transaction:
        brought = bundled_rows.bring(transaction, bundle, digests, "b.zip", 99.0)
    assert (brought.jobs, brought.objects, brought.packages, brought.known) == (0, 0, 0, 6)
    chain.put("raw", b"other bytes")
    with pytest.raises(Conflicts) as refused, chain.site.database.write() as transaction:
        bundled_rows.bring(transaction, bundle, digests, "b.zip", 99.0)
    assert refused.value.found == ["other bytes lie at s3://bucket/raw"]


def test_what_the_service_model_does_not_allow_is_not_brought(chain: Rows) -> None:
    bundle = bundle_of(chain)
    job = bundle.jobs[0]
    for document, said in (
        ({**job.request, "Nonsense": 1}, "has no member 'Nonsense'"),
        ({**job.request, "RoleArn": 7}, "NUMBER_VALUE"),
        ({}, "must not be null"),
    ):
        bad = replace(bundle, jobs=(replace(job, request=document),))
        assert any(said in each for each in bundled_rows.check(bad)), said
    package = Package("churn/1", "Completed", 1.0, {"InferenceSpecification": "text"}, {})
    assert any("package" in each for each in bundled_rows.check(replace(bundle, package=package)))
