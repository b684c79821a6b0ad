"""Repacking steps of the SageMaker SDK: done at once, and exactly as the SDK's own script does it in a container."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from served import ROLE, Server, eventually
from stepwell.cli import connection, demo_client

pytestmark = [pytest.mark.contract, pytest.mark.timeout(600)]

USER = Path(__file__).with_name("repack_user.py")
DONE = "no container ran"


@pytest.fixture(scope="module")
def client() -> Path:
    """The Python of the examples' client environment: SageMaker SDK 2."""
    return demo_client.client_python(Console(quiet=True), Path.home() / ".cache" / "stepwell" / "clients")


@pytest.fixture(scope="module")
def jobs(server: Server, client: Path) -> dict[str, str]:
    """The repacking jobs that the SDK had made, by way of giving the code."""
    reached = connection.access(server.data)
    assert reached
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STEPWELL_"))}
    environment = {**own, **connection.variables(server.data, reached, own)}
    done = subprocess.run(
        [str(client), str(USER), ROLE], env=environment, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def described(server: Server, name: str) -> dict[str, Any]:
    return dict(server.client("sagemaker").describe_training_job(TrainingJobName=name))


def stored(server: Server, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bytes(server.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())


def model(server: Server, name: str) -> dict[str, tuple[int, int, str]]:
    """Permissions, time and hash of every member; folders have none."""
    data = stored(server, described(server, name)["ModelArtifacts"]["S3ModelArtifacts"])
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as members:
        return {each.name: (each.mode, int(each.mtime), content(members, each)) for each in members}


def content(members: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    file = members.extractfile(member)
    return hashlib.sha256(file.read()).hexdigest() if file else "a folder"


def log(server: Server, name: str) -> str:
    group = "/aws/sagemaker/TrainingJobs"
    logs = server.client("logs")
    (stream,) = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
    events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)
    return "\n".join(event["message"] for event in events["events"])


def create(
    server: Server, like: dict[str, Any], name: str, *, code: bytes | None = None, model: bytes | None = None
) -> None:
    """A job like that one, with other code or another model; its buckets are there."""
    hyperparameters, channels = dict(like["HyperParameters"]), like["InputDataConfig"]
    s3 = server.client("s3")
    if code is not None:
        s3.put_object(Bucket="repacks", Key=f"{name}/code.tar.gz", Body=code)
        hyperparameters["sagemaker_submit_directory"] = json.dumps(f"s3://repacks/{name}/code.tar.gz")
    if model is not None:
        s3.put_object(Bucket="repacks", Key=f"{name}/model.tar.gz", Body=model)
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://repacks/{name}/model.tar.gz"}
        channels = [{"ChannelName": "training", "DataSource": {"S3DataSource": source}}]
    server.client("sagemaker").create_training_job(
        TrainingJobName=name,
        HyperParameters=hyperparameters,
        AlgorithmSpecification=like["AlgorithmSpecification"],
        RoleArn=like["RoleArn"],
        InputDataConfig=channels,
        OutputDataConfig={"S3OutputPath": "s3://repacks/out"},
        ResourceConfig=like["ResourceConfig"],
        StoppingCondition=like["StoppingCondition"],
    )


def ended(server: Server, name: str) -> dict[str, Any]:
    eventually(lambda: described(server, name)["TrainingJobStatus"] not in ("InProgress", "Stopping"))
    return described(server, name)


def code_of(server: Server, job: dict[str, Any]) -> bytes:
    return stored(server, json.loads(job["HyperParameters"]["sagemaker_submit_directory"]))


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz", compresslevel=1) as new:
        for member, data in members:
            member.size = len(data)
            new.addfile(member, io.BytesIO(data))
    return target.getvalue()


def with_longer_script(code: bytes) -> bytes:
    """The same code with a script that is not the SDK's to the letter."""
    with tarfile.open(fileobj=io.BytesIO(code)) as old:
        members = [(each, file.read() if (file := old.extractfile(each)) else b"") for each in old]
    more = b"\n# another script\n"
    return archive(*((m, data + more if m.name.endswith("_repack_model.py") else data) for m, data in members))


@pytest.fixture
def bucket(server: Server) -> None:
    server.client("s3").create_bucket(Bucket="repacks")


@pytest.mark.parametrize("way", ["alone", "folder", "file", "library"])
def test_what_the_script_makes_in_a_container_is_made_without_one(
    server: Server, jobs: dict[str, str], way: str, bucket: None
) -> None:
    name = jobs[way]
    job = described(server, name)
    assert job["TrainingJobStatus"] == "Completed"
    passed = [each["Status"] for each in job["SecondaryStatusTransitions"]]
    assert passed == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert DONE in log(server, name)
    again = f"{way}-in-a-container"
    create(server, job, again, code=with_longer_script(code_of(server, job)))
    assert ended(server, again)["TrainingJobStatus"] == "Completed"
    assert DONE not in log(server, again)
    ours, theirs = model(server, name), model(server, again)
    for members in (ours, theirs):
        for path in [path for path in members if path.endswith("_repack_model.py")]:
            members[path] = (*members[path][:2], "differs on purpose")
    assert ours == theirs
    assert {"model.bin", "code/inference.py", "empty"} <= ours.keys()


def test_an_unusual_model_goes_to_a_container(server: Server, jobs: dict[str, str], bucket: None) -> None:
    link = tarfile.TarInfo("latest")
    link.type, link.linkname = tarfile.SYMTYPE, "model.bin"
    create(
        server,
        described(server, jobs["alone"]),
        "with-a-link",
        model=archive((tarfile.TarInfo("model.bin"), b"weights"), (link, b"")),
    )
    assert ended(server, "with-a-link")["TrainingJobStatus"] == "Completed"
    assert "so a container runs it" in log(server, "with-a-link")
    assert {"model.bin", "latest", "code/inference.py"} <= model(server, "with-a-link").keys()


def test_a_model_that_is_not_there_fails_as_ever(server: Server, jobs: dict[str, str], bucket: None) -> None:
    create(server, described(server, jobs["alone"]), "damaged", model=b"no archive")
    found = ended(server, "damaged")
    assert found["TrainingJobStatus"] == "Failed"
    assert "ReadError: not a gzip file" in found["FailureReason"]


def test_a_repack_outlives_a_kill(server: Server, own_server: Server, jobs: dict[str, str]) -> None:
    job = described(server, jobs["folder"])
    own_server.client("s3").create_bucket(Bucket="repacks")
    weights = os.urandom(48 << 20)
    create(
        own_server,
        job,
        "killed",
        code=code_of(server, job),
        model=archive((tarfile.TarInfo("model.bin"), weights)),
    )
    eventually(lambda: described(own_server, "killed")["SecondaryStatus"] in ("Downloading", "Training", "Uploading"))
    own_server.kill()
    own_server.start()
    assert ended(own_server, "killed")["TrainingJobStatus"] == "Completed"
    assert DONE in log(own_server, "killed")
    assert model(own_server, "killed")["model.bin"][2] == hashlib.sha256(weights).hexdigest()
