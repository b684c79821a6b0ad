"""An installation whose events and schedules move only when a test says so, at the moment that it says."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.blobs.folder import Blobs
from stepwell.runtime.announced_events import AnnouncedEventMachine
from stepwell.runtime.deliveries import DeliveryMachine
from stepwell.runtime.machine import Machine
from stepwell.runtime.schedules import ScheduleMachine
from stepwell.services.registry import Call, Door, Handler, Site
from stepwell.store import outbox, tables, work
from stepwell.store.database import Database

__all__ = ["HERE", "ROLE", "Installation", "tables"]

HERE = "eu-west-1:123456789012"
ROLE = "arn:aws:iam::123456789012:role/Events"
DEFINITION = json.dumps(
    {
        "Version": "2020-12-01",
        "Parameters": [{"Name": "From", "Type": "String", "DefaultValue": "nowhere"}],
        "Steps": [{"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "over"}}],
    }
)


class Crash(Exception):
    """The process dies here."""


@dataclass
class Installation:
    """One data folder. `invoked`: payloads that reached Lambda; `refusals` are raised instead of taking one."""

    folder: Path
    invoked: list[bytes] = field(default_factory=list)
    refusals: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.database = Database(self.folder / "stepwell.db")
        site = Site(self.folder, "123456789012", "http://127.0.0.1:0", self.database, Blobs(self.folder / "blobs"))
        self.site, self.scope = site, Scope("123456789012", "eu-west-1", "arn:aws:sts::123456789012:assumed-role/R/t")
        handlers: dict[tuple[str, str], Handler] = {("lambda", "Invoke"): self._invoke}
        self.door = Door(site, handlers)
        made: list[Machine[Any, Any, Any]] = [
            AnnouncedEventMachine(site),
            DeliveryMachine(self.door),
            ScheduleMachine(site),
        ]
        self.machines = {machine.name: machine for machine in made}

    def _invoke(self, _call: Call, request: Document) -> Document:
        if self.refusals:
            raise self.refusals.pop(0)
        assert request["InvocationType"] == "Event"
        self.invoked.append(request["Payload"])
        return {"StatusCode": 202}

    def call(self, service: str, operation: str, **params: Any) -> Document:
        return self.door.call(self.scope, service, operation, params)

    def emit(self, detail_type: str = "d", detail: Document | None = None, now: float = 0.0) -> str | None:
        with self.database.write() as transaction:
            return outbox.emit(transaction, self.scope, "me", detail_type, ["r"], detail or {}, now)

    def waiting(self) -> list[str]:
        with self.database.read() as connection:
            return [subject for subject, _ in work.ready(connection, 1e12, 1000)]

    def due(self, now: float) -> list[str]:
        """What is due, but for pipeline executions: they are not what these tests are about."""
        with self.database.read() as connection:
            return [each for each, _ in work.ready(connection, now, 100) if "/execution/" not in each]

    def tick(self, now: float) -> None:
        """Look at everything that is due at `now`, until nothing is."""
        while subjects := self.due(now):
            for subject in subjects:
                self._look(subject, now, crash=False)

    def tick_dying(self, now: float) -> None:
        """The same, but every look dies twice after it has acted and before what came of it is kept."""
        while subjects := self.due(now):
            for _ in range(2):
                with contextlib.suppress(Crash):
                    self._look(subjects[0], now, crash=True)
                self._restart(now)
            self._look(subjects[0], now, crash=False)

    def _look(self, subject: str, now: float, *, crash: bool) -> None:
        with self.database.write() as transaction:
            held = work.lease(transaction, subject, "t", now, now + 30)
        assert held is not None
        machine = self.machines[held.machine]
        while True:
            with self.database.read() as connection:
                state = machine.load(connection, subject)
            if state is None:
                with self.database.write() as transaction:
                    work.finish(transaction, held)
                return
            progress = False
            for effect in machine.decide(state, now):
                event = machine.perform(state, effect, now)
                if crash:
                    raise Crash
                if event is not None:
                    progress = True
                    with self.database.write() as transaction:
                        machine.apply(transaction, state, event, now)
            if not progress:
                with self.database.write() as transaction:
                    work.release(transaction, held, machine.due(state, now))
                return

    def _restart(self, now: float) -> None:
        with self.database.write() as transaction:
            work.take_over(transaction, now)

    def pipeline(self, name: str = "Train") -> str:
        made = self.call(
            "sagemaker",
            "CreatePipeline",
            PipelineName=name,
            PipelineDefinition=DEFINITION,
            RoleArn=ROLE,
            ClientRequestToken="t" * 32,
        )
        return str(made["PipelineArn"])

    def executions(self, name: str = "Train") -> list[Document]:
        """The executions of the pipeline, each with its parameters."""
        found = self.call("sagemaker", "ListPipelineExecutions", PipelineName=name)["PipelineExecutionSummaries"]
        return [
            self.call(
                "sagemaker",
                "ListPipelineParametersForExecution",
                PipelineExecutionArn=each["PipelineExecutionArn"],
            )
            for each in found
        ]

    def queue(self, name: str, **attributes: str) -> str:
        self.call("sqs", "CreateQueue", QueueName=name, Attributes=attributes)
        return f"arn:aws:sqs:{HERE}:{name}"

    def messages(self, name: str) -> list[Document]:
        url = self.call("sqs", "GetQueueUrl", QueueName=name)["QueueUrl"]
        received = self.call(
            "sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        return list(received.get("Messages", []))

    def rule(self, *targets: Document, pattern: str = '{"source":["me"]}', name: str = "r") -> str:
        arn = self.call("events", "PutRule", Name=name, EventPattern=pattern)["RuleArn"]
        self.call("events", "PutTargets", Rule=name, Targets=list(targets))
        return str(arn)
