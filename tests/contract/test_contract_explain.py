"""`stepwell explain` about executions that really ran, asked as a user would: in another process than the server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from served import ROLE, Server, ended_execution

pytestmark = pytest.mark.contract

CACHE = {"Enabled": True, "ExpireAfter": "P1D"}


def processing(name: str, **members: Any) -> dict[str, Any]:
    """A Processing step that reads its code and its data from where parameters say."""
    cluster = {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}
    arguments = {
        "ProcessingResources": {"ClusterConfig": cluster},
        "AppSpecification": {
            "ImageUri": "python:3.11",
            "ContainerEntrypoint": ["/bin/sh", "/opt/ml/processing/code/run.sh"],
        },
        "Environment": {"COLOUR": {"Get": "Parameters.Colour"}},
        "ProcessingInputs": [read("code", "Code"), read("data", "Data")],
        "RoleArn": ROLE,
    }
    return {"Name": name, "Type": "Processing", "Arguments": arguments, **members}


def read(name: str, parameter: str) -> dict[str, Any]:
    place = {
        "S3Uri": {"Get": f"Parameters.{parameter}"},
        "LocalPath": f"/opt/ml/processing/{name}",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
    }
    return {"InputName": name, "S3Input": place}


DEFINITION = {
    "Version": "2020-12-01",
    "Parameters": [
        {"Name": "Colour", "Type": "String", "DefaultValue": "red"},
        {"Name": "Code", "Type": "String", "DefaultValue": "s3://explained/one/run.sh"},
        {"Name": "Data", "Type": "String", "DefaultValue": "s3://explained/data"},
    ],
    "Steps": [
        processing("Cached", CacheConfig=CACHE),
        processing("Plain"),
        {
            "Name": "Check",
            "Type": "Condition",
            "Arguments": {
                "Conditions": [
                    {"Type": "Equals", "LeftValue": {"Get": "Parameters.Colour"}, "RightValue": "never"},
                ],
                "IfSteps": [processing("Untaken", CacheConfig=CACHE)],
                "ElseSteps": [],
            },
        },
    ],
}


def asked(data: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What the command prints about a data folder."""
    command = [sys.executable, "-m", "stepwell.cli.main", "explain", "--data", str(data), *words]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STEPWELL_"))}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def told(data: Path, *words: str) -> dict[str, dict[str, Any]]:
    """The explanations by step."""
    answer = asked(data, *words, "--json")
    assert answer.returncode == 0, answer.stderr
    return {step["step"]: step for step in json.loads(answer.stdout)["steps"]}


class Explained:
    """A pipeline whose executions are explained."""

    def __init__(self, server: Server) -> None:
        self.data = server.data
        self.s3 = server.client("s3")
        self.sagemaker = server.client("sagemaker")
        self.s3.create_bucket(Bucket="explained")
        self.put("one/run.sh", b"exit 0\n")
        self.put("data/rows", b"1,2\n")
        text = json.dumps(DEFINITION)
        self.sagemaker.create_pipeline(PipelineName="explained", PipelineDefinition=text, RoleArn=ROLE)

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket="explained", Key=key, Body=body)

    def run(self, **parameters: str) -> str:
        given = [{"Name": name, "Value": value} for name, value in parameters.items()]
        started = self.sagemaker.start_pipeline_execution(PipelineName="explained", PipelineParameters=given)
        ended = ended_execution(self.sagemaker, started["PipelineExecutionArn"])
        assert ended["PipelineExecutionStatus"] == "Succeeded"
        return str(ended["PipelineExecutionArn"])


def test_the_life_of_a_cache(server: Server) -> None:
    pipeline = Explained(server)
    first = pipeline.run()
    steps = told(pipeline.data, first)
    assert {name: step["verdict"] for name, step in steps.items()} == {
        "Cached": "miss",
        "Plain": "not cached",
        "Check": "not cacheable",
        "Untaken": "not run",
    }
    assert steps["Cached"]["because"] == "there is no earlier run of it"

    second = pipeline.run()
    hit = told(pipeline.data, second)["Cached"]
    assert (hit["verdict"], hit["earlier"]["execution"]) == ("hit", first)
    assert (hit["earlier"]["differences"], hit["earlier"]["changed_data"]) == ([], [])

    pipeline.put("two/run.sh", b"exit 0\n")
    arn = pipeline.run(Code="s3://explained/two/run.sh")
    moved = told(pipeline.data, arn, "Cached")["Cached"]
    assert "the bytes are the same: only the URI changed" in asked(pipeline.data, arn).stdout
    assert (moved["verdict"], moved["earlier"]["execution"]) == ("miss", first)
    assert moved["earlier"]["differences"] == [
        {
            "pointer": "/ProcessingInputs/0/S3Input/S3Uri",
            "before": "s3://explained/one/run.sh",
            "after": "s3://explained/two/run.sh",
            "content": "same",
            "names_execution": False,
        }
    ]

    pipeline.put("three/run.sh", b"exit 0 # other bytes\n")
    pipeline.put("data/rows", b"1,3\n")
    other = told(pipeline.data, pipeline.run(Code="s3://explained/three/run.sh", Colour="blue"))["Cached"]
    assert [(each["pointer"], each["content"]) for each in other["earlier"]["differences"]] == [
        ("/Environment/COLOUR", None),
        ("/ProcessingInputs/0/S3Input/S3Uri", "changed"),
    ]
    assert other["earlier"]["changed_data"] == ["s3://explained/data"]
    assert told(pipeline.data, "explained")["Cached"] == other, "a pipeline's name is its latest execution"
    page = asked(pipeline.data, "explained", "Cached").stdout
    assert "Did you mean 'Cached'?" in asked(pipeline.data, "explained", "Cachd").stderr
    assert "        - red\n        + blue\n" in page
    assert "the bytes changed too" in page

    stale = told(pipeline.data, pipeline.run())["Cached"]
    assert stale["verdict"] == "hit"
    assert stale["because"].endswith("; its data has changed since")
    assert stale["earlier"]["changed_data"] == ["s3://explained/data"]


def test_what_does_not_exist(server: Server, tmp_path: Path) -> None:
    for words, said in (
        (("nothing",), "There is no execution 'nothing' in us-east-1."),
        (("arn:aws:sagemaker:us-east-1:123456789012:pipeline/no/execution/no",), "does not exist."),
        (("nonsense/x/y",), "There is no execution 'nonsense/x/y'"),
    ):
        answer = asked(server.data, *words)
        assert (answer.returncode, answer.stdout) == (1, "")
        assert said in answer.stderr
    answer = asked(tmp_path / "empty", "any")
    assert answer.returncode == 1
    assert "there is no data in" in answer.stderr
    assert not (tmp_path / "empty").exists()
