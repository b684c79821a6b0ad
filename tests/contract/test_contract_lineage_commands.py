"""`stepwell lineage`, `blame`, `recall` and `gc` about what really ran, asked as a user would: beside the server."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from served import ROLE, Server, eventually
from stepwell.cli.main import main

pytestmark = pytest.mark.contract

TRAIN = "import shutil; shutil.copy('/opt/ml/input/data/train/data.csv', '/opt/ml/model/model')"
HOURS = 3600.0 * 3


@dataclass(frozen=True)
class Answer:
    """What a command did."""

    returncode: int
    stdout: str
    stderr: str


def asked(server: Server, *words: str) -> Answer:
    """What a command prints about the server's data folder: it only has the folder in common with the server."""
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as error:
        code = main([words[0], "--data", str(server.data), *words[1:]])
    return Answer(code, out.getvalue(), error.getvalue())


def told(server: Server, *words: str) -> Any:
    """The same as JSON."""
    done = asked(server, *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def trained(server: Server, name: str, uri: str) -> str:
    """The URI of the model of a job that learned from that object."""
    sagemaker = server.client("sagemaker")
    sagemaker.create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={
            "TrainingImage": "python:3.11",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python3", "-c", TRAIN],
        },
        HyperParameters={"depth": "3"},
        RoleArn=ROLE,
        InputDataConfig=[
            {"ChannelName": "train", "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}}
        ],
        OutputDataConfig={"S3OutputPath": f"s3://descent/models/{name}"},
        ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )
    ended = eventually(
        lambda: (
            (found := sagemaker.describe_training_job(TrainingJobName=name))["TrainingJobStatus"] == "Completed"
            and found
        )
    )
    return str(ended["ModelArtifacts"]["S3ModelArtifacts"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on which data was trained upon, registered, approved, and then replaced."""
    running = Server(tmp_path_factory.mktemp("descent") / "data").start()
    s3, sagemaker = running.client("s3"), running.client("sagemaker")
    s3.create_bucket(Bucket="descent")
    s3.put_object(Bucket="descent", Key="in/data.csv", Body=b"1,2\n")
    first = trained(running, "first", "s3://descent/in/data.csv")
    s3.put_object(Bucket="descent", Key="copy/data.csv", Body=b"1,2\n")
    trained(running, "elsewhere", "s3://descent/copy/data.csv")
    s3.put_object(Bucket="descent", Key="in/data.csv", Body=b"other,bytes\n")
    trained(running, "later", "s3://descent/in/data.csv")
    sagemaker.create_model_package_group(ModelPackageGroupName="group")
    package = sagemaker.create_model_package(
        ModelPackageGroupName="group",
        InferenceSpecification={
            "Containers": [{"Image": "python:3.11", "ModelDataUrl": first}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        MetadataProperties={"CommitId": "abc123"},
    )["ModelPackageArn"]
    sagemaker.update_model_package(
        ModelPackageArn=package, ModelApprovalStatus="Approved", ApprovalDescription="looks good"
    )
    yield running
    assert running.stop() == 0


def test_from_an_approved_package_to_its_data(server: Server) -> None:
    text = asked(server, "blame", "group/1").stdout
    assert text.startswith("model package group/1  Approved\n")
    assert "by SageMakerRole/stepwell: looks good" in text
    assert "commit id       abc123" in text
    assert "made by training job first  Completed" in text
    assert "hyperparameters depth = 3" in text
    assert "CHANGED SINCE: other bytes since" in text
    assert "these bytes are kept" in text
    found = told(server, "blame", "group", "--json")
    (job,) = found["jobs"]
    (data,) = job["read"]
    assert (data["uri"], data["size"], data["now"]) == ("s3://descent/in/data.csv", 4, "changed")
    assert found["package"]["models"][0]["maker"]["arn"] == job["arn"]


def test_an_object_that_no_job_made(server: Server) -> None:
    text = asked(server, "blame", "s3://descent/in").stdout
    assert "s3://descent/in/data.csv" in text
    assert "by a client" in text


def test_what_descends_goes_by_bytes(server: Server) -> None:
    now = told(server, "recall", "s3://descent/in", "--json")
    assert [job["arn"].rpartition("/")[2] for job in now["jobs"]] == ["later"]
    assert now["packages"] == []
    assert now["others"] == [1, 2]
    ever = told(server, "recall", "s3://descent/in", "--ever", "--json")
    assert {job["arn"].rpartition("/")[2] for job in ever["jobs"]} == {"first", "elsewhere", "later"}
    (old,) = [each for each in ever["data"] if each["size"] == 4]
    text = asked(server, "recall", old["blob"][:12]).stdout
    assert "APPROVED MODEL PACKAGES: act on these (1)\n  group/1  Approved" in text
    assert "its model comes from training-job/first" in text
    assert "training-job/elsewhere" in text
    assert "training-job/later" not in text


def test_the_picture(server: Server) -> None:
    up = asked(server, "lineage", "group/1", "--up").stdout.splitlines()[2:]
    assert up[:6] == [
        "came from (6 entities)",
        "|- Image  python:3.11",
        "|- Model  s3://descent/models/first/first/output/model.tar.gz",
        "|  `- training job  first",
        "|     |- Image  python:3.11",
        "|     `- DataSet  s3://descent/in/data.csv",
    ]
    assert [line[: line.index("-1-")] for line in up[6:]] == ["|- approval  group", "`- approval  group"]
    down = asked(server, "lineage", "s3://descent/in/data.csv", "--down").stdout
    assert "model package group  group" in down
    graph = told(server, "lineage", "first", "--format", "json")
    assert graph["StartArn"].endswith("experiment-trial-component/first-aws-training-job")
    assert {each["AssociationType"] for each in graph["Edges"]} >= {"ContributedTo", "Produced"}
    assert asked(server, "lineage", "first", "--format", "dot").stdout.startswith("digraph lineage {")


def test_artifacts_groups_and_places_below_them(server: Server) -> None:
    sagemaker = server.client("sagemaker")
    (data,) = sagemaker.list_artifacts(SourceUri="s3://descent/in/data.csv")["ArtifactSummaries"]
    (image,) = sagemaker.list_artifacts(SourceUri="python:3.11")["ArtifactSummaries"]
    group = sagemaker.describe_model_package_group(ModelPackageGroupName="group")["ModelPackageGroupArn"]
    assert "s3://descent/in/data.csv" in asked(server, "blame", data["ArtifactArn"]).stdout
    assert "training-job/later" in asked(server, "recall", data["ArtifactArn"]).stdout
    assert "which is not in S3" in asked(server, "recall", image["ArtifactArn"]).stderr
    assert "neither a job" in asked(server, "blame", group).stderr
    assert asked(server, "blame", "deadbeef").stderr == (
        "stepwell: ask for the descent of a hash with: stepwell recall deadbeef\n"
    )
    for text in (data["ArtifactArn"], "s3://descent/in/data.csv/below"):
        assert asked(server, "lineage", text, "--up").stdout.endswith("\n\ncame from nothing\n")
    assert "context/group-aws-model-group" in asked(server, "lineage", group, "--up", "--depth", "1").stdout
    assert "There is more" in asked(server, "lineage", "group-aws-model-group", "--up", "--depth", "2").stdout


@pytest.mark.parametrize("command", ["blame", "recall", "lineage"])
def test_what_is_not_there(server: Server, command: str) -> None:
    done = asked(server, command, "frist")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Did you mean 'first'?" in done.stderr
    done = asked(server, command, "s3://descent/nothing/here")
    assert (done.returncode, done.stdout) == (1, "")


def test_collecting_beside_the_server(server: Server) -> None:
    s3 = server.client("s3")
    s3.put_object(Bucket="descent", Key="junk", Body=b"junk that nobody reads")
    for key in ("junk", "copy/data.csv"):
        s3.delete_object(Bucket="descent", Key=key)
    assert told(server, "gc", "--dry-run", "--json")["NotNeeded"] == {}
    grown_old(server.data / "blobs")
    assert told(server, "gc", "--json")["Deleted"] == {}, "a row let go of it a moment ago"
    used = told(server, "gc", "--dry-run", "--keep-days", "0", "--json")["Needed"]
    assert used["let go just now"]["blobs"] >= 1
    assert used["package"]["blobs"] >= 1, "what the package was made of was replaced in its bucket"
    assert "CHANGED SINCE" in asked(server, "blame", "group/1").stdout
    assert s3.get_object(Bucket="descent", Key="in/data.csv")["Body"].read() == b"other,bytes\n"


def grown_old(blobs: Path) -> None:
    """As if all of them had been put some hours ago."""
    for path in blobs.glob("[0-9a-f][0-9a-f]/*"):
        found = path.stat()
        os.utime(path, (found.st_atime - HOURS, found.st_mtime - HOURS))
