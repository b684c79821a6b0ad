"""Room tests/chaos: the pipelines that stories run (chaos_stories.py). In: where things are. Out: definitions.

Every step that runs something tells the witness for whom: its execution, or, of a step that is cached, the pair of
executions that share its result.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from served import ROLE

BUCKET = "chaos"
"""Where jobs leave what they wrote."""
PROGRAMS = "chaos-programs"
PROGRAM = f"s3://{PROGRAMS}/job.py"
CODE = "/opt/ml/processing/input/code"

EXECUTION: Any = {"Get": "Execution.PipelineExecutionId"}
PAIR: Any = {"Get": "Parameters.Pair"}
ITEM: Any = {"Get": "ForEach.CurrentItem"}
CACHE = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"}}
AGAIN = {"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "IntervalSeconds": 1, "MaxAttempts": 3}

Step = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Steps:
    """Makes steps. `port` is the witness's, `queue` that of the callback workers, `function` an ARN."""

    port: int
    queue: str
    function: str

    def job(self, name: str, cause: Any = EXECUTION, label: Any = None, **members: Any) -> Step:
        """A Processing step; `label` is the name it tells, where that is not its own."""
        told = label or name
        code = {"S3Uri": PROGRAM, "LocalPath": CODE, "S3DataType": "S3Prefix", "S3InputMode": "File"}
        uri = _joined("/", f"s3://{BUCKET}", cause, told)
        place = {"S3Uri": uri, "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
        cluster = {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}
        entrypoint = ["python", "-S", f"{CODE}/job.py"]
        arguments = {
            "ProcessingResources": {"ClusterConfig": cluster},
            "AppSpecification": {"ImageUri": "python:3.11", "ContainerEntrypoint": entrypoint},
            "Environment": {"WITNESS": str(self.port), "CAUSE": cause, "STEP": told},
            "ProcessingInputs": [{"InputName": "code", "S3Input": code}],
            "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": place}]},
            "RoleArn": ROLE,
        }
        return {"Name": name, "Type": "Processing", "Arguments": arguments, **members}

    def call(self, name: str, cause: Any = EXECUTION, label: Any = None, **members: Any) -> Step:
        """A Lambda step."""
        arguments = {"cause": cause, "step": label or name, **members.pop("Arguments", {})}
        outputs = [{"OutputName": "mark", "OutputType": "String"}]
        made = {"Type": "Lambda", "FunctionArn": self.function, "OutputParameters": outputs}
        return {"Name": name, **made, "Arguments": arguments, **members}

    def ask(self, name: str, arguments: dict[str, Any], **members: Any) -> Step:
        """A Callback step."""
        outputs = [{"OutputName": "score", "OutputType": "Float"}]
        made = {"Type": "Callback", "SqsQueueUrl": self.queue, "OutputParameters": outputs}
        return {"Name": name, **made, "Arguments": arguments, **members}


def create(sagemaker: Any, steps: Steps) -> None:
    """Make every pipeline that a story runs."""
    for name, made in (("work", work), ("loop", loop), ("lost", lost), ("broken", broken), ("stopped", stopped)):
        parameters = [{"Name": each, "Type": "String"} for each in ("Pair", "Score") if name == "work"]
        definition = {"Version": "2020-12-01", "Parameters": parameters, "Steps": made(steps)}
        sagemaker.create_pipeline(PipelineName=name, PipelineDefinition=json.dumps(definition), RoleArn=ROLE)


def work(steps: Steps) -> list[Step]:
    """Each kind of step, and what is handed from one to the next."""
    written = {"Get": "Steps.Prepare.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"}
    mark = {"Get": "Steps.Call.OutputParameters['mark']"}
    score = {"Get": "Steps.Ask.OutputParameters['score']"}
    is_enough = {"Type": "GreaterThanOrEqualTo", "LeftValue": score, "RightValue": 0.5}
    branches = {"Conditions": [is_enough], "IfSteps": [steps.job("Then")], "ElseSteps": [steps.job("Otherwise")]}
    return [
        steps.job("Prepare"),
        steps.call("Call", Arguments={"uri": written}),
        steps.ask("Ask", {"score": {"Get": "Parameters.Score"}, "mark": mark}),
        {"Name": "IsEnough", "Type": "Condition", "Arguments": branches},
        steps.job("Kept", PAIR, **CACHE),
        steps.call("KeptCall", PAIR, **CACHE),
    ]


def loop(steps: Steps) -> list[Step]:
    """Three turns, two at a time."""
    body = [
        steps.call("Score", label=_joined("-", "Score", ITEM)),
        steps.job("Use", label=_joined("-", "Use", ITEM), DependsOn=["Score"]),
    ]
    turns = {"IterableItems": ["0", "1", "2"], "MaxConcurrency": 2, "ForEachBody": body}
    return [{"Name": "Loop", "Type": "ForEach", "Arguments": turns}, steps.job("After", DependsOn=["Loop"])]


def lost(steps: Steps) -> list[Step]:
    """A job with a policy for what is about to happen to it; a function needs none."""
    return [
        steps.job("Fragile", RetryPolicies=[AGAIN]),
        steps.call("Flaky"),
        steps.job("After", DependsOn=["Fragile", "Flaky"]),
    ]


def broken(steps: Steps) -> list[Step]:
    """A chain that breaks in the middle."""
    return [
        steps.job("Good"),
        steps.job("Broken", DependsOn=["Good"]),
        steps.job("After", DependsOn=["Broken"]),
    ]


def stopped(steps: Steps) -> list[Step]:
    """A job and a question that do not end by themselves."""
    return [
        steps.job("First"),
        steps.job("Endless", DependsOn=["First"]),
        steps.ask("AskLong", {"until": "stopping"}, DependsOn=["First"]),
        steps.job("Never", DependsOn=["Endless", "AskLong"]),
    ]


def _joined(between: str, *values: Any) -> dict[str, Any]:
    return {"Std:Join": {"On": between, "Values": list(values)}}
