"""Room runtime: what the performers of steps have in common: the door, and what the expressions of a step read.

In: a Session. Out: values, calls, and the scope in which a step acts. A performer is one file per kind of step.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol, cast

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.definition.json_text import JSON
from stepwell.definition.model import Step as DefinedStep
from stepwell.definition.values import StoredValues
from stepwell.machines.pipeline_state import Turn, child_name
from stepwell.runtime.pipeline_sessions import Change, Session
from stepwell.services.registry import Door
from stepwell.services.sagemaker import definitions
from stepwell.services.sagemaker.pipelines import pipeline_arn
from stepwell.steps.requests import Request
from stepwell.store import steps, work
from stepwell.store.database import Transaction
from stepwell.store.steps import Step
from stepwell.store.work import Lease

LARGEST_PROPERTY_FILE = 2 << 20
"""Bytes of a file that JsonGet reads (spec 01, section 3)."""


class LeaseLost(Exception):
    """Another process looks at the execution: nothing of ours may be written."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is about to be asked for. `key_source` is what the cache compares: the request, or what stands for it."""

    key_source: Document
    request: Request | None = None


class Performer(Protocol):
    """Makes, observes and stops what steps of one kind are. All of it may be done again after a crash."""

    def prepare(self, context: Context, step: Step, now: float) -> Prepared:
        """What the step will ask for, with every expression resolved. Raises ResolutionError."""

    def create(self, context: Context, step: Step, prepared: Prepared, now: float) -> Change:
        """Ask for it. Its row is written as Starting before."""

    def observe(self, context: Context, step: Step, now: float) -> Change | None:
        """How far it has come; None: no further."""

    def stop(self, context: Context, step: Step, now: float) -> Change:
        """Have it end early."""

    def made(self, context: Context, step: Step) -> str | None:
        """Under which name its end will be signalled; None: nothing is made, or nobody signals."""


@dataclass(frozen=True, slots=True)
class Context:
    """One look at one execution."""

    door: Door
    session: Session
    held: Lease
    read_files: dict[str, str] = field(default_factory=dict)
    """S3 URI -> text: a property file is often read by several steps of one look."""

    @property
    def role(self) -> str:
        return str(self.session.row.document["RoleArn"])

    @property
    def is_stopping(self) -> bool:
        return self.session.execution.status == "Stopping"

    def defined(self, step: Step) -> DefinedStep:
        """What the definition says of the step; one that a loop has made goes by its own name."""
        defined = self.session.defined(step.name)
        return defined if step.turn is None else replace(defined, name=step.name)

    def call(self, request: Request, scope: Scope | None = None) -> Document:
        """Through the door, as the account unless a scope is given. Raises Fault."""
        return self.door.call(scope or self.session.scope, request.service, request.operation, request.params)

    def acting(self, step: Step) -> Scope:
        """The pipeline's role, in a session named as AWS names it (spec 02, section 1)."""
        scope = self.session.scope
        name = f"sagemaker-pipeline-{self.session.row.name}-{step.name}"
        role = self.role.rpartition("/")[2]
        return replace(scope, principal=f"arn:aws:sts::{scope.account}:assumed-role/{role}/{name}")

    def values(self, step: Step, now: float) -> StoredValues:
        """What the expressions of the step read: within a loop, its item, and the steps of the same turn."""
        row, session = self.session.row, self.session
        name = row.key.parent
        arn = pipeline_arn(session.scope, name)
        turn = session.execution.turns.get(step.name)
        values = StoredValues(
            session.pipeline,
            row.document["Parameters"],
            definitions.execution_variables(name, arn, row.name, session.arn, row.created, now),
            self.properties if turn is None else lambda name: self.properties(self._in_turn(turn, name)),
            self._read,
            row.document.get("PipelineExperimentConfig", {}),
        )
        if turn is None:
            return values
        items = session.steps[turn.loop].items or []
        return values.with_item(cast(JSON, items[turn.index]))

    def require_lease(self, transaction: Transaction) -> None:
        """Raises LeaseLost when another process looks at the execution by now."""
        if not work.is_held(transaction.connection, self.held):
            raise LeaseLost(self.held.subject)

    def properties(self, step: str) -> JSON:
        """The properties of a step that has succeeded; None of any other."""
        session = self.session
        state = session.execution.steps.get(step)
        if state is None or state.status != "Succeeded":
            return None
        if step not in session.known:
            with self.door.site.database.read() as connection:
                return steps.properties(connection, session.arn, step)
        return session.known[step]

    def _in_turn(self, turn: Turn, name: str) -> str:
        in_body = name in self.session.execution.plan.bodies[turn.loop].steps
        return child_name(name, turn.index) if in_body else name

    def _read(self, uri: str) -> str:
        if uri not in self.read_files:
            self.read_files[uri] = self._read_object(uri)
        return self.read_files[uri]

    def _read_object(self, uri: str) -> str:
        """The text of an S3 object. Raises Fault."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        answer = self.door.call(self.session.scope, "s3", "GetObject", {"Bucket": bucket, "Key": key})
        if answer["ContentLength"] > LARGEST_PROPERTY_FILE:
            raise Fault("EntityTooLarge", f"It has more than {LARGEST_PROPERTY_FILE} bytes.")
        try:
            return str(answer["Body"].read().decode())
        except UnicodeDecodeError as error:
            raise Fault("InvalidText", f"It is not UTF-8: {error.reason}.") from error
