"""Room runtime: what this process knows of a pipeline execution under way, kept from one look to the next.

In: rows. Out: a Session: the execution's row, the machine's state, and the rows of its steps without their bulky
parts. It stays right as long as nobody else looks, which the work row tells (`Lease.previous`); then it is loaded
again. Changes are noted in memory and written together (`pipeline_executions`); a session whose writing failed is
thrown away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.definition.model import Pipeline
from stepwell.definition.model import Step as DefinedStep
from stepwell.machines import pipeline_events as events
from stepwell.machines import pipeline_execution as machine
from stepwell.machines.pipeline_execution import Execution, StepState
from stepwell.machines.pipeline_state import Turn
from stepwell.services.events.announcements import StepChange
from stepwell.services.sagemaker import definitions, pipeline_executions
from stepwell.store import resources, steps
from stepwell.store.database import Transaction
from stepwell.store.resources import Resource
from stepwell.store.steps import Step

KNOWN_PROPERTIES = 64
"""Of so many steps a session remembers the properties; others are read when they are asked for."""


@dataclass(frozen=True, slots=True)
class Change:
    """A step's row as it is now, and what is to be written in the same transaction."""

    step: Step
    writes: tuple[Callable[[Transaction], None], ...] = ()


@dataclass(slots=True)
class Session:
    """One execution under way. `token` is that of the last lease under which it was right."""

    arn: str
    scope: Scope
    row: Resource
    pipeline: Pipeline
    execution: Execution
    steps: dict[str, Step]
    token: str = ""
    made: dict[str, str] = field(default_factory=dict)
    """What active steps have made, by the name under which its end is signalled -> step."""
    seen_all: float | None = None
    """When every active step was last looked at; None: not since this was loaded."""
    pending: dict[str, Step] = field(default_factory=dict)
    """Rows that have changed and are not written yet."""
    writes: list[Callable[[Transaction], None]] = field(default_factory=list)
    """What else goes into the transaction that writes them."""
    changes: list[StepChange] = field(default_factory=list)
    """What the world is told in that transaction."""
    known: dict[str, Document] = field(default_factory=dict)

    def defined(self, step: str) -> DefinedStep:
        """The definition of a step; of one that a loop has made, that of its pattern."""
        turn = self.execution.turns.get(step)
        return self.pipeline.named[turn.body if turn else step]

    def note(self, change: Change, made: str | None) -> None:
        """The step has come further: in memory at once, in the database with the next transaction."""
        step = change.step
        standing = self.steps.get(step.name)
        previous = standing.status if standing else None
        if step.status != previous:
            self.changes.append(StepChange(step, self.defined(step.name).type, previous))
        machine.advance(self.execution, _event(self, step))
        if made and step.status in machine.ACTIVE:
            self.made[made] = step.name
        elif made:
            self.made.pop(made, None)
        self.pending[step.name] = step
        self.writes.extend(change.writes)
        if step.properties is not None:
            self._remember(step.name, step.properties)
        self.steps[step.name] = replace(step, properties=None)

    def written(self) -> None:
        """Everything that was noted is in the database."""
        self.pending.clear()
        self.writes.clear()
        self.changes.clear()

    def follow(self, row: Resource) -> None:
        """Somebody may have stopped or updated the execution."""
        self.row = row
        if row.status == "Stopping" and self.execution.status == "Executing":
            machine.advance(self.execution, events.StopRequested())
        limit = _limit(row)
        if limit != self.execution.max_parallel:
            machine.advance(self.execution, events.ParallelismChanged(limit))

    def _remember(self, step: str, properties: Document) -> None:
        self.known[step] = properties
        if len(self.known) > KNOWN_PROPERTIES:
            self.known.pop(next(iter(self.known)))


def load(connection: Connection, arn: str) -> Session | None:
    """The execution of that ARN as it is stored; None when it is over or deleted."""
    scope = scope_of(arn)
    try:
        row = pipeline_executions.find(connection, scope, arn)
        text = pipeline_executions.definition_text(connection, scope, row)
    except Fault:
        return None
    if row.status in machine.FINAL:
        return None
    begun = {step.name: step for step in steps.of(connection, arn)}
    execution = machine.restore(
        definitions.plan(text),
        {name: _state(step) for name, step in begun.items()},
        "Stopping" if row.status == "Stopping" else "Executing",
        _limit(row),
        attempts=row.document.get(pipeline_executions.ATTEMPTS),
        chosen=pipeline_executions.chosen(row),
    )
    return Session(arn, scope, row, definitions.parsed(text), execution, begun)


def scope_of(arn: str) -> Scope:
    """The account and region of an ARN."""
    _, _, _, region, account, _ = arn.split(":", 5)
    return Scope(account, region)


def fresh(connection: Connection, session: Session) -> Resource | None:
    """The execution's row as it is now."""
    return resources.find(connection, session.row.key)


def _event(session: Session, step: Step) -> events.StepEvent:
    """What happened to the step, from the row it has now."""
    match step.status:
        case "Starting" if step.name in session.steps:
            return events.StepRetrying(step.name, step.retry_at or 0.0)
        case "Starting":
            return events.StepStarting(step.name)
        case "Executing":
            return events.StepStarted(step.name, len(step.items or ()))
        case "Stopping":
            return events.StepStopping(step.name)
        case "Succeeded" if step.outcome is not None:
            return events.ConditionEvaluated(step.name, step.outcome)
        case "Succeeded":
            return events.StepSucceeded(step.name)
        case "Failed":
            return events.StepFailed(step.name)
        case _:
            return events.StepStopped(step.name)


def _state(step: Step) -> StepState:
    turn = step.turn
    return StepState(
        step.status,  # type: ignore[arg-type]
        step.attempt,
        step.outcome,
        step.retry_at,
        len(step.items or ()),
        Turn(turn["ParentStepName"], turn["Body"], turn["Index"]) if turn else None,
    )


def _limit(row: Resource) -> int | None:
    limit: int | None = (row.document.get("ParallelismConfiguration") or {}).get("MaxParallelExecutionSteps")
    return limit
