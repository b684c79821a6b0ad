"""Lineage steps make everything once or nothing, wherever the process dies."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from stepwell.base import clock
from stepwell.base.arn import Scope
from stepwell.blobs.folder import Blobs
from stepwell.runtime.pipeline_executions import PipelineExecutionMachine
from stepwell.services.registry import Door, Site
from stepwell.store import tables, work
from stepwell.store.database import Database, Transaction

__all__ = ["tables"]

SCOPE = Scope("123456789012", "us-east-1", "arn:aws:sts::123456789012:assumed-role/SageMakerRole/test")
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
SOURCE = {"SourceUri": "s3://b/model"}
LOOKS = 6
MANY_POINTS = 20
"""Fewer than there are."""


class Crash(BaseException):
    """The process dies here."""


class MortalDatabase(Database):
    """Dies once, at the point of that number: before, in or after a transaction, whoever's it is."""

    left: int | None = None

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        self._pass()
        with super().write() as transaction:
            yield transaction
            self._pass()
        self._pass()

    def _pass(self) -> None:
        if self.left is None:
            return
        self.left -= 1
        if self.left < 0:
            self.left = None
            raise Crash


class World:
    """An installation with one pipeline, whose only step is a Lineage step."""

    def __init__(self, folder: Path, arguments: dict[str, Any]) -> None:
        self.database = MortalDatabase(folder / "db")
        self.door = Door(Site(folder, SCOPE.account, "http://none", self.database, Blobs(folder / "blobs")))
        self.now = clock.now()
        self.has_died = False
        self.runs = 0
        definition = {"Version": "2020-12-01", "Steps": [{"Name": "L", "Type": "Lineage", "Arguments": arguments}]}
        self.call(
            "CreatePipeline",
            PipelineName="p",
            RoleArn=ROLE,
            ClientRequestToken="c" * 32,
            PipelineDefinition=json.dumps(definition),
        )

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        return self.door.call(SCOPE, "sagemaker", operation, params)

    def run(self, crash_at: int | None = None) -> dict[str, Any]:
        """The step as it is listed in the end. The process dies at that point, and another takes over."""
        self.runs += 1
        token = f"{self.runs:032}"
        arn = self.call("StartPipelineExecution", PipelineName="p", ClientRequestToken=token)["PipelineExecutionArn"]
        self.database.left = crash_at
        for _ in range(LOOKS):
            self._look(arn)
        self.database.left = None
        execution = self.call("DescribePipelineExecution", PipelineExecutionArn=arn)
        assert execution["PipelineExecutionStatus"] in ("Succeeded", "Failed")
        (step,) = self.call("ListPipelineExecutionSteps", PipelineExecutionArn=arn)["PipelineExecutionSteps"]
        return dict(step)

    def _look(self, arn: str) -> None:
        self.now += 100
        try:
            with self.database.write() as transaction:
                work.take_over(transaction, self.now)
                held = work.lease(transaction, arn, str(self.now), self.now, self.now + 30)
            if held is not None:
                PipelineExecutionMachine(self.door).look(held, threading.Event())
        except Crash:
            self.has_died = True

    def made(self) -> list[int]:
        """How many actions, contexts, artifacts and associations there are."""
        nouns = ("Action", "Context", "Artifact", "Association")
        return [len(self.call(f"List{noun}s")[f"{noun}Summaries"]) for noun in nouns]


def end(noun: str, name: str) -> dict[str, str]:
    return {"Name": name, "Type": noun}


WHOLE = {
    "Actions": [{"ActionName": "a", "ActionType": "T", "Source": SOURCE}],
    "Contexts": [{"ContextName": "c", "ContextType": "T", "Source": SOURCE}],
    "Artifacts": [{"ArtifactName": "m", "ArtifactType": "Model", "Source": SOURCE}],
}


def test_dying_anywhere_makes_everything_once(tmp_path: Path) -> None:
    run = {"Get": "Execution.PipelineExecutionId"}
    source = {"SourceUri": run}
    world = World(
        tmp_path,
        {
            "Actions": [{"ActionName": run, "ActionType": "T", "Source": source}],
            "Contexts": [{"ContextName": run, "ContextType": "T", "Source": source}],
            "Artifacts": [{"ArtifactName": "m", "ArtifactType": "Model", "Source": source}],
            "Associations": [{"Source": end("Artifact", "m"), "Destination": {"Name": run, "Type": "Context"}}],
        },
    )
    point = 0
    while True:
        world.has_died = False
        step = world.run(point)
        assert step["StepStatus"] == "Succeeded", (point, step)
        lineage = step["Metadata"]["Lineage"]
        (name,) = lineage["ActionArns"]
        for noun in ("Action", "Context", "Artifact"):
            assert len(world.call(f"List{noun}s", SourceUri=name)[f"{noun}Summaries"]) == 1
        joined = world.call("ListAssociations", SourceArn=lineage["ArtifactArns"]["m"])["AssociationSummaries"]
        assert [each["DestinationArn"] for each in joined] == [lineage["ContextArns"][name]]
        if not world.has_died:
            break
        point += 1
    assert point > MANY_POINTS
    world.database.close()


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"Source": {"Arn": "arn:aws:sagemaker:us-east-1:123456789012:artifact/none"}}, "does not exist"),
        ({"Source": end("Action", "a"), "Destination": end("Action", "a")}, "two entities"),
    ],
)
def test_what_is_refused_leaves_nothing(tmp_path: Path, wrong: dict[str, Any], reason: str) -> None:
    association = {"Source": end("Artifact", "m"), "Destination": end("Action", "a"), **wrong}
    world = World(tmp_path, {**WHOLE, "Associations": [association]})
    step = world.run()
    assert step["StepStatus"] == "Failed"
    assert reason in step["FailureReason"]
    assert world.made() == [0, 0, 0, 0]
    world.database.close()


def test_what_stands_is_taken_but_for_actions(tmp_path: Path) -> None:
    joined = {"Source": end("Artifact", "m"), "Destination": end("Context", "c")}
    without = {**WHOLE, "Actions": [], "Associations": [joined]}
    world = World(tmp_path, without)
    first, second = world.run(), world.run()
    assert [first["StepStatus"], second["StepStatus"]] == ["Succeeded"] * 2
    assert first["Metadata"] == second["Metadata"]
    assert world.made() == [0, 1, 1, 1]
    world.database.close()
