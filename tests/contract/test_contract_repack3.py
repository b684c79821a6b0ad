"""Repacking steps of the SageMaker SDK 3: done at once, and exactly as the SDK's script does it in a container."""

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

USER = Path(__file__).with_name("repack3_user.py")
DONE = "no container ran"


@pytest.fixture(scope="module")
def client() -> Path:
    """The Python of a client's environment with SageMaker SDK 3; skips where it cannot be installed."""
    cache = Path.home() / ".cache" / "stepwell" / "clients"
    try:
        return demo_client.client_python(Console(quiet=True), cache, demo_client.SDK_3)
    except demo_client.Disproof as problem:
        pytest.skip(str(problem))


def archive() -> bytes:
    """A model as a training job may leave it, with permissions and times that must not get lost."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as members:
        for name, mode, text in (
            ("./model.bin", 0o664, b"weights" * 999),
            ("tools/run", 0o777, b"#!/bin/sh\n"),
            ("code/inference.py", 0o600, b"raise SystemExit('the old one')\n"),
            ("code/old.py", 0o644, b""),
        ):
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(text), mode, 1_600_000_000
            members.addfile(member, io.BytesIO(text))
        folder = tarfile.TarInfo("empty")
        folder.type, folder.mode, folder.mtime = tarfile.DIRTYPE, 0o775, 1_500_000_000
        members.addfile(folder)
    return data.getvalue()


def described(server: Server, name: str) -> dict[str, Any]:
    return dict(server.client("sagemaker").describe_training_job(TrainingJobName=name))


def model(server: Server, job: dict[str, Any]) -> dict[str, tuple[int, int, str]]:
    """Permissions, time and hash of every member; the time of code is that of its staging, which is left out."""
    bucket, _, key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").partition("/")
    data = server.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as members:
        return {
            each.name: (each.mode, 0 if each.name.startswith("code/") else int(each.mtime), content(members, each))
            for each in members
        }


def content(members: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    file = members.extractfile(member)
    return hashlib.sha256(file.read()).hexdigest() if file else "a folder"


def log(server: Server, name: str) -> str:
    group, logs = "/aws/sagemaker/TrainingJobs", server.client("logs")
    (stream,) = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
    events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)
    return "\n".join(event["message"] for event in events["events"])


def run_in_a_container(server: Server, like: dict[str, Any], name: str) -> dict[str, Any]:
    """The same job with a script that is not the SDK's to the letter."""
    s3, channels = server.client("s3"), like["InputDataConfig"]
    (code,) = (each for each in channels if each["ChannelName"] == "code")
    source = code["DataSource"]["S3DataSource"]
    bucket, _, prefix = source["S3Uri"].removeprefix("s3://").partition("/")
    for item in s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]:
        data = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
        more = b"\n# another script\n" if item["Key"].endswith("_repack_model.py") else b""
        s3.put_object(Bucket=bucket, Key=item["Key"].replace(prefix, name), Body=data + more)
    source["S3Uri"] = f"s3://{bucket}/{name}"
    asked = ("HyperParameters", "AlgorithmSpecification", "RoleArn", "ResourceConfig", "StoppingCondition")
    server.client("sagemaker").create_training_job(
        TrainingJobName=name,
        InputDataConfig=channels,
        OutputDataConfig={"S3OutputPath": f"s3://{bucket}/out"},
        **{member: like[member] for member in asked},
    )
    eventually(lambda: described(server, name)["TrainingJobStatus"] not in ("InProgress", "Stopping"))
    return described(server, name)


def test_what_the_script_makes_in_a_container_is_made_without_one(
    server: Server, client: Path, tmp_path: Path
) -> None:
    (tmp_path / "model.tar.gz").write_bytes(archive())
    reached = connection.access(server.data)
    assert reached
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STEPWELL_"))}
    done = subprocess.run(
        [str(client), str(USER), ROLE, str(tmp_path / "model.tar.gz")],
        env={**own, **connection.variables(server.data, reached, own)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    (name,) = json.loads(done.stdout.splitlines()[-1])
    job = described(server, name)
    assert job["TrainingJobStatus"] == "Completed"
    assert DONE in log(server, name)
    again = run_in_a_container(server, described(server, name), "in-a-container")
    assert again["TrainingJobStatus"] == "Completed", again.get("FailureReason")
    assert DONE not in log(server, "in-a-container")
    ours, theirs = model(server, job), model(server, again)
    for members in (ours, theirs):
        members["code/_repack_model.py"] = (*members["code/_repack_model.py"][:2], "differs on purpose")
    assert ours == theirs
    assert {"model.bin", "code/inference.py", "code/inner/more.py", "tools/run", "empty"} <= ours.keys()
    assert "code/old.py" not in ours
