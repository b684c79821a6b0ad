"""kill -9 for the server while jobs are in every phase: each still runs once, and ends as it should."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from served import FINAL, ROLE, Server

JOBS = 8
KILLS = 5


def create(client: Any, name: str, seconds: float) -> None:
    script = f"echo $HOSTNAME >> /opt/ml/processing/out/runs; sleep {seconds}"
    client.create_processing_job(
        ProcessingJobName=name,
        AppSpecification={"ImageUri": "python:3.11", "ContainerEntrypoint": ["bash", "-c", script]},
        ProcessingResources={
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.t3.medium", "VolumeSizeInGB": 1}
        },
        ProcessingInputs=[
            {
                "InputName": "in",
                "S3Input": {
                    "S3Uri": "s3://chaos/in",
                    "LocalPath": "/opt/ml/processing/in",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
        ],
        ProcessingOutputConfig={
            "Outputs": [
                {
                    "OutputName": "out",
                    "S3Output": {
                        "S3Uri": f"s3://chaos/{name}",
                        "LocalPath": "/opt/ml/processing/out",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
        RoleArn=ROLE,
    )


@pytest.mark.chaos
def test_jobs_survive_a_server_that_is_killed(own_server: Server) -> None:
    chance = random.Random(3)
    s3 = own_server.client("s3")
    s3.create_bucket(Bucket="chaos")
    for number in range(40):
        s3.put_object(Bucket="chaos", Key=f"in/{number}", Body=b"x" * 1000)
    names = [f"job-{number}" for number in range(JOBS)]
    sagemaker = own_server.client("sagemaker")
    for name in names:
        create(sagemaker, name, chance.uniform(0, 2))
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.02, 0.4))
        own_server.kill()
        own_server.start()
    sagemaker, s3 = own_server.client("sagemaker"), own_server.client("s3")
    give_up = time.monotonic() + 120
    pending = set(names)
    while pending and time.monotonic() < give_up:
        answers = {name: sagemaker.describe_processing_job(ProcessingJobName=name) for name in pending}
        pending = {name for name, job in answers.items() if job["ProcessingJobStatus"] not in FINAL}
        time.sleep(0.05)
    for name in names:
        job = sagemaker.describe_processing_job(ProcessingJobName=name)
        assert (job["ProcessingJobStatus"], job.get("FailureReason")) == ("Completed", None)
        assert s3.get_object(Bucket="chaos", Key=f"{name}/runs")["Body"].read() == b"algo-1\n"
