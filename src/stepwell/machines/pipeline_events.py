"""Room machines: the words between a pipeline execution's machine and the runtime.

In: nothing, these are only values. Out: Effect, what `pipeline_execution.decide` wants done, and Event, what the
runtime tells `pipeline_execution.evolve` has happened. Every effect may be performed again after a crash.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

StepStatus: TypeAlias = Literal["Starting", "Executing", "Stopping", "Succeeded", "Failed", "Stopped"]
ExecutionStatus: TypeAlias = Literal[
    "Executing", "Stopping", "Succeeded", "Failed", "Stopped", "CompletedWithFailures"
]


@dataclass(frozen=True, slots=True)
class StartStep:
    """Create what `step` makes, under the name derived from this `attempt`.

    Answer: StepStarted or StepFailed; StepSucceeded when there is nothing to wait for, as of a result from the cache;
    StepRetrying when it is to be tried again.
    """

    step: str
    attempt: int


@dataclass(frozen=True, slots=True)
class EvaluateCondition:
    """Evaluate the conditions of `step`. Answer: ConditionEvaluated, or StepFailed when they cannot be."""

    step: str


@dataclass(frozen=True, slots=True)
class FailStep:
    """`step` fails without anything being made: a Fail step, or a type that cannot run. Answer: StepFailed."""

    step: str


@dataclass(frozen=True, slots=True)
class StopStep:
    """Stop what `step` has made. Answer: StepStopping; StepStopped when there is nothing to stop."""

    step: str


@dataclass(frozen=True, slots=True)
class FinishLoop:
    """Nothing of the ForEach `step` is left to do; its turns ended as `status`. Answer: StepSucceeded or its like."""

    step: str
    status: StepStatus


@dataclass(frozen=True, slots=True)
class FinishExecution:
    """Nothing is left to do: the execution ends. Answer: ExecutionFinished."""

    status: ExecutionStatus
    reason: str | None = None


Effect: TypeAlias = StartStep | EvaluateCondition | FailStep | StopStep | FinishLoop | FinishExecution


@dataclass(frozen=True, slots=True)
class StepStarting:
    """The step's row is written, its creation not yet answered. May be left out before StepStarted.

    Written before the creation it closes a gap: an execution that is stopped after a crash in between knows that
    there may be something to stop.
    """

    step: str


@dataclass(frozen=True, slots=True)
class StepStarted:
    """What the step makes has been created. Of a ForEach: it goes through `items` items."""

    step: str
    items: int = 0


@dataclass(frozen=True, slots=True)
class StepRetrying:
    """This attempt came to nothing; the next one is due at `not_before` (epoch seconds)."""

    step: str
    not_before: float


@dataclass(frozen=True, slots=True)
class StepStopping:
    """What the step made has been told to stop."""

    step: str


@dataclass(frozen=True, slots=True)
class StepSucceeded:
    """What the step made is done, or need not be made; its properties can be read."""

    step: str


@dataclass(frozen=True, slots=True)
class StepFailed:
    """The step failed: its creation was refused, what it made failed, or it is a Fail step."""

    step: str


@dataclass(frozen=True, slots=True)
class StepStopped:
    """What the step made was stopped, whoever asked for it."""

    step: str


@dataclass(frozen=True, slots=True)
class ConditionEvaluated:
    """The conditions of the step came to `outcome`."""

    step: str
    outcome: bool


@dataclass(frozen=True, slots=True)
class StopRequested:
    """Somebody called StopPipelineExecution."""


@dataclass(frozen=True, slots=True)
class ParallelismChanged:
    """Somebody called UpdatePipelineExecution; None: as many steps at once as there are."""

    max_parallel: int | None


@dataclass(frozen=True, slots=True)
class ExecutionFinished:
    """The end is written."""

    status: ExecutionStatus


StepEvent: TypeAlias = (
    StepStarting
    | StepStarted
    | StepRetrying
    | StepStopping
    | StepSucceeded
    | StepFailed
    | StepStopped
    | ConditionEvaluated
)
Event: TypeAlias = StepEvent | StopRequested | ParallelismChanged | ExecutionFinished
