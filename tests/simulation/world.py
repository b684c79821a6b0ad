"""A world in which processes die: one installation, executions that users start, and time that passes when told to.

Real are the database, the door, the queue, and the machines of executions and of invocations; what they make is not
(outside.py). A crash strikes at a transaction: before, in or behind it. Before and behind it, others may interrupt.
"""

from __future__ import annotations

import io
import json
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from callback_worker import Worker
from fortunes import Fortune
from order import Order
from outside import Made, Outside
from runs import Run
from sqlalchemy import bindparam, or_, select

from stepwell.base import clock
from stepwell.base.arn import Scope
from stepwell.base.faults import Fault
from stepwell.blobs.folder import Blobs
from stepwell.runtime import loop
from stepwell.runtime.invocations import InvocationMachine
from stepwell.runtime.machine import Looker, Machine
from stepwell.runtime.pipeline_executions import PipelineExecutionMachine
from stepwell.services.registry import Door, Site
from stepwell.store import tables, work
from stepwell.store.database import Database, Transaction, metadata
from stepwell.store.work import Lease

SCOPE = Scope("123456789012", "us-east-1", "arn:aws:sts::123456789012:assumed-role/SageMakerRole/test")
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
LEASE_SECONDS = 30.0
LOOK_SECONDS = 0.1
MOST_ROUNDS = 8
"""Whoever looked at one thing may have woken another; more often than this they do not wake each other."""
BEGINNING = 1_700_000_000.0
IS_FREE = or_(work.table.c.lease_token.is_(None), work.table.c.lease_expires <= bindparam("now"))
DUE = select(work.table.c.subject).where(work.table.c.due <= bindparam("now"), IS_FREE).order_by(work.table.c.due)

Fate = Callable[[bool], None]
"""Asked at every point where a process may die; True: others may interrupt there."""


class Crash(BaseException):
    """The process dies here. `is_replaced`: by a server that finds itself alone; else its leases run out."""

    def __init__(self, *, is_replaced: bool = False) -> None:
        self.is_replaced = is_replaced


class MortalDatabase(Database):
    """With a `fate`, the process that writes is mortal."""

    fate: Fate | None = None
    writes = 0
    """How many there have been: while it stays, nothing has changed."""
    _depth = 0
    """How many are open within each other."""

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        self._pass()
        self._depth += 1
        try:
            with super().write() as transaction:
                yield transaction
                self._pass()
        finally:
            self._depth -= 1
            self.writes += 1
        self._pass()

    def _pass(self) -> None:
        if self.fate is not None:
            self.fate(self._depth == 0)


class Process:
    """What dies in a crash: the machines, and all that they remember."""

    def __init__(self, door: Door, outside: Outside) -> None:
        self._database = door.site.database
        self.invocations = InvocationMachine(door.site, outside.tools(door.site))
        executions = PipelineExecutionMachine(door)
        self._machines: dict[str, Machine[Any, Any, Any] | Looker] = {
            executions.name: executions,
            self.invocations.name: self.invocations,
        }

    def look(self, held: Lease) -> None:
        machine = self._machines[held.machine]
        if isinstance(machine, Looker):
            machine.look(held, threading.Event())
        else:
            loop.look(self._database, machine, held, threading.Event())


class World:
    """One installation, emptied for each life that is lived in it: making one costs more than a life."""

    def __init__(self, folder: Path) -> None:
        assert tables.work is work
        self.database = MortalDatabase(folder / "db")
        self.site = Site(folder, SCOPE.account, "http://none", self.database, Blobs(folder / "blobs"))
        self.now = BEGINNING
        self.processes: list[Process] = []
        self.begin(Fortune())

    @contextmanager
    def time(self) -> Iterator[None]:
        """Inside, the clock shows the world's time."""
        before = clock.now
        clock.now = lambda: self.now
        try:
            yield
        finally:
            clock.now = before

    def begin(self, fortune: Fortune) -> None:
        """A life of its own: an empty installation, two processes, a function and a queue."""
        self.close()
        with self.database.write() as transaction:
            for table in reversed(metadata.sorted_tables):
                transaction.connection.execute(table.delete())
        shutil.rmtree(self.site.data / "invocations", ignore_errors=True)
        self.now, self._numbers = BEGINNING, 0
        self.outside = Outside(fortune)
        self.worker = Worker(self.outside)
        self.door = Door(self.site, self.outside.handlers())
        self.runs: list[Run] = []
        self.processes = [Process(self.door, self.outside) for _ in range(2)]
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("index.py", "")
        named = {"FunctionName": "f", "Runtime": "python3.11", "Role": ROLE, "Handler": "index.handler"}
        self.call("lambda", "CreateFunction", **named, Code={"ZipFile": code.getvalue()})
        self.call("sqs", "CreateQueue", QueueName="work")

    def close(self) -> None:
        for process in self.processes:
            process.invocations.close()
        if self.processes:
            self.outside.close()
        self.processes = []

    def call(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        return self.door.call(SCOPE, service, operation, params)

    def ask(self, fate: Fate | None, service: str, operation: str, **params: Any) -> dict[str, Any]:
        """A user's call of a server that may die over it: then the user asks again, in the same words."""
        try:
            with self.mortal(fate):
                return self.call(service, operation, **params)
        except Crash as crash:
            self.replace(0, crash)
            return self.call(service, operation, **params)

    def create(self, steps: list[dict[str, Any]]) -> None:
        """The pipeline of this life. Raises Fault when nobody could run it."""
        text = json.dumps({"Version": "2020-12-01", "Steps": steps})
        named = {"PipelineName": "p", "RoleArn": ROLE, "ClientRequestToken": "p" * 32}
        self.call("sagemaker", "CreatePipeline", **named, PipelineDefinition=text)
        self.order = Order(steps)

    def start(self, limit: int | None, fate: Fate | None = None, **params: Any) -> Run:
        if limit is not None:
            params["ParallelismConfiguration"] = {"MaxParallelExecutionSteps": limit}
        named = {"PipelineName": "p", "ClientRequestToken": self.token()}
        answer = self.ask(fate, "sagemaker", "StartPipelineExecution", **named, **params)
        run = Run(answer["PipelineExecutionArn"], self.order, (limit,), limit)
        self.runs.append(run)
        return run

    def see(self, run: Run) -> None:
        """See how the execution stands now."""
        run.status_before, run.entries_before = run.status, run.entries
        try:
            run.described = self.call("sagemaker", "DescribePipelineExecution", PipelineExecutionArn=run.arn)
            run.status, run.entries = str(run.described["PipelineExecutionStatus"]), self.entries(run)
        except Fault:
            run.described = {}

    def entries(self, run: Run) -> dict[str, dict[str, Any]]:
        named = {"PipelineExecutionArn": run.arn, "MaxResults": 100}
        listed = self.call("sagemaker", "ListPipelineExecutionSteps", **named)
        assert "NextToken" not in listed
        return {entry["StepName"]: entry for entry in listed["PipelineExecutionSteps"]}

    def running(self, run: Run | None = None) -> list[Made]:
        """Jobs and functions that have not ended."""
        found = self.outside.running(self.site, SCOPE, self.database.writes)
        return [made for made in found if run is None or made.execution == run.id]

    def end(self, made: Made) -> None:
        self.outside.end(self.site, SCOPE, made, self.now)

    def made(self, run: Run) -> list[Made]:
        """What the execution has asked for since it was last retried."""
        return [made for made in self.outside.made[run.made_before :] if made.execution == run.id]

    def look(self, worker: int, fate: Fate | None = None) -> None:
        """A process looks at everything that is due; it may die, and then the next one begins with no memory."""
        self.now += LOOK_SECONDS
        try:
            with self.mortal(fate):
                for _ in range(MOST_ROUNDS):
                    for subject in self._due():
                        self._look(worker, subject)
                assert not self._due(), "something is due again and again"
        except Crash as crash:
            self.replace(worker, crash)

    def _due(self) -> list[str]:
        with self.database.read() as connection:
            return [*connection.execute(DUE, {"now": self.now}).scalars()]

    def _look(self, worker: int, subject: str) -> None:
        with self.database.write() as transaction:
            held = work.lease(transaction, subject, self.token(), self.now, self.now + LEASE_SECONDS)
        if held is not None:
            self.processes[worker].look(held)

    def replace(self, worker: int, crash: Crash | None = None) -> None:
        """Another process instead of this one, which has died, or was ended between two looks."""
        if crash is not None and crash.is_replaced:
            with self.database.write() as transaction:
                work.take_over(transaction, self.now)
        elif crash is not None:
            self.now += LEASE_SECONDS + 1
        self.processes[worker].invocations.close()
        self.processes[worker] = Process(self.door, self.outside)

    @contextmanager
    def mortal(self, fate: Fate | None) -> Iterator[None]:
        before, self.database.fate = self.database.fate, fate
        try:
            yield
        finally:
            self.database.fate = before

    def token(self) -> str:
        """One that was not given before."""
        self._numbers += 1
        return f"{self._numbers:032}"
