"""A small pipeline that prepares, learns, evaluates and decides, for tests of what differs between its executions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from served import ROLE, Server, ended_execution

ROWS = "".join(f"{number},{number * 7 % 13},{number % 2}\n" for number in range(50))
PREPARE = "set -e\ncat /opt/ml/processing/data/*.csv > /opt/ml/processing/train/all.csv\n"
TRAIN = """\
import hashlib, json, os

data = open("/opt/ml/input/data/train/all.csv", "rb").read()
auc = 0.5 + int(os.environ["DEPTH"]) / 100
print(f"auc={auc}")
json.dump({"metrics": {"auc": auc, "rows": data.count(b"\\n")}}, open("/opt/ml/model/result.json", "w"))
open("/opt/ml/model/weights", "wb").write(hashlib.sha256(data + os.environ["DEPTH"].encode()).digest())
"""
EVALUATE = "cd /opt/ml/processing && tar xzf model/model.tar.gz && cp result.json report/evaluation.json"


def get(path: str) -> dict[str, str]:
    return {"Get": path}


def own(bucket: str, name: str) -> dict[str, Any]:
    """A place of the execution."""
    return {"Std:Join": {"On": "/", "Values": [f"s3://{bucket}/runs", get("Execution.PipelineExecutionId"), name]}}


def processing(name: str, command: list[str], inputs: dict[str, Any], output: str, place: Any) -> dict[str, Any]:
    cluster = {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}

    def where(channel: str, uri: Any) -> dict[str, Any]:
        return {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/{channel}"}

    read = {"S3DataType": "S3Prefix", "S3InputMode": "File"}
    arguments = {
        "ProcessingResources": {"ClusterConfig": cluster},
        "AppSpecification": {"ImageUri": "python:3.11", "ContainerEntrypoint": command},
        "ProcessingInputs": [
            {"InputName": channel, "S3Input": {**where(channel, uri), **read}} for channel, uri in inputs.items()
        ],
        "ProcessingOutputConfig": {
            "Outputs": [{"OutputName": output, "S3Output": {**where(output, place), "S3UploadMode": "EndOfJob"}}]
        },
        "RoleArn": ROLE,
    }
    return {"Name": name, "Type": "Processing", "Arguments": arguments}


def training(bucket: str) -> dict[str, Any]:
    def channel(name: str, uri: Any) -> dict[str, Any]:
        return {"ChannelName": name, "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}}

    arguments = {
        "AlgorithmSpecification": {
            "TrainingImage": "python:3.11",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python3", "/opt/ml/input/data/code/train.py"],
            "MetricDefinitions": [{"Name": "auc", "Regex": "auc=([0-9.]+)"}],
        },
        "HyperParameters": {"depth": get("Parameters.Depth")},
        "Environment": {"DEPTH": get("Parameters.Depth")},
        "InputDataConfig": [
            channel("train", get("Steps.Prepare.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri")),
            channel("code", f"s3://{bucket}/code/train.py"),
        ],
        "OutputDataConfig": {"S3OutputPath": own(bucket, "models")},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "RoleArn": ROLE,
    }
    return {"Name": "Train", "Type": "Training", "Arguments": arguments}


def definition(bucket: str) -> dict[str, Any]:
    model = get("Steps.Train.ModelArtifacts.S3ModelArtifacts")
    code, data = f"s3://{bucket}/code/prepare.sh", f"s3://{bucket}/data"
    report = {"PropertyFileName": "report", "OutputName": "report", "FilePath": "evaluation.json"}
    auc = {"Std:JsonGet": {"PropertyFile": get("Steps.Evaluate.PropertyFiles.report"), "Path": "metrics.auc"}}
    serving = {"SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]}
    register = {
        "ModelPackageGroupName": bucket,
        "InferenceSpecification": {"Containers": [{"Image": "python:3.11", "ModelDataUrl": model}], **serving},
    }
    prepare = ["/bin/sh", "/opt/ml/processing/code/prepare.sh"]
    return {
        "Version": "2020-12-01",
        "Parameters": [{"Name": "Depth", "Type": "Integer", "DefaultValue": 3}],
        "Steps": [
            processing("Prepare", prepare, {"code": code, "data": data}, "train", own(bucket, "train")),
            training(bucket),
            {
                **processing(
                    "Evaluate", ["/bin/sh", "-c", EVALUATE], {"model": model}, "report", own(bucket, "report")
                ),
                "PropertyFiles": [report],
            },
            {
                "Name": "GoodEnough",
                "Type": "Condition",
                "Arguments": {
                    "Conditions": [{"Type": "GreaterThan", "LeftValue": auc, "RightValue": 0.1}],
                    "IfSteps": [{"Name": "Register", "Type": "RegisterModel", "Arguments": register}],
                    "ElseSteps": [],
                },
            },
        ],
    }


@dataclass
class Pipeline:
    """It on a server, in a bucket of its name."""

    server: Server
    name: str

    def __post_init__(self) -> None:
        self.sagemaker, self.s3 = self.server.client("sagemaker"), self.server.client("s3")
        self.s3.create_bucket(Bucket=self.name)
        for key, text in (("data/rows.csv", ROWS), ("code/prepare.sh", PREPARE), ("code/train.py", TRAIN)):
            self.put(key, text)
        text = json.dumps(definition(self.name))
        self.sagemaker.create_pipeline(PipelineName=self.name, PipelineDefinition=text, RoleArn=ROLE)

    def put(self, key: str, text: str) -> None:
        self.s3.put_object(Bucket=self.name, Key=key, Body=text.encode())

    def run(self, **parameters: int) -> str:
        """The ARN of an execution that has succeeded."""
        given = [{"Name": name, "Value": str(value)} for name, value in parameters.items()]
        arn = self.sagemaker.start_pipeline_execution(PipelineName=self.name, PipelineParameters=given)
        ended = ended_execution(self.sagemaker, arn["PipelineExecutionArn"])
        assert ended["PipelineExecutionStatus"] == "Succeeded", ended
        return str(ended["PipelineExecutionArn"])
