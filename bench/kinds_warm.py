"""How soon the user's code runs when everything is there: environment built, warm pool kept. In: a World. Out: rows.

The user's code says itself when it runs (one machine, one clock); the rest is told by the job's secondary statuses:
"Training" begins when the job's row says that its container is to be launched.
"""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

import peers
from kinds_world import ROLE, TRAINING_LOGS, Report, World, clocks, train, verdict
from meters import middle

BUCKET = "bench-warm"
SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
CODE = b"import time\nprint(time.time(), flush=True)\n"
BUILDING_SECONDS = 100.0


def sklearn(world: World, report: Report) -> None:
    """Script mode of scikit-learn: from the Create call to the first line of the user's script."""
    peer = world.server
    _prepare(peer)
    _measured(peer, "build", _script_mode(), 0, BUILDING_SECONDS)
    found = [_measured(peer, f"cold-{n}", _script_mode(), 0) for n in range(world.size(12, 3))]
    whole = middle([each["create"] for each in found])
    report.add(
        "scikit-learn image, environment built: create to user's script",
        f"{whole * 1000:.0f} ms",
        f"of it launch to script: {middle([each['launch'] for each in found]) * 1000:.0f} ms",
        None,
        verdict("under 500 ms", whole < 0.5),
    )


def pool(world: World, report: Report) -> None:
    """Jobs one after another in a warm pool, the first of which is not counted."""
    peer = world.server
    _prepare(peer)
    for words, algorithm in (("a command", _command()), ("script mode", _script_mode())):
        kind = words.replace(" ", "-")
        found = [
            _measured(peer, f"pool-{kind}-{n}", algorithm, 20, BUILDING_SECONDS) for n in range(world.size(16, 3))
        ][1:]
        launch = middle([each["launch"] for each in found])
        report.add(
            f"warm pool, {words}: launch to user's code",
            f"{launch * 1000:.0f} ms",
            f"create to user's code: {middle([each['create'] for each in found]) * 1000:.0f} ms",
            None,
            verdict("under 50 ms", launch < 0.050),
        )
        sagemaker = peer.client("sagemaker")
        last = f"pool-{kind}-{len(found)}"
        sagemaker.update_training_job(TrainingJobName=last, ResourceConfig={"KeepAlivePeriodInSeconds": 0})


def _prepare(peer: peers.Peer) -> None:
    s3 = peer.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="in/data", Body=b"x" * 1024)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as members:
        member = tarfile.TarInfo("train.py")
        member.size = len(CODE)
        members.addfile(member, io.BytesIO(CODE))
    s3.put_object(Bucket=BUCKET, Key="code/source.tar.gz", Body=archive.getvalue())


def _script_mode() -> dict[str, Any]:
    """What the SDK's SKLearn estimator asks for."""
    submitted = {"sagemaker_program": "train.py", "sagemaker_submit_directory": f"s3://{BUCKET}/code/source.tar.gz"}
    return {
        "AlgorithmSpecification": {"TrainingImage": SKLEARN, "TrainingInputMode": "File"},
        "HyperParameters": {name: json.dumps(value) for name, value in submitted.items()},
    }


def _command() -> dict[str, Any]:
    return {
        "AlgorithmSpecification": {
            "TrainingImage": "python:3.11",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["date", "+%s.%N"],
        }
    }


def _measured(
    peer: peers.Peer, name: str, algorithm: dict[str, Any], keep_alive: int, limit: float = 30.0
) -> dict[str, float]:
    """Seconds to the user's code, from the Create call and from the beginning of "Training"."""
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/in"}}
    resources = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    request = {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "InputDataConfig": [{"ChannelName": "train", "DataSource": source}],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
        "ResourceConfig": {**resources, **({"KeepAlivePeriodInSeconds": keep_alive} if keep_alive else {})},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **algorithm,
    }
    job = train(peer, request, limit)
    ran = clocks(peer, TRAINING_LOGS, name)[0]
    launched = next(each for each in job["SecondaryStatusTransitions"] if each["Status"] == "Training")
    return {"create": ran - job["Called"], "launch": ran - launched["StartTime"].timestamp()}
