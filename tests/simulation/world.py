"""A world in which processes die: one database, pipelines that users start, and jobs that end when the world says so.

Everything in it is real but the jobs (testing/scripted_jobs.py) and time, which passes when it is told to. A crash
strikes at a transaction, before, in or behind it; a stall lets another process take over in the midst of a look.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stepwell.base import clock
from stepwell.base.arn import Scope
from stepwell.base.ids import derived
from stepwell.blobs.folder import Blobs
from stepwell.runtime.pipeline_executions import PipelineExecutionMachine
from stepwell.services.registry import Door, Site
from stepwell.store import tables, work
from stepwell.store.database import Database, Transaction
from stepwell.store.resources import Resource
from stepwell.testing.scripted_jobs import ScriptedJobs

__all__ = ["tables"]

SCOPE = Scope("123456789012", "us-east-1", "arn:aws:sts::123456789012:assumed-role/SageMakerRole/test")
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
FINAL = ("Succeeded", "Failed", "Stopped", "CompletedWithFailures")
LEASE_SECONDS = 30.0
BEGINNING = 1_700_000_000.0


class Crash(BaseException):
    """The process dies here."""


class MortalDatabase(Database):
    """`fate` is asked at every point where a process may die; None: it is immortal."""

    fate: Any = None

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        self._pass(may_stall=True)
        with super().write() as transaction:
            yield transaction
            self._pass(may_stall=False)
        self._pass(may_stall=True)

    def _pass(self, *, may_stall: bool) -> None:
        if self.fate is not None:
            self.fate(may_stall)


@dataclass
class Run:
    """One execution, and what was seen of it."""

    arn: str
    steps: list[dict[str, Any]]
    limit: int | None
    highest_limit: int | None
    status: str = "Executing"
    was_stopped: bool = False
    was_retried: bool = False
    was_called: bool = False
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    begun_when_broken: frozenset[str] | None = None


class World:
    """One installation. `pipelines` counts those that were made in it: each example makes its own."""

    def __init__(self, folder: Path) -> None:
        self.database = MortalDatabase(folder / "db")
        self.site = Site(folder, SCOPE.account, "http://none", self.database, Blobs(folder / "blobs"))
        self.jobs = ScriptedJobs(lambda name: self.outcome(name))
        self.door = Door(self.site, self.jobs.handlers())
        self.now = BEGINNING
        self.pipelines = 0
        self.failing, self.luck = 0.0, ""

    @contextmanager
    def time(self) -> Iterator[None]:
        """Inside, the clock shows the world's time."""
        before = clock.now
        clock.now = lambda: self.now
        try:
            yield
        finally:
            clock.now = before

    def begin(self, failing: float, luck: int) -> None:
        """An example of its own: no processes, no jobs of others. `luck` decides which steps fail."""
        self.failing, self.luck = failing, str(luck)
        self.jobs.created.clear()
        self.machines = [PipelineExecutionMachine(self.door), PipelineExecutionMachine(self.door)]
        self.runs: list[Run] = []

    def outcome(self, name: str) -> str:
        """How a job ends follows from its step and from nothing else."""
        step = name.split("-")[2]
        drawn = int(derived(6, step, self.luck, alphabet="0123456789")) / 1e6
        if drawn >= self.failing:
            return "Completed"
        return "Failed" if drawn < self.failing / 2 else "CapacityError: none left"

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        return self.door.call(SCOPE, "sagemaker", operation, params)

    def create(self, steps: list[dict[str, Any]]) -> None:
        self.pipelines += 1
        self.definition = steps
        text = json.dumps({"Version": "2020-12-01", "Steps": steps})
        self.call(
            "CreatePipeline",
            PipelineName=f"p{self.pipelines}",
            RoleArn=ROLE,
            ClientRequestToken=f"{self.pipelines:032}",
            PipelineDefinition=text,
        )

    def start(self, limit: int | None) -> Run:
        parallel = {"ParallelismConfiguration": {"MaxParallelExecutionSteps": limit}} if limit else {}
        answer = self.call(
            "StartPipelineExecution",
            PipelineName=f"p{self.pipelines}",
            ClientRequestToken=f"{self.pipelines}-{len(self.runs):031}",
            **parallel,
        )
        run = Run(answer["PipelineExecutionArn"], self.definition, limit, limit)
        self.runs.append(run)
        return run

    def status(self, run: Run) -> str:
        return str(self.call("DescribePipelineExecution", PipelineExecutionArn=run.arn)["PipelineExecutionStatus"])

    def entries(self, run: Run) -> dict[str, dict[str, Any]]:
        listed = self.call("ListPipelineExecutionSteps", PipelineExecutionArn=run.arn, MaxResults=100)
        return {entry["StepName"]: entry for entry in listed["PipelineExecutionSteps"]}

    def running(self, run: Run | None = None) -> list[Resource]:
        found = self.jobs.running(self.site, SCOPE)
        own = [
            job for job in found if any(job.name.split("-")[1] == each.arn.rpartition("/")[2] for each in self.runs)
        ]
        return own if run is None else [job for job in own if job.name.split("-")[1] == run.arn.rpartition("/")[2]]

    def look(self, run: Run, worker: int, fate: Any = None) -> None:
        """A process looks at what is due; it may die, and then the next one begins with an empty memory."""
        held = self._lease(run)
        if held is None:
            return
        self.database.fate = fate
        try:
            self.machines[worker].look(held, threading.Event())
        except Crash:
            self.machines[worker] = PipelineExecutionMachine(self.door)
            self.now += LEASE_SECONDS + 1
        finally:
            self.database.fate = None

    def overtake(self, run: Run, worker: int) -> None:
        """While one process stalls, its lease runs out, what it made ends, and another one looks."""
        fate, self.database.fate = self.database.fate, None
        self.now += LEASE_SECONDS + 1
        for job in self.running(run):
            self.jobs.end(self.site, job, self.now)
        self.look(run, worker)
        self.database.fate = fate

    def _lease(self, run: Run) -> work.Lease | None:
        with self.database.write() as transaction:
            return work.lease(
                transaction, run.arn, f"{self.now}-{self.database_ticks()}", self.now, self.now + LEASE_SECONDS
            )

    def database_ticks(self) -> int:
        """A number that was not given before."""
        self._ticks = getattr(self, "_ticks", 0) + 1
        return self._ticks
