"""Room machines: the pure decisions of a pipeline execution.

In: an Execution, which is a Plan (facts of its definition that never change) and how far each step has come; and
events, what has happened. Out: from `decide` the effects that are due, from `evolve` the next Execution. Nothing
here reads a clock, a store or a network, and an event that cannot happen raises IllegalEventError.

Steps not yet reached have no state. When a step ends, only those that wait for it are looked at. A branch that is
not taken needs no work: what waits for it never gets all it needs, and neither does what waits for that. So an
execution is over when nothing is ready and nothing is active. Spec 02, sections 2 to 5. Where AWS's behaviour is
unknown, the choice is made in `_starts_more`, `_broke` or `_end`, and nowhere else.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from stepwell.definition.graph import Graph, Requirement, graph_of
from stepwell.definition.model import CONDITION_BRANCHES, Pipeline
from stepwell.machines.pipeline_events import (
    ConditionEvaluated,
    Effect,
    EvaluateCondition,
    Event,
    ExecutionFinished,
    ExecutionStatus,
    FailStep,
    FinishExecution,
    ParallelismChanged,
    StartStep,
    StepEvent,
    StepFailed,
    StepStarted,
    StepStarting,
    StepStatus,
    StepStopped,
    StepStopping,
    StepSucceeded,
    StopRequested,
    StopStep,
)
from stepwell.steps import registry
from stepwell.steps.kinds import Kind

FAILURE_REASON = "Step failure: One or multiple steps failed."
"""What DescribePipelineExecution says of every failed execution, word for word."""

ACTIVE: frozenset[StepStatus] = frozenset({"Starting", "Executing", "Stopping"})
FINAL: frozenset[ExecutionStatus] = frozenset({"Succeeded", "Failed", "Stopped", "CompletedWithFailures"})


class IllegalEventError(Exception):
    """An event that cannot happen in this state: a bug of the runtime, or a lease that was lost."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the definition says about order. `rank` is the place of each step in the definition."""

    graph: Graph
    kinds: Mapping[str, Kind]
    rank: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class StepState:
    """How far a step that has been reached has come. `outcome` is that of a Condition."""

    status: StepStatus
    attempt: int = 1
    outcome: bool | None = None


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution. Made by `begin` or `restore`; what is behind `steps` follows from them and the plan."""

    plan: Plan
    status: ExecutionStatus
    max_parallel: int | None
    steps: Mapping[str, StepState]
    met: Mapping[str, int]
    """Of steps that wait and have part of what they need: how many requirements are met."""
    ready: tuple[str, ...]
    """Steps that have all they need and have not begun, in the order of the definition."""
    active: frozenset[str]
    """Steps that have begun and not ended."""
    unsuccessful: bool
    """Some step failed or was stopped."""
    broken: bool
    """Some step failed or was stopped and nothing was there to take it up."""


def plan_of(pipeline: Pipeline) -> Plan:
    """The plan of a checked pipeline."""
    return Plan(
        graph_of(pipeline),
        {step.name: registry.of(step.type).kind for step in pipeline.steps},
        {step.name: rank for rank, step in enumerate(pipeline.steps)},
    )


def begin(plan: Plan, max_parallel: int | None = None) -> Execution:
    """An execution of which nothing has happened yet."""
    return restore(plan, {}, max_parallel=max_parallel)


def restore(
    plan: Plan,
    steps: Mapping[str, StepState],
    status: ExecutionStatus = "Executing",
    max_parallel: int | None = None,
) -> Execution:
    """An execution whose steps have come this far: what a stored one is after it has been loaded."""
    free = (step for step, requirements in plan.graph.requirements.items() if not requirements)
    execution = Execution(
        plan=plan,
        status=status,
        max_parallel=max_parallel,
        steps=steps,
        met={},
        ready=_sorted(plan, (step for step in free if step not in steps)),
        active=frozenset(step for step, state in steps.items() if state.status in ACTIVE),
        unsuccessful=False,
        broken=False,
    )
    for step, state in steps.items():
        if state.status not in ACTIVE:
            execution = _ended(execution, step, state)
    return execution


def decide(execution: Execution) -> tuple[Effect, ...]:
    """What is to be done now. Performing nothing and asking again gives the same answer."""
    if execution.status in FINAL:
        return ()
    effects = tuple(_stops(execution) if execution.status == "Stopping" else _starts(execution))
    return effects if effects or execution.active else (_end(execution),)


def observable(execution: Execution) -> tuple[str, ...]:
    """The steps whose Describe response may tell something new, in the order of the definition."""
    made = (step for step in execution.active if execution.steps[step].status != "Starting")
    return _sorted(execution.plan, made)


def evolve(execution: Execution, event: Event) -> Execution:
    """The execution after `event`. Raises IllegalEventError for what cannot have happened."""
    if execution.status in FINAL:
        raise IllegalEventError(f"{event} after the execution has ended as {execution.status}")
    match event:
        case StopRequested():
            return replace(execution, status="Stopping")
        case ParallelismChanged(max_parallel):
            return replace(execution, max_parallel=max_parallel)
        case ExecutionFinished(status):
            return _finished(execution, status)
        case _:
            return _step_evolved(execution, event)


def _starts(execution: Execution) -> Iterator[Effect]:
    """What begins now: what is ready, as far as there is room, and what a crash left between two lines."""
    begun = (step for step in execution.active if execution.steps[step].status == "Starting")
    for step in _sorted(execution.plan, begun):
        yield StartStep(step, execution.steps[step].attempt)
    if not _starts_more(execution):
        return
    limit, taken = execution.max_parallel, len(execution.active)
    for step in execution.ready:
        match execution.plan.kinds[step]:
            case "condition":
                yield EvaluateCondition(step)
            case "fail" | "unbuilt":
                yield FailStep(step)
            case "job" if limit is None or taken < limit:
                taken += 1
                yield StartStep(step, 1)
            case "job":
                pass


def _starts_more(execution: Execution) -> bool:
    """After a failure that nothing takes up, steps in flight finish and no further step starts.

    AWS's guide says only the first half of this; the second is our choice.
    """
    return not execution.broken


def _stops(execution: Execution) -> Iterator[Effect]:
    running = (step for step in execution.active if execution.steps[step].status != "Stopping")
    for step in _sorted(execution.plan, running):
        yield StopStep(step)


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
    StepStopping: frozenset({"Starting", "Executing"}),
    StepSucceeded: frozenset({"Executing", "Stopping"}),
    StepFailed: frozenset({None, "Starting", "Executing", "Stopping"}),
    StepStopped: frozenset({"Starting", "Executing", "Stopping"}),
    ConditionEvaluated: frozenset({None}),
}
"""Event -> the statuses of its step in which it can happen; None: ready, not yet begun."""

_TO: Mapping[type[StepEvent], StepStatus] = {
    StepStarting: "Starting",
    StepStarted: "Executing",
    StepStopping: "Stopping",
    StepSucceeded: "Succeeded",
    StepFailed: "Failed",
    StepStopped: "Stopped",
    ConditionEvaluated: "Succeeded",
}


def _step_evolved(execution: Execution, event: StepEvent) -> Execution:
    step = event.step
    _check_legal(execution, event)
    before = execution.steps.get(step, StepState("Starting"))
    outcome = event.outcome if isinstance(event, ConditionEvaluated) else None
    state = replace(before, status=_TO[type(event)], outcome=outcome)
    moved = replace(
        execution,
        steps={**execution.steps, step: state},
        ready=_without(execution.ready, step),
        active=execution.active | {step} if state.status in ACTIVE else execution.active - {step},
    )
    return moved if state.status in ACTIVE else _ended(moved, step, state)


def _check_legal(execution: Execution, event: StepEvent) -> None:
    state = execution.steps.get(event.step)
    if state is None and event.step not in execution.ready:
        raise IllegalEventError(f"{event}, but the step is not ready")
    if (state.status if state else None) not in _FROM[type(event)]:
        raise IllegalEventError(f"{event}, but the step is {state.status if state else 'not begun'}")
    kind = execution.plan.kinds[event.step]
    fits = {"job": not isinstance(event, ConditionEvaluated), "condition": isinstance(event, ConditionEvaluated)}
    if not (isinstance(event, StepFailed) or fits.get(kind, False)):
        raise IllegalEventError(f"{event} cannot happen to a step of kind {kind}")


def _ended(execution: Execution, step: str, state: StepState) -> Execution:
    """Count down what waits for `step`, now that it has ended as `state` says."""
    met, ready, rank = dict(execution.met), list(execution.ready), execution.plan.rank
    for waiter in execution.plan.graph.waiters[step]:
        if waiter.step not in execution.steps and _meets(state, waiter.requirement):
            met[waiter.step] = met.get(waiter.step, 0) + 1
            if met[waiter.step] == len(execution.plan.graph.requirements[waiter.step]):
                del met[waiter.step]
                bisect.insort(ready, waiter.step, key=rank.__getitem__)
    return replace(
        execution,
        met=met,
        ready=tuple(ready),
        unsuccessful=execution.unsuccessful or state.status != "Succeeded",
        broken=execution.broken or _broke(execution.plan, step, state),
    )


def _meets(state: StepState, requirement: Requirement) -> bool:
    """Whether a step that ended like this gives what `requirement` asks of it."""
    if requirement.branch is not None:
        taken = None if state.outcome is None else CONDITION_BRANCHES[state.outcome]
        return state.status == "Succeeded" and taken == requirement.branch
    match requirement.trigger:
        case "Any":
            return True
        case "Completed":
            return state.status == "Succeeded"
        case "Failed" | "Stopped":
            return state.status == requirement.trigger


def _broke(plan: Plan, step: str, state: StepState) -> bool:
    """Whether the end of `step` breaks the execution: it did not succeed, and no step waits for just that.

    A step that was stopped although nobody stopped the execution breaks it like one that failed; our choice.
    """
    if state.status == "Succeeded":
        return False
    takers = (waiter.requirement for waiter in plan.graph.waiters[step])
    return not any(taker.trigger != "Completed" and _meets(state, taker) for taker in takers)


def _finished(execution: Execution, status: ExecutionStatus) -> Execution:
    due = decide(execution)
    if not (len(due) == 1 and isinstance(due[0], FinishExecution) and due[0].status == status):
        raise IllegalEventError(f"The execution ended as {status}, but what is due is {due}")
    return replace(execution, status=status)


def _without(ready: tuple[str, ...], step: str) -> tuple[str, ...]:
    place = ready.index(step) if step in ready else len(ready)
    return ready[:place] + ready[place + 1 :]


def _sorted(plan: Plan, steps: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(steps, key=plan.rank.__getitem__))
