"""Record the histories of this release: `python tests/histories/record.py`. What stands is never written again.

One execution of a definition with all control flow, as a crash leaves it after every so many transactions.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import history_rows
from history_world import Crash, World

POINTS = 3
"""A transaction has so many points at which a process may die."""
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
CLUSTER = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
ARGUMENTS = {"ProcessingResources": {"ClusterConfig": CLUSTER}, "AppSpecification": {"ImageUri": "python:3.11"}}
CONDITION = {"Type": "Equals", "LeftValue": 1, "RightValue": 1}
POLICIES = [{"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 3}]
CACHE = {"Enabled": True, "ExpireAfter": "P1D"}


def step(name: str, *after: str, **members: object) -> dict[str, object]:
    return {"Name": name, "Type": "Processing", "Arguments": ARGUMENTS, "DependsOn": list(after), **members}


def definition() -> str:
    loop = {"IterableItems": [1, 2], "MaxConcurrency": 1, "ForEachBody": [step("Body")]}
    choice = {"Conditions": [CONDITION], "IfSteps": [step("Then")], "ElseSteps": [step("Else")]}
    steps = [
        step("First", RetryPolicies=POLICIES),
        {"Name": "Choice", "Type": "Condition", "DependsOn": ["First"], "Arguments": choice},
        {"Name": "Loop", "Type": "ForEach", "DependsOn": ["First"], "Arguments": loop},
        step("Last", "Then", "Loop", CacheConfig=CACHE),
    ]
    return json.dumps({"Version": "2020-12-01", "Steps": steps})


def live(world: World, points: int) -> bool:
    """Live until the process dies at that point; False: it did not die."""
    named = {"PipelineName": "p", "ClientRequestToken": "h" * 32}
    world.call("CreatePipeline", **named, RoleArn=ROLE, PipelineDefinition=definition())
    arn = world.call("StartPipelineExecution", **named)["PipelineExecutionArn"]
    left: int | None = points
    try:
        while world.status(arn) == "Executing":
            left = world.look(arn, left)
            world.end_jobs()
            world.now += 1
    except Crash:
        return True
    return False


def main() -> None:
    for transactions in range(1, 40, 2):
        with tempfile.TemporaryDirectory() as folder:
            world = World(Path(folder))
            with world.time():
                died = live(world, transactions * POINTS)
            if not died:
                return
            file = history_rows.FOLDER / f"{history_rows.RELEASE}-{transactions:02}.json"
            if not file.exists():
                file.write_text(json.dumps(history_rows.dump(world.database), indent=1))


if __name__ == "__main__":
    main()
