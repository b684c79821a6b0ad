"""Moves pipeline executions: performs what `machines/pipeline_execution.decide` says, through the one door.

A step is first written down as Starting, then created under a name that derives from execution, step and attempt:
whoever comes back after a crash creates it again and is told that it exists. Steps in flight are observed by their
Describe operation; its last answer becomes the step's properties. Only this file writes step rows, and only under
the execution's lease.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from sqlalchemy import Connection

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.definition import conditions
from stepwell.definition.model import Pipeline
from stepwell.definition.model import Step as DefinedStep
from stepwell.definition.resolve import ResolutionError, resolve
from stepwell.definition.values import StoredValues
from stepwell.machines import pipeline_events as events
from stepwell.machines import pipeline_execution as machine
from stepwell.machines.pipeline_execution import Execution, StepState
from stepwell.services.registry import Door
from stepwell.services.sagemaker import definitions, pipeline_executions
from stepwell.services.sagemaker.pipelines import pipeline_arn
from stepwell.spec import models
from stepwell.steps import condition, fail, outcomes, reasons, registry, requests
from stepwell.steps.kinds import Job
from stepwell.steps.requests import Origin, Request
from stepwell.store import resources, steps
from stepwell.store.database import Transaction
from stepwell.store.resources import Resource
from stepwell.store.steps import Step

LARGEST_PROPERTY_FILE = 2 << 20
"""Bytes of a file that JsonGet reads (spec 01, section 3)."""
LOOK_AGAIN_SECONDS = 60.0
"""Ended jobs wake their execution; this is for those that somebody removed."""


@dataclass(frozen=True, slots=True)
class State:
    """One execution as it is stored, and what the machine makes of it."""

    arn: str
    scope: Scope
    row: Resource
    pipeline: Pipeline
    begun: Mapping[str, Step]
    execution: Execution


@dataclass(frozen=True, slots=True)
class Observe:
    """Look how far what `step` made has come."""

    step: str


@dataclass(frozen=True, slots=True)
class Changed:
    """A step has come further: its row as it is now."""

    step: Step


@dataclass(frozen=True, slots=True)
class Ended:
    """The execution is over."""

    status: str
    reason: str | None


Effect: TypeAlias = events.Effect | Observe
Event: TypeAlias = Changed | Ended


class PipelineExecutionMachine:
    """Meets `runtime.machine.Machine`."""

    name = pipeline_executions.MACHINE

    def __init__(self, door: Door) -> None:
        self._door = door

    def load(self, connection: Connection, subject: str) -> State | None:
        """The execution of that ARN; None when it is over or deleted."""
        scope = _scope(subject)
        try:
            row = pipeline_executions.find(connection, scope, subject)
            text = pipeline_executions.definition_text(connection, scope, row)
        except Fault:
            return None
        if row.status in machine.FINAL:
            return None
        pipeline = definitions.parsed(text)
        begun = {step.name: step for step in steps.of(connection, subject)}
        states = {name: _state(step) for name, step in begun.items()}
        limit = row.document.get("ParallelismConfiguration", {}).get("MaxParallelExecutionSteps")
        execution = machine.restore(definitions.plan(text), states, _status(row), limit)
        return State(subject, scope, row, pipeline, begun, execution)

    def decide(self, state: State, now: float) -> Sequence[Effect]:
        """What the pure machine says, and a look at every step in flight."""
        del now
        observations = (Observe(step) for step in machine.observable(state.execution))
        return (*observations, *machine.decide(state.execution))

    def perform(self, state: State, effect: Effect, now: float) -> Event | None:
        """Do it. What goes wrong with a step becomes the step's failure, not ours."""
        match effect:
            case events.FinishExecution(status, reason):
                return Ended(status, reason)
            case events.StartStep(name, attempt) if name not in state.begun:
                return Changed(Step(state.arn, name, "Starting", attempt, now))
        step = state.begun.get(effect.step) or Step(state.arn, effect.step, "Starting", 1, now)
        try:
            changed = self._performed(state, effect, step, now)
        except ResolutionError as error:
            changed = step.with_end("Failed", now, reason=reasons.limited(str(error)))
        return Changed(changed) if changed else None

    def apply(self, transaction: Transaction, state: State, event: Event, now: float) -> None:
        """Write the step's row, or the end of the execution unless somebody changed it meanwhile."""
        match event:
            case Changed(step):
                steps.save(transaction, step)
            case Ended(status, reason):
                row = resources.find(transaction.connection, state.row.key)
                if row is not None and row.status == state.row.status:
                    resources.save(transaction, row.with_changes(now, status=status, FailureReason=reason))

    def due(self, state: State, now: float) -> float | None:
        """Ended jobs wake their execution; a rare look besides costs nothing."""
        return now + LOOK_AGAIN_SECONDS if state.execution.active else None

    def _performed(self, state: State, effect: Effect, step: Step, now: float) -> Step | None:
        defined = state.pipeline.named[step.name]
        match effect:
            case events.StartStep():
                return self._start(state, defined, step, now)
            case Observe():
                return self._observe(state, defined, step, now)
            case events.StopStep():
                return self._stop(state, defined, step, now)
            case events.EvaluateCondition():
                outcome = conditions.evaluate_all(defined.conditions, self._values(state, now))
                answered = replace(step, metadata=condition.metadata(outcome))
                return answered.with_end("Succeeded", now, properties=condition.properties(outcome))
            case events.FailStep():
                return self._fail(state, defined, step, now)
        return None

    def _start(self, state: State, defined: DefinedStep, step: Step, now: float) -> Step:
        job = _job(defined)
        request = self._creation(state, defined, job, step, now)
        scope = self._acting(state, defined)
        try:
            self._prepare(scope, job, request)
            arn = self._created(scope, job, request)
        except Fault as fault:
            operation = f"{request.service}:{request.operation}"
            text = reasons.create_refused(operation, fault.code, fault.message, state.arn, step.name)
            return step.with_end("Failed", now, reason=text)
        return replace(step, status="Executing", metadata=requests.metadata(job, arn))

    def _created(self, scope: Scope, job: Job, request: Request) -> str:
        """The ARN of what the request makes, or made before a crash. Raises Fault."""
        try:
            return str(self._door.call(scope, request.service, request.operation, request.params)[job.arn_member])
        except Fault as refused:
            if not request.name:
                raise
            described = requests.describe(job, request.name, "")
            try:
                return str(self._call(scope, described)[job.arn_member])
            except Fault:
                raise refused from None

    def _prepare(self, scope: Scope, job: Job, request: Request) -> None:
        """What must stand before the creation: a pipeline makes a missing model package group (spec 04, 1)."""
        group = request.params.get("ModelPackageGroupName") if job.noun == "ModelPackage" else None
        if group and ":" not in group:
            try:
                self._door.call(scope, "sagemaker", "DescribeModelPackageGroup", {"ModelPackageGroupName": group})
            except Fault:
                self._door.call(scope, "sagemaker", "CreateModelPackageGroup", {"ModelPackageGroupName": group})

    def _observe(self, state: State, defined: DefinedStep, step: Step, now: float) -> Step | None:
        job = _job(defined)
        arn = str((step.metadata or {})[job.metadata_key]["Arn"])
        try:
            response = self._call(state.scope, requests.describe(job, arn.rpartition("/")[2], arn))
        except Fault as fault:
            return step.with_end("Failed", now, reason=reasons.job_failed(fault.message))
        match job.outcome(response):
            case outcomes.Succeeded():
                return step.with_end("Succeeded", now, properties=response)
            case outcomes.Failed(reason):
                return step.with_end("Failed", now, reason=reasons.job_failed(reason))
            case outcomes.Stopped():
                return step.with_end("Stopped", now)
            case _:
                return None

    def _stop(self, state: State, defined: DefinedStep, step: Step, now: float) -> Step:
        job = _job(defined)
        name = self._creation(state, defined, job, step, now).name
        stop = requests.stop(job, name)
        if stop is None:
            return step.with_end("Stopped", now)
        try:
            response = self._call(state.scope, requests.describe(job, name, ""))
        except Fault:
            return step.with_end("Stopped", now)
        if job.outcome(response) is None:
            try:
                self._call(state.scope, stop)
            except Fault:
                return replace(step, status="Stopping")  # it ended in between; the next look tells how
        metadata = step.metadata or requests.metadata(job, str(response[job.arn_member]))
        return replace(step, status="Stopping", metadata=metadata)

    def _fail(self, state: State, defined: DefinedStep, step: Step, now: float) -> Step:
        kind = registry.of(defined.type)
        if kind.kind == "unbuilt":
            return step.with_end("Failed", now, reason=reasons.unbuilt(defined.type))
        values = self._values(state, now)
        message = fail.message({name: resolve(tree, values) for name, tree in defined.arguments.items()})
        return replace(step, metadata=fail.metadata(message)).with_end("Failed", now, reason=message or None)

    def _creation(self, state: State, defined: DefinedStep, job: Job, step: Step, now: float) -> Request:
        origin = Origin(
            state.arn,
            state.row.document["RoleArn"],
            step.attempt,
            state.row.document.get("PipelineExperimentConfig"),
        )
        shape = models.operation(job.service, job.create).input_shape
        assert shape is not None, f"{job.create} takes no input"
        return requests.create(defined, job, origin, self._values(state, now), shape)

    def _values(self, state: State, now: float) -> StoredValues:
        name, execution_id = state.row.key.parent, state.row.name
        arn = pipeline_arn(state.scope, name)
        return StoredValues(
            state.pipeline,
            state.row.document["Parameters"],
            definitions.execution_variables(name, arn, execution_id, state.arn, state.row.created, now),
            lambda step: state.begun[step].properties if step in state.begun else None,
            lambda uri: self._read(state.scope, uri),
            state.row.document.get("PipelineExperimentConfig", {}),
        )

    def _read(self, scope: Scope, uri: str) -> str:
        """The text of an S3 object. Raises Fault."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        answer = self._door.call(scope, "s3", "GetObject", {"Bucket": bucket, "Key": key})
        if answer["ContentLength"] > LARGEST_PROPERTY_FILE:
            raise Fault("EntityTooLarge", f"It has more than {LARGEST_PROPERTY_FILE} bytes.")
        try:
            return str(answer["Body"].read().decode())
        except UnicodeDecodeError as error:
            raise Fault("InvalidText", f"It is not UTF-8: {error.reason}.") from error

    def _call(self, scope: Scope, request: Request) -> Document:
        return self._door.call(scope, request.service, request.operation, request.params)

    def _acting(self, state: State, defined: DefinedStep) -> Scope:
        """The pipeline's role, in a session named as AWS names it (spec 02, section 1)."""
        role = str(state.row.document["RoleArn"]).rpartition("/")[2]
        session = f"sagemaker-pipeline-{state.row.name}-{defined.name}"
        return replace(state.scope, principal=f"arn:aws:sts::{state.scope.account}:assumed-role/{role}/{session}")


def _scope(arn: str) -> Scope:
    _, _, _, region, account, _ = arn.split(":", 5)
    return Scope(account, region)


def _state(step: Step) -> StepState:
    outcome = (step.properties or {}).get("Outcome")
    return StepState(step.status, step.attempt, outcome if isinstance(outcome, bool) else None)  # type: ignore[arg-type]


def _status(row: Resource) -> events.ExecutionStatus:
    return "Stopping" if row.status == "Stopping" else "Executing"


def _job(defined: DefinedStep) -> Job:
    job = registry.of(defined.type).job
    if job is None:
        raise ValueError(f"a step of type {defined.type} makes nothing")
    return job
