"""kill -9 at random moments of an execution: nothing is lost, and no job runs twice.

Every job writes an object whose name nobody chose before, so a job that ran twice leaves two.
"""

from __future__ import annotations

import json
import random
import time
from typing import Any

import pytest

from served import ROLE, Server, ended_execution, steps_of

pytestmark = pytest.mark.chaos

KILLS = 8
SCRIPT = (
    "set -e; d=/opt/ml/processing/out; mkdir -p $d; "
    "cat /proc/sys/kernel/random/uuid > $d/$(cat /proc/sys/kernel/random/uuid); sleep 0.3"
)


def step(name: str, after: list[str]) -> dict[str, Any]:
    output = {
        "OutputName": "out",
        "S3Output": {
            "S3Uri": {
                "Std:Join": {"On": "/", "Values": ["s3://chaos", {"Get": "Execution.PipelineExecutionId"}, name]}
            },
            "LocalPath": "/opt/ml/processing/out",
            "S3UploadMode": "EndOfJob",
        },
    }
    return {
        "Name": name,
        "Type": "Processing",
        "DependsOn": after,
        "Arguments": {
            "ProcessingResources": {
                "ClusterConfig": {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}
            },
            "AppSpecification": {"ImageUri": "python:3.11", "ContainerEntrypoint": ["/bin/sh", "-c", SCRIPT]},
            "ProcessingOutputConfig": {"Outputs": [output]},
        },
    }


@pytest.mark.parametrize("seed", [1, 2])
def test_every_step_is_done_exactly_once(own_server: Server, seed: int) -> None:
    moments = random.Random(seed)
    own_server.client("s3").create_bucket(Bucket="chaos")
    names = [f"S{number}" for number in range(8)]
    steps = [step(name, names[max(0, number - 2) : number]) for number, name in enumerate(names)]
    sagemaker = own_server.client("sagemaker")
    sagemaker.create_pipeline(
        PipelineName="chaos", PipelineDefinition=json.dumps({"Version": "2020-12-01", "Steps": steps}), RoleArn=ROLE
    )
    arn = sagemaker.start_pipeline_execution(PipelineName="chaos")["PipelineExecutionArn"]
    for _ in range(KILLS):
        time.sleep(moments.uniform(0, 0.7))
        own_server.kill()
        own_server.start()

    sagemaker = own_server.client("sagemaker")
    assert ended_execution(sagemaker, arn)["PipelineExecutionStatus"] == "Succeeded", steps_of(sagemaker, arn)
    assert {step["StepStatus"] for step in steps_of(sagemaker, arn).values()} == {"Succeeded"}
    prefix = arn.rpartition("/")[2]
    objects = own_server.client("s3").list_objects_v2(Bucket="chaos", Prefix=prefix)["Contents"]
    assert sorted(found["Key"].split("/")[1] for found in objects) == names
    jobs = sagemaker.list_processing_jobs(MaxResults=100)["ProcessingJobSummaries"]
    assert len(jobs) == len(names)
