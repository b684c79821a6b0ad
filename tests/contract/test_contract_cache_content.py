"""`stepwell up --cache content`: cached steps compare the bytes of their inputs, wherever these lie."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from served import ROLE, Server, ended_execution, steps_of

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module", params=["uri", "content"])
def compared(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Server]]:
    """What is compared, and a server that compares it."""
    started = Server(tmp_path_factory.mktemp("cache") / "data", options=("--cache", request.param)).start()
    started.client("s3").create_bucket(Bucket="inputs")
    yield request.param, started
    started.stop()


def ran(server: Server, uri: str) -> bool:
    """Whether the step ran for an input at that URI, and did not take an earlier result."""
    source = {"S3Uri": uri, "LocalPath": "/opt/ml/processing/in", "S3DataType": "S3Prefix", "S3InputMode": "File"}
    step = {
        "Name": "Read",
        "Type": "Processing",
        "CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"},
        "Arguments": {
            "ProcessingResources": {
                "ClusterConfig": {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}
            },
            "AppSpecification": {"ImageUri": "python:3.11", "ContainerEntrypoint": ["true"]},
            "ProcessingInputs": [{"InputName": "data", "S3Input": source}],
        },
    }
    sagemaker = server.client("sagemaker")
    definition = json.dumps({"Version": "2020-12-01", "Steps": [step]})
    if sagemaker.list_pipelines()["PipelineSummaries"]:
        sagemaker.update_pipeline(PipelineName="cached", PipelineDefinition=definition)
    else:
        sagemaker.create_pipeline(PipelineName="cached", PipelineDefinition=definition, RoleArn=ROLE)
    arn = sagemaker.start_pipeline_execution(PipelineName="cached")["PipelineExecutionArn"]
    assert ended_execution(sagemaker, arn)["PipelineExecutionStatus"] == "Succeeded"
    return "CacheHitResult" not in steps_of(sagemaker, arn)["Read"]


def test_what_is_compared_decides(compared: tuple[str, Server]) -> None:
    what, server = compared
    s3 = server.client("s3")
    s3.put_object(Bucket="inputs", Key="first/data.csv", Body=b"1,2")
    s3.put_object(Bucket="inputs", Key="second/data.csv", Body=b"1,2")
    assert ran(server, "s3://inputs/first")
    assert not ran(server, "s3://inputs/first")
    assert ran(server, "s3://inputs/second") == (what == "uri")
    s3.put_object(Bucket="inputs", Key="first/data.csv", Body=b"1,3")
    assert ran(server, "s3://inputs/first") == (what == "content")
