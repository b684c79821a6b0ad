"""What jobs and packages leave in the lineage: truth tables."""

from __future__ import annotations

import hashlib

import pytest

from stepwell.base.documents import Document
from stepwell.machines import job_lineage, package_lineage
from stepwell.machines.job_lineage import Artifact, Held, Job

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/j"
TRAINING: Document = {
    "AlgorithmSpecification": {"TrainingImage": "image:1"},
    "InputDataConfig": [
        {"ChannelName": "train", "DataSource": {"S3DataSource": {"S3Uri": "s3://b/train"}}},
        {"ChannelName": "other", "DataSource": {"FileSystemDataSource": {}}},
    ],
    "ModelArtifacts": {"S3ModelArtifacts": "s3://b/j/output/model.tar.gz"},
    "CheckpointConfig": {"S3Uri": "s3://b/checkpoints"},
    "TensorBoardOutputConfig": {"S3OutputPath": "s3://b/board"},
    "HyperParameters": {"sagemaker_program": '"train.py"'},
}
PROCESSING: Document = {
    "AppSpecification": {
        "ImageUri": "image:2",
        "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/p.py"],
    },
    "ProcessingInputs": [
        {"InputName": "in", "S3Input": {"S3Uri": "s3://b/in"}},
        {"InputName": "code", "S3Input": {"S3Uri": "s3://b/code/p.py"}},
        {"InputName": "set", "DatasetDefinition": {}},
    ],
    "ProcessingOutputConfig": {
        "Outputs": [
            {"OutputName": "out", "S3Output": {"S3Uri": "s3://b/out"}},
            {"OutputName": "features", "FeatureStoreOutput": {}},
        ]
    },
}
MODEL = Held("s3://b/j/output/model.tar.gz", 5, "m" * 64)


def uris(artifacts: tuple[Artifact, ...]) -> list[tuple[str, str]]:
    return [(each.uri, each.type) for each in artifacts]


def test_the_places_of_a_training_job() -> None:
    found = job_lineage.of_job(Job("training-job", ARN, "Completed", TRAINING))
    assert uris(found.inputs) == [("image:1", "Image"), ("s3://b/train", "DataSet")]
    assert uris(found.outputs) == [
        ("s3://b/j/output/model.tar.gz", "Model"),
        ("s3://b/checkpoints", "Checkpoint"),
        ("s3://b/board", "TensorBoard"),
    ]
    assert found.outputs[0].properties == {"JobArn": ARN, "EntryPoint": "train.py"}


def test_the_places_of_a_processing_job() -> None:
    found = job_lineage.of_job(Job("processing-job", ARN, "Completed", PROCESSING))
    assert uris(found.inputs) == [("image:2", "Image"), ("s3://b/in", "DataSet"), ("s3://b/code/p.py", "DataSet")]
    assert uris(found.outputs) == [("s3://b/out", "DataSet")]
    assert found.outputs[0].properties == {"JobArn": ARN, "EntryPoint": "/opt/ml/processing/input/code/p.py"}


@pytest.mark.parametrize("kind", ["training-job", "processing-job"])
def test_a_job_of_which_nothing_is_known_leaves_nothing(kind: str) -> None:
    found = job_lineage.of_job(Job(kind, ARN, "Completed", {}))
    assert (found.inputs, found.outputs) == ((), ())


@pytest.mark.parametrize(
    ("status", "writes", "expected"),
    [
        ("InProgress", [MODEL], []),
        ("Stopping", [MODEL], []),
        ("Completed", [], ["Model", "Checkpoint", "TensorBoard"]),
        ("Stopped", [MODEL], ["Model"]),
        ("Stopped", [], []),
        ("Failed", [Held("s3://b/checkpoints/1", 1, "c")], ["Checkpoint"]),
        ("Failed", [Held("s3://b/checkpoints2/1", 1, "c")], []),
    ],
)
def test_what_was_produced(status: str, writes: list[Held], expected: list[str]) -> None:
    found = job_lineage.of_job(Job("training-job", ARN, status, TRAINING, writes=writes))
    assert [each.type for each in found.outputs] == expected


def test_properties_say_which_bytes_and_where_they_come_from() -> None:
    reads = {
        "train": [Held("s3://b/train/a", 1, "x"), Held("s3://b/train/b", 2, "y"), Held("s3://b/train/a", 1, "x")],
        "sagemaker_submit_directory": [Held("s3://b/sourcedir.tar.gz", 9, "code")],
    }
    found = job_lineage.of_job(Job("training-job", ARN, "Completed", TRAINING, reads, [MODEL], "sklearn-1.2-abc"))
    assert found.inputs[1].properties == {
        "ContentDigest": job_lineage.digest("s3://b/train", reads["train"][:2]),
        "ObjectCount": "2",
        "ByteCount": "3",
    }
    assert found.outputs[0].properties == {
        "ContentDigest": hashlib.sha256(b"0:%s\n" % (b"m" * 64)).hexdigest(),
        "ObjectCount": "1",
        "ByteCount": "5",
        "JobArn": ARN,
        "CodeUri": "s3://b/sourcedir.tar.gz",
        "CodeDigest": "code",
        "EntryPoint": "train.py",
        "Environment": "sklearn-1.2-abc",
    }


def test_code_of_several_files_has_one_digest() -> None:
    code = [Held("s3://b/code/p.py/a", 1, "x"), Held("s3://b/code/p.py/b", 1, "y")]
    found = job_lineage.of_job(Job("processing-job", ARN, "Completed", PROCESSING, {"code": code}))
    properties = found.outputs[0].properties
    assert properties["CodeUri"] == "s3://b/code/p.py"
    assert properties["CodeDigest"] == job_lineage.digest("s3://b/code/p.py", code)


def test_a_place_that_is_named_twice_is_one_artifact() -> None:
    inputs = [{"InputName": name, "S3Input": {"S3Uri": "s3://b/same"}} for name in ("one", "two")]
    job = Job(
        "processing-job", ARN, "Completed", {"ProcessingInputs": inputs}, {"two": [Held("s3://b/same", 1, "x")]}
    )
    (found,) = job_lineage.of_job(job).inputs
    assert (found.uri, found.properties["ObjectCount"]) == ("s3://b/same", "1")


@pytest.mark.parametrize(
    ("uri", "same_as"),
    [("s3://one/data", "s3://two/other/"), ("s3://one/data/", "s3://two/other")],
)
def test_a_digest_covers_names_and_bytes_and_not_the_place(uri: str, same_as: str) -> None:
    def held(place: str, **blobs: str) -> list[Held]:
        return [Held(f"{place.rstrip('/')}/{name}", 1, blob) for name, blob in blobs.items()]

    first = job_lineage.digest(uri, held(uri, a="x", b="y"))
    assert first == job_lineage.digest(same_as, held(same_as, b="y", a="x"))
    assert first != job_lineage.digest(uri, held(uri, a="y", b="x"))
    assert first != job_lineage.digest(uri, held(uri, a="x"))


def test_what_a_manifest_names_counts_with_its_whole_place() -> None:
    one = job_lineage.digest("s3://b/m.json", [Held("s3://b/x/a", 1, "x")])
    assert one != job_lineage.digest("s3://b/m.json", [Held("s3://b/y/a", 1, "x")])


def test_hyperparameters_may_be_plain_text() -> None:
    document = {**TRAINING, "HyperParameters": {"sagemaker_program": "train.py"}}
    found = job_lineage.of_job(Job("training-job", ARN, "Completed", document))
    assert found.outputs[0].properties["EntryPoint"] == "train.py"


PACKAGE: Document = {
    "ModelPackageGroupName": "g",
    "ModelPackageVersion": 3,
    "ModelApprovalStatus": "Approved",
    "InferenceSpecification": {
        "Containers": [
            {"Image": "image:1", "ModelDataUrl": "s3://b/m"},
            {"Image": "image:1", "ModelDataSource": {"S3DataSource": {"S3Uri": "s3://b/n/"}}},
            {},
        ]
    },
    "AdditionalInferenceSpecifications": [{"Name": "x", "Containers": [{"Image": "image:2"}]}],
    "SourceAlgorithmSpecification": {"SourceAlgorithms": [{"AlgorithmName": "a", "ModelDataUrl": "s3://b/o"}]},
}


def test_what_a_package_is_made_of() -> None:
    assert [(each.uri, each.type) for each in package_lineage.parts(PACKAGE)] == [
        ("image:1", "Image"),
        ("s3://b/m", "Model"),
        ("s3://b/n/", "Model"),
        ("image:2", "Image"),
        ("a", "Algorithm"),
        ("s3://b/o", "Model"),
    ]
    assert package_lineage.parts({}) == []


def test_the_package_itself() -> None:
    assert package_lineage.package("arn", PACKAGE) == Artifact(
        "arn", "Model", {"ModelPackageGroupName": "g", "ModelPackageVersion": "3"}
    )
    assert package_lineage.package("arn", {}) == Artifact("arn", "Model")


def test_names_of_context_and_approval() -> None:
    assert package_lineage.context_name("g") == "g-aws-model-group"
    assert package_lineage.approval_name(PACKAGE, 1700000000) == "g-3-Approved-1700000000-aws-model-group"
    longest = {"ModelPackageGroupName": "g" * 63, "ModelPackageVersion": 9999}
    longest["ModelApprovalStatus"] = "PendingManualApproval"
    assert len(package_lineage.approval_name(longest, 1700000000)) <= 120


def test_properties_of_context_and_approval() -> None:
    execution = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/p/execution/e"
    generated = {"MetadataProperties": {"GeneratedBy": execution}}
    assert package_lineage.context_properties("g", generated) == {
        "ModelPackageGroupName": "g",
        "PipelineExecutionArn": execution,
    }
    other = {"MetadataProperties": {"GeneratedBy": "me"}}
    assert package_lineage.context_properties("g", other) == {"ModelPackageGroupName": "g"}
    assert package_lineage.approval_properties({**PACKAGE, "ApprovalDescription": "good"}) == {
        "ModelApprovalStatus": "Approved",
        "ApprovalDescription": "good",
    }
