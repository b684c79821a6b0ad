"""Room machines: the pure decisions of a pipeline execution.

In: an Execution, which is a Plan (facts of its definition that never change) and how far each step has come; and
events, what has happened. Out: from `decide` the effects that are due, from `evolve` the next Execution. Nothing
here reads a clock, a store or a network, and an event that cannot happen raises IllegalEventError.

Steps not yet reached have no state. A branch that is not taken needs no work: what waits for it never gets all it
needs, and neither does what waits for that. So an execution is over when nothing is ready and nothing is active.
Spec 02, sections 2 to 5. Where AWS's behaviour is unknown, the choice is made in `_starts_more`, `_end`,
`pipeline_state._broke` or `pipeline_state.finished_loops`, and nowhere else.
"""

from __future__ import annotations

import copy
import heapq
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice

from stepwell.machines import pipeline_state as state_of
from stepwell.machines.pipeline_events import (
    ConditionEvaluated,
    Effect,
    EvaluateCondition,
    Event,
    ExecutionFinished,
    ExecutionStatus,
    FailStep,
    FinishExecution,
    FinishLoop,
    ParallelismChanged,
    StartStep,
    StepEvent,
    StepFailed,
    StepRetrying,
    StepStarted,
    StepStarting,
    StepStatus,
    StepStopped,
    StepStopping,
    StepSucceeded,
    StopRequested,
    StopStep,
)
from stepwell.machines.pipeline_plan import Plan, plan_of
from stepwell.machines.pipeline_state import ACTIVE, Execution, StepState, Turn

__all__ = ["ACTIVE", "FAILURE_REASON", "FINAL", "Execution", "Plan", "StepState", "Turn", "plan_of"]

FAILURE_REASON = "Step failure: One or multiple steps failed."
"""What DescribePipelineExecution says of every failed execution, word for word."""

FINAL: frozenset[ExecutionStatus] = frozenset({"Succeeded", "Failed", "Stopped", "CompletedWithFailures"})


class IllegalEventError(Exception):
    """An event that cannot happen in this state: a bug of the runtime, or a lease that was lost."""


def begin(plan: Plan, max_parallel: int | None = None) -> Execution:
    """An execution of which nothing has happened yet."""
    return restore(plan, {}, max_parallel=max_parallel)


def restore(
    plan: Plan,
    steps: Mapping[str, StepState],
    status: ExecutionStatus = "Executing",
    max_parallel: int | None = None,
    *,
    attempts: Mapping[str, int] | None = None,
    chosen: frozenset[str] | None = None,
) -> Execution:
    """An execution whose steps have come this far: what a stored one is after it has been loaded."""
    execution = Execution(plan, status, max_parallel, dict(steps), attempts or {}, chosen)
    own = {step: state for step, state in steps.items() if state.turn is None}
    execution.turns = {step: state.turn for step, state in steps.items() if state.turn is not None}
    for step, requirements in plan.graph.requirements.items():
        if not requirements and step not in steps:
            execution.set_ready(step)
    for step, state in own.items():
        if state.status in ACTIVE:
            state_of.note_active(execution, step, state)
    for step, state in own.items():
        if state.status not in ACTIVE:
            state_of.note_end(execution, step, state)
    return execution


def decide(execution: Execution, now: float = math.inf, most: int | None = None) -> tuple[Effect, ...]:
    """What is to be done at `now`, at most so many things. Asking again without doing them gives the same answer."""
    if execution.status in FINAL:
        return ()
    due = _stops(execution) if execution.status == "Stopping" else _starts(execution, now)
    effects = tuple(islice(due, most))
    return effects if effects or execution.is_active else (_end(execution),)


def due(execution: Execution) -> float | None:
    """When the next step that waits to be tried again is due (epoch seconds)."""
    waits = (execution.steps[step].not_before for step in execution.active["Starting"])
    return min((moment for moment in waits if moment is not None), default=None)


def observable(execution: Execution) -> tuple[str, ...]:
    """The steps of which something new may be told, in the order of the definition."""
    made = execution.active["Executing"] | execution.active["Stopping"]
    return tuple(step for step in execution.sorted(made) if step not in execution.loops)


def evolve(execution: Execution, event: Event) -> Execution:
    """The execution after `event`, a new value. Raises IllegalEventError for what cannot have happened."""
    after = _copied(execution)
    advance(after, event)
    return after


def advance(execution: Execution, event: Event) -> None:
    """The same in place, for whoever holds the only reference: costs what the event changes and no more."""
    if execution.status in FINAL:
        raise IllegalEventError(f"{event} after the execution has ended as {execution.status}")
    match event:
        case StopRequested():
            execution.status = "Stopping"
        case ParallelismChanged(max_parallel):
            execution.max_parallel = max_parallel
        case ExecutionFinished(status):
            _check_end(execution, status)
            execution.status = status
        case _:
            _check_legal(execution, event)
            state_of.enter(execution, event.step, _next(execution, event))


def _copied(execution: Execution) -> Execution:
    after = copy.copy(execution)
    after.steps, after.met, after.turns = dict(execution.steps), dict(execution.met), dict(execution.turns)
    after.ready, after.ready_now = list(execution.ready), list(execution.ready_now)
    after.active = {status: set(steps) for status, steps in execution.active.items()}
    after.loops = {step: replace(loop, busy=dict(loop.busy)) for step, loop in execution.loops.items()}
    return after


def _starts(execution: Execution, now: float) -> Iterator[Effect]:
    """What begins now: what is ready, as far as there is room, what a crash left between two lines, and retries."""
    for step in execution.sorted(execution.active["Starting"]):
        state = execution.steps[step]
        if state.not_before is None or state.not_before <= now:
            yield StartStep(step, state.attempt)
    starts_more = _starts_more(execution)
    for step, status in state_of.finished_loops(execution, starts_more=starts_more):
        yield FinishLoop(step, status)
    if not starts_more:
        return
    limit = execution.max_parallel
    room = None if limit is None else max(limit - execution.taken, 0)
    for _, step in heapq.merge(execution.ready_now, islice(execution.ready, room)):
        match execution.kind(step):
            case "condition":
                yield EvaluateCondition(step)
            case "fail" | "unbuilt":
                yield FailStep(step)
            case _:
                yield StartStep(step, execution.attempts.get(step, 0) + 1)


def _starts_more(execution: Execution) -> bool:
    """After a failure that nothing takes up, steps in flight finish and no further step starts.

    AWS's guide says only the first half of this; the second is our choice.
    """
    return not execution.broken


def _stops(execution: Execution) -> Iterator[Effect]:
    for step in execution.sorted(execution.active["Starting"] | execution.active["Executing"]):
        yield StopStep(step)
    for step, status in state_of.finished_loops(execution, starts_more=False):
        yield FinishLoop(step, status)


def _end(execution: Execution) -> FinishExecution:
    """How the execution ends, now that nothing is active and nothing more starts."""
    if execution.status == "Stopping":
        return FinishExecution("Stopped")
    if execution.broken:
        return FinishExecution("Failed", FAILURE_REASON)
    return FinishExecution("CompletedWithFailures" if execution.unsuccessful else "Succeeded")


_FROM: Mapping[type[StepEvent], frozenset[StepStatus | None]] = {
    StepStarting: frozenset({None}),
    StepStarted: frozenset({None, "Starting"}),
    StepRetrying: frozenset({"Starting", "Executing"}),
    StepStopping: frozenset({"Starting", "Executing"}),
    StepSucceeded: frozenset({None, "Starting", "Executing", "Stopping"}),
    StepFailed: frozenset({None, "Starting", "Executing", "Stopping"}),
    StepStopped: frozenset({"Starting", "Executing", "Stopping"}),
    ConditionEvaluated: frozenset({None}),
}
"""Event -> the statuses of its step in which it can happen; None: ready, not yet begun."""

_TO: Mapping[type[StepEvent], StepStatus] = {
    StepStarting: "Starting",
    StepStarted: "Executing",
    StepRetrying: "Starting",
    StepStopping: "Stopping",
    StepSucceeded: "Succeeded",
    StepFailed: "Failed",
    StepStopped: "Stopped",
    ConditionEvaluated: "Succeeded",
}


def _next(execution: Execution, event: StepEvent) -> StepState:
    step = event.step
    first = StepState("Starting", execution.attempts.get(step, 0) + 1, turn=execution.turns.get(step))
    before = execution.steps.get(step, first)
    match event:
        case StepRetrying(_, not_before):
            return replace(before, status="Starting", attempt=before.attempt + 1, not_before=not_before)
        case ConditionEvaluated(_, outcome):
            return replace(before, status="Succeeded", outcome=outcome)
        case StepStarted(_, items):
            return replace(before, status="Executing", not_before=None, items=items)
        case _:
            return replace(before, status=_TO[type(event)], not_before=None)


def _check_legal(execution: Execution, event: StepEvent) -> None:
    state = execution.steps.get(event.step)
    if state is None and not execution.is_ready(event.step):
        raise IllegalEventError(f"{event}, but the step is not ready")
    if (state.status if state else None) not in _FROM[type(event)]:
        raise IllegalEventError(f"{event}, but the step is {state.status if state else 'not begun'}")
    kind = execution.kind(event.step)
    if kind == "condition":
        fits = isinstance(event, ConditionEvaluated)
    else:
        fits = kind not in state_of.INSTANT and not isinstance(event, ConditionEvaluated)
    if not (isinstance(event, StepFailed) or fits):
        raise IllegalEventError(f"{event} cannot happen to a step of kind {kind}")


def _check_end(execution: Execution, status: ExecutionStatus) -> None:
    wanted = decide(execution)
    if not (len(wanted) == 1 and isinstance(wanted[0], FinishExecution) and wanted[0].status == status):
        raise IllegalEventError(f"The execution ended as {status}, but what is due is {wanted}")
