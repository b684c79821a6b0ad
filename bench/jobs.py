"""What a job costs when it does nothing: it runs `true`, with one input of 1 KiB and one output.

In: a running Stepwell. Out: for each span of a job's life the seconds of every measured job, told from the times that
Describe answers (the server's clock is ours: same machine). A Training job says more than a Processing job: it has
secondary statuses.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, TypeAlias

from peers import Peer

BUCKET = "bench-jobs"
IMAGE = "python:3.11"
POLL_SECONDS = 0.004
LIMIT_SECONDS = 60.0

Spans: TypeAlias = dict[str, list[float]]
"""Name of a span -> its seconds in every job."""


def prepare(peer: Peer) -> str:
    """Make the bucket and the input; answers the role to run jobs as."""
    s3 = peer.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="input/data", Body=os.urandom(1024))
    account = peer.client("sts").get_caller_identity()["Account"]
    return f"arn:aws:iam::{account}:role/SageMakerRole"


def run_jobs(run_job: Callable[[Any, str, str], dict[str, float]], peer: Peer, role: str, count: int) -> Spans:
    """Run `count` jobs one after another; the first two (the image's environment is built) are not counted."""
    spans: Spans = {}
    for number in range(count + 2):
        measured = run_job(peer.client("sagemaker"), f"bench-{number}", role)
        for name, value in measured.items() if number >= 2 else ():
            spans.setdefault(name, []).append(value)
    return spans


def run_processing(sagemaker: Any, name: str, role: str) -> dict[str, float]:
    """One Processing job from its Create call to the Describe call that sees it Completed."""
    begun = time.time()
    sagemaker.create_processing_job(**processing(name, role))
    called = time.time()
    job = finished(lambda: sagemaker.describe_processing_job(ProcessingJobName=name), "ProcessingJobStatus")
    seen = time.time()
    created, started, ended = (
        job[key].timestamp() for key in ("CreationTime", "ProcessingStartTime", "ProcessingEndTime")
    )
    return {
        "create call": called - begun,
        "created -> started": started - created,
        "started -> ended": ended - started,
        "ended -> seen": seen - ended,
        "whole": seen - begun,
    }


def run_training(sagemaker: Any, name: str, role: str) -> dict[str, float]:
    """One Training job: how long each of its secondary statuses lasted."""
    sagemaker.create_training_job(**training(name, role))
    job = finished(lambda: sagemaker.describe_training_job(TrainingJobName=name), "TrainingJobStatus")
    return {
        each["Status"]: (each["EndTime"] - each["StartTime"]).total_seconds()
        for each in job["SecondaryStatusTransitions"]
        if each["Status"] != "Completed"
    }


def finished(describe: Callable[[], dict[str, Any]], member: str) -> dict[str, Any]:
    """Describe a job until it has ended; anything but Completed ends the benchmark."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        job = describe()
        if job[member] == "Completed":
            return job
        if job[member] not in ("InProgress", "Stopping"):
            raise SystemExit(f"a job is {job[member]}: {job.get('FailureReason', '')}")
        time.sleep(POLL_SECONDS)
    raise SystemExit(f"a job has not ended after {LIMIT_SECONDS:g} s")


def processing(name: str, role: str) -> dict[str, Any]:
    return {
        "ProcessingJobName": name,
        "RoleArn": role,
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["true"]},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
        "ProcessingInputs": [
            {
                "InputName": "input",
                "S3Input": {
                    "S3Uri": f"s3://{BUCKET}/input",
                    "LocalPath": "/opt/ml/processing/input",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "output",
                    "S3Output": {
                        "S3Uri": f"s3://{BUCKET}/output/{name}",
                        "LocalPath": "/opt/ml/processing/output",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
    }


def training(name: str, role: str) -> dict[str, Any]:
    return {
        "TrainingJobName": name,
        "RoleArn": role,
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["true"],
        },
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/input"}},
            }
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
    }
