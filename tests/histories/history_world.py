"""Where a history is lived: one installation with the real machine of executions, and jobs that end when told to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stepwell.base import clock
from stepwell.base.arn import Scope
from stepwell.blobs.folder import Blobs
from stepwell.runtime.pipeline_executions import PipelineExecutionMachine
from stepwell.services.registry import Door, Site
from stepwell.store import tables, work
from stepwell.store.database import Database, Transaction
from stepwell.testing.scripted_jobs import ScriptedJobs

SCOPE = Scope("123456789012", "us-east-1", "arn:aws:sts::123456789012:assumed-role/SageMakerRole/test")
BEGINNING = 1_700_000_000.0
LEASE_SECONDS = 30.0
FINAL = ("Succeeded", "Failed", "Stopped", "CompletedWithFailures")


class Crash(BaseException):
    """The process dies here."""


class MortalDatabase(Database):
    """The process dies when `left` points at which it may die have been passed; None: it is immortal."""

    left: int | None = None

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        self._pass()
        with super().write() as transaction:
            yield transaction
            self._pass()
        self._pass()

    def _pass(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Crash


class World:
    """One installation, in which time passes when it is told to."""

    def __init__(self, folder: Path) -> None:
        assert tables.work is work
        self.database = MortalDatabase(folder / "db")
        self.site = Site(folder, SCOPE.account, "http://none", self.database, Blobs(folder / "blobs"))
        self.jobs = ScriptedJobs(lambda _name: "Completed")
        self.door = Door(self.site, self.jobs.handlers())
        self.machine = PipelineExecutionMachine(self.door)
        self.now = BEGINNING
        self._leases = 0

    @contextmanager
    def time(self) -> Iterator[None]:
        """Inside, the clock shows the world's time."""
        before = clock.now
        clock.now = lambda: self.now
        try:
            yield
        finally:
            clock.now = before

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        return self.door.call(SCOPE, "sagemaker", operation, params)

    def status(self, arn: str) -> str:
        return str(self.call("DescribePipelineExecution", PipelineExecutionArn=arn)["PipelineExecutionStatus"])

    def entries(self, arn: str) -> dict[str, dict[str, Any]]:
        listed = self.call("ListPipelineExecutionSteps", PipelineExecutionArn=arn, MaxResults=100)
        return {entry["StepName"]: entry for entry in listed["PipelineExecutionSteps"]}

    def end_jobs(self) -> None:
        """Whatever runs, ends."""
        for job in self.jobs.running(self.site, SCOPE):
            self.jobs.end(self.site, job, self.now)

    def look(self, arn: str, left: int | None = None) -> int | None:
        """A process looks at the execution and dies at the point `left`; how many are left. Raises Crash."""
        self._leases += 1
        with self.database.write() as transaction:
            held = work.lease(transaction, arn, f"history-{self._leases}", self.now, self.now + LEASE_SECONDS)
        if held is None:
            return left
        self.database.left = left
        try:
            self.machine.look(held, threading.Event())
            return self.database.left
        finally:
            self.database.left = None
