"""What a job costs when it does nothing: a Processing job that runs `true`, with one input and one output.

In: a running Stepwell. Out: for each span of a job's life the seconds of every measured job, told from the times in
DescribeProcessingJob (the server's clock is ours: same machine).
"""

from __future__ import annotations

import os
import time
from typing import Any

from peers import Peer

BUCKET = "bench-jobs"
IMAGE = "python:3.11"
SPANS = ("create call", "created -> started", "started -> ended", "ended -> seen", "whole")
POLL_SECONDS = 0.004
LIMIT_SECONDS = 60.0


def run_jobs(peer: Peer, count: int) -> dict[str, list[float]]:
    """Run `count` jobs one after another; the first two (building the image's environment) are not counted."""
    s3 = peer.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="input/data", Body=os.urandom(1024))
    role = f"arn:aws:iam::{peer.client('sts').get_caller_identity()['Account']}:role/SageMakerRole"
    spans: dict[str, list[float]] = {name: [] for name in SPANS}
    for number in range(count + 2):
        measured = run_job(peer.client("sagemaker"), f"bench-{number}", role)
        if number >= 2:
            for name, value in measured.items():
                spans[name].append(value)
    return spans


def run_job(sagemaker: Any, name: str, role: str) -> dict[str, float]:
    """One job from its Create call to the Describe call that sees it Completed."""
    begun = time.time()
    sagemaker.create_processing_job(**request(name, role))
    called = time.time()
    job = finished(sagemaker, name, begun + LIMIT_SECONDS)
    seen = time.time()
    if job["ProcessingJobStatus"] != "Completed":
        raise SystemExit(f"{name} is {job['ProcessingJobStatus']}: {job.get('FailureReason', '')}")
    created, started, ended = (
        job[key].timestamp() for key in ("CreationTime", "ProcessingStartTime", "ProcessingEndTime")
    )
    values = (called - begun, started - created, ended - started, seen - ended, seen - begun)
    return dict(zip(SPANS, values, strict=True))


def finished(sagemaker: Any, name: str, deadline: float) -> dict[str, Any]:
    """Describe the job until it has ended."""
    while time.time() < deadline:
        job: dict[str, Any] = sagemaker.describe_processing_job(ProcessingJobName=name)
        if job["ProcessingJobStatus"] not in ("InProgress", "Stopping"):
            return job
        time.sleep(POLL_SECONDS)
    raise SystemExit(f"{name} has not ended after {LIMIT_SECONDS:g} s")


def request(name: str, role: str) -> dict[str, Any]:
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
