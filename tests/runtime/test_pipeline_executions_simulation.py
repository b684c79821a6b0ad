"""Random pipelines, outcomes and crashes: the runtime of executions in one thread, over a real database.

A crash strikes before a transaction, inside it, or behind it, whoever writes: the engine or the nouns it calls. Then
a new process takes over. The invariants are the assertions of `Simulation`.
"""

from __future__ import annotations

import json
import random
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.base import clock
from stepwell.base.arn import Scope
from stepwell.base.ids import derived
from stepwell.blobs.folder import Blobs
from stepwell.runtime.pipeline_executions import PipelineExecutionMachine
from stepwell.services.registry import Door, Site
from stepwell.store import work
from stepwell.store.database import Database, Transaction
from stepwell.testing.scripted_jobs import ScriptedJobs

SCOPE = Scope("123456789012", "us-east-1", "arn:aws:sts::123456789012:assumed-role/SageMakerRole/test")
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
FINAL = ("Succeeded", "Failed", "Stopped")


class Crash(BaseException):
    """The process dies here."""


def step(name: str, after: list[str]) -> dict[str, Any]:
    return {
        "Name": name,
        "Type": "Processing",
        "DependsOn": after,
        "Arguments": {
            "ProcessingResources": {
                "ClusterConfig": {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}
            },
            "AppSpecification": {"ImageUri": "python:3.11"},
        },
    }


def pipeline(choices: random.Random) -> dict[str, list[str]]:
    """Step -> what it depends on; only earlier steps, so there is no circle."""
    names = [f"S{number}" for number in range(choices.randint(1, 6))]
    return {name: [other for other in names[:number] if choices.random() < 0.4] for number, name in enumerate(names)}


class MortalDatabase(Database):
    """While `is_mortal`, the process may die before, in or after every transaction."""

    is_mortal = False

    def __init__(self, path: Path, crashes: float, faults: random.Random) -> None:
        super().__init__(path)
        self._crashes = crashes
        self._faults = faults

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        self.maybe_crash()
        with super().write() as transaction:
            yield transaction
            self.maybe_crash()
        self.maybe_crash()

    def maybe_crash(self) -> None:
        if self.is_mortal and self._faults.random() < self._crashes:
            raise Crash


class Simulation:
    """One execution in a world where processes die. `crashes` is the probability at each point."""

    def __init__(self, folder: Path, seed: int, crashes: float) -> None:
        self.choices = random.Random(seed)
        self.after = pipeline(self.choices)
        self.limit = self.choices.choice([None, 1, 2])
        self.failing = self.choices.random() * 0.4
        self.stop_at = self.choices.choice([None, None, self.choices.randint(0, 12)])
        self.database = MortalDatabase(folder / "db", crashes, random.Random(seed + 1))
        self.site = Site(folder, SCOPE.account, "http://none", self.database, Blobs(folder / "blobs"))
        self.jobs = ScriptedJobs(self.outcome)
        self.door = Door(self.site, self.jobs.handlers())
        self.machine: PipelineExecutionMachine | None = None
        self.now = clock.now()

    def outcome(self, name: str) -> str:
        threshold = random.Random(derived(8, name.split("-")[2])).random()
        return "Failed" if threshold < self.failing else "Completed"

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        return self.door.call(SCOPE, "sagemaker", operation, params)

    def run(self) -> tuple[str, dict[str, str]]:
        steps = [step(name, after) for name, after in self.after.items()]
        limit = {"ParallelismConfiguration": {"MaxParallelExecutionSteps": self.limit}} if self.limit else {}
        self.call(
            "CreatePipeline",
            PipelineName="p",
            RoleArn=ROLE,
            ClientRequestToken="c" * 32,
            PipelineDefinition=json.dumps({"Version": "2020-12-01", "Steps": steps}),
            **limit,
        )
        arn = self.call("StartPipelineExecution", PipelineName="p", ClientRequestToken="t" * 32)[
            "PipelineExecutionArn"
        ]
        for tick in range(500):
            if tick == self.stop_at:
                self.stop(arn)
            self.look(arn)
            self.check(arn)
            status = self.call("DescribePipelineExecution", PipelineExecutionArn=arn)["PipelineExecutionStatus"]
            running = self.jobs.running(self.site, SCOPE)
            if status in FINAL:
                assert not running, "a job outlived its execution"
                return status, {name: entry["StepStatus"] for name, entry in self.steps(arn).items()}
            if running and self.choices.random() < 0.7:
                self.jobs.end(self.site, self.choices.choice(running), self.now)
        raise AssertionError("the execution does not end")

    def stop(self, arn: str) -> None:
        if self.call("DescribePipelineExecution", PipelineExecutionArn=arn)["PipelineExecutionStatus"] == "Executing":
            self.call("StopPipelineExecution", PipelineExecutionArn=arn, ClientRequestToken="s" * 32)

    def steps(self, arn: str) -> dict[str, dict[str, Any]]:
        listed = self.call("ListPipelineExecutionSteps", PipelineExecutionArn=arn, MaxResults=100)
        return {entry["StepName"]: entry for entry in listed["PipelineExecutionSteps"]}

    def look(self, arn: str) -> None:
        """A process looks at what is due, until it is done or dies; the next one takes over in the next tick."""
        self.now += 100
        database = self.site.database
        with database.write() as transaction:
            work.take_over(transaction, self.now)
        with database.write() as transaction:
            held = work.lease(transaction, arn, str(self.now), self.now, self.now + 30)
        if held is None:
            return
        if self.machine is None:
            self.machine = PipelineExecutionMachine(self.door)
        self.database.is_mortal = True
        try:
            self.machine.look(held, threading.Event())
        except Crash:
            self.machine = None
        finally:
            self.database.is_mortal = False

    def check(self, arn: str) -> None:
        """What must hold at every moment."""
        steps = self.steps(arn)
        of_step = [name.split("-")[2] for name in self.jobs.created]
        assert len(of_step) == len(set(of_step)), f"a step made two jobs: {self.jobs.created}"
        for name in of_step:
            assert name in steps, f"{name} has a job but is not listed"
            waited = [steps[other]["StepStatus"] for other in self.after[name]]
            assert waited == ["Succeeded"] * len(waited), f"{name} began before {self.after[name]} had succeeded"
        running = self.jobs.running(self.site, SCOPE)
        assert self.limit is None or len(running) <= self.limit, "too many at once"


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_crashes_change_nothing(seed: int) -> None:
    with tempfile.TemporaryDirectory() as calm, tempfile.TemporaryDirectory() as stormy:
        expected = Simulation(Path(calm), seed, 0.0)
        actual = Simulation(Path(stormy), seed, 0.15)
        wanted, found = expected.run(), actual.run()
        if expected.stop_at is None and not any(outcome == "Failed" for outcome in wanted[1].values()):
            assert found == wanted


@pytest.mark.parametrize("seed", range(12))
def test_without_crashes_every_execution_ends(tmp_path: Path, seed: int) -> None:
    status, steps = Simulation(tmp_path, seed, 0.0).run()
    assert status in FINAL
    assert (status == "Failed") == ("Failed" in steps.values() and status != "Stopped")
