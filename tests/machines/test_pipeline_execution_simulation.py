"""Room machines: random pipelines, run against random outcomes, stops and crashes.

A Run plays the runtime: it performs what `decide` wants in any order, tells `evolve` what happened, and is
restored from the steps' states at any moment, as after a crash. INVARIANTS hold after every event.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as some

from stepwell.definition.json_text import JSON
from stepwell.definition.parse import parse
from stepwell.machines.pipeline_events import (
    ConditionEvaluated,
    Effect,
    EvaluateCondition,
    Event,
    ExecutionFinished,
    FailStep,
    FinishExecution,
    ParallelismChanged,
    StartStep,
    StepFailed,
    StepStarted,
    StepStarting,
    StepStopped,
    StepStopping,
    StepSucceeded,
    StopRequested,
    StopStep,
)
from stepwell.machines.pipeline_execution import (
    ACTIVE,
    FINAL,
    Execution,
    begin,
    decide,
    evolve,
    observable,
    plan_of,
    restore,
)

TRIGGERS = some.sampled_from(["Completed"] * 6 + ["Failed", "Stopped", "Any"])


@some.composite
def definitions(draw: some.DrawFn) -> str:
    """Up to eight steps; each may wait for earlier ones and stand in a branch of an earlier condition."""
    steps: list[dict[str, JSON]] = []
    branches: list[list[JSON]] = [[]]
    for number in range(draw(some.integers(0, 8))):
        earlier = [step for step in steps if step["Type"] != "Fail"]
        chosen = draw(some.lists(some.sampled_from(earlier), max_size=3)) if earlier else []
        step: dict[str, JSON] = {
            "Name": f"S{number}",
            "Type": draw(some.sampled_from(["Training"] * 6 + ["Condition", "Condition", "Fail", "AutoML"])),
            "Arguments": {},
            "DependsOn": [{"Step": found["Name"], "Trigger": draw(TRIGGERS)} for found in chosen],
        }
        branches[draw(some.integers(0, len(branches) - 1))].append(step)
        steps.append(step)
        if step["Type"] == "Condition":
            if_steps: list[JSON] = []
            else_steps: list[JSON] = []
            step["Arguments"] = {"Conditions": [], "IfSteps": if_steps, "ElseSteps": else_steps}
            branches += [if_steps, else_steps]
    return json.dumps({"Steps": branches[0]})


@dataclass
class Run:
    """One execution and what has been seen of it."""

    draw: some.DrawFn
    execution: Execution
    events: list[Event] = field(default_factory=list)
    before: Execution | None = None

    def tell(self, happened: Event) -> None:
        self.before = self.execution
        self.execution = evolve(self.execution, happened)
        self.events.append(happened)
        for invariant in INVARIANTS:
            invariant(self)

    def crash(self) -> None:
        before = self.execution
        self.execution = restore(before.plan, before.steps, before.status, before.max_parallel)
        assert self.execution == before

    def perform(self, effect: Effect) -> None:
        match effect:
            case StartStep(step, attempt):
                assert attempt == 1
                self.tell(self.draw(some.sampled_from(self._answers(step))))
            case EvaluateCondition(step):
                outcomes: list[Event] = [ConditionEvaluated(step, True), ConditionEvaluated(step, False)]
                self.tell(self.draw(some.sampled_from([*outcomes * 3, StepFailed(step)])))
            case FailStep(step):
                self.tell(StepFailed(step))
            case StopStep(step):
                self.tell(self.draw(some.sampled_from([StepStopping(step), StepStopped(step)])))
            case FinishExecution(status, _):
                self.tell(ExecutionFinished(status))

    def _answers(self, step: str) -> list[Event]:
        begun: list[Event] = [] if step in self.execution.steps else [StepStarting(step)]
        return [StepStarted(step)] * 5 + [StepFailed(step)] + begun

    def observe(self, step: str) -> None:
        ends: list[Event] = [*[StepSucceeded(step)] * 6, StepFailed(step), StepStopped(step)]
        self.tell(self.draw(some.sampled_from(ends)))

    def turn(self) -> None:
        """One thing happens: something due is performed, something running ends, somebody calls, or a crash."""
        due: list[Callable[[], None]] = [
            lambda effect=effect: self.perform(effect) for effect in decide(self.execution)
        ]
        due += [lambda step=step: self.observe(step) for step in observable(self.execution)]
        happenings = due * 8 + [self.crash, self.call]
        self.draw(some.sampled_from(happenings))()

    def call(self) -> None:
        calls: list[Event] = [ParallelismChanged(2), ParallelismChanged(None), StopRequested()]
        self.tell(self.draw(some.sampled_from(calls)))


def requirements_were_met(run: Run) -> None:
    """No step begins before everything it needs has happened."""
    assert run.before is not None
    for step in run.execution.steps.keys() - run.before.steps.keys():
        for needed in run.execution.plan.graph.requirements[step]:
            state = run.before.steps[needed.step]
            assert state.status not in ACTIVE
            if needed.branch is not None:
                assert state.status == "Succeeded"
                assert needed.branch == ("IfSteps" if state.outcome else "ElseSteps")
            elif needed.trigger == "Completed":
                assert state.status == "Succeeded"
            elif needed.trigger != "Any":
                assert state.status == needed.trigger


def room_is_kept(run: Run) -> None:
    """Never more jobs begin than MaxParallelExecutionSteps leaves room for."""
    limit = run.execution.max_parallel
    wanted = [effect for effect in decide(run.execution) if isinstance(effect, StartStep)]
    new = [effect for effect in wanted if effect.step not in run.execution.steps]
    if limit is not None and new:
        assert run.execution.taken + len(new) <= limit


def nothing_starts_after_the_break(run: Run) -> None:
    """After a failure that nothing takes up, and after a stop, no further step is begun."""
    assert run.before is not None
    if run.execution.status == "Stopping" or unhandled(run.execution):
        begun = (StartStep, EvaluateCondition, FailStep)
        due = [effect for effect in decide(run.execution) if isinstance(effect, begun)]
        assert all(isinstance(effect, StartStep) and effect.step in run.execution.steps for effect in due)


def unhandled(execution: Execution) -> set[str]:
    """Steps that did not succeed and that no other waits for to end so."""
    found = set()
    for step, state in execution.steps.items():
        wanted = {waiter.requirement.trigger for waiter in execution.plan.graph.waiters[step]}
        if state.status in ("Failed", "Stopped") and not wanted & {"Any", state.status}:
            found.add(step)
    return found


def steps_end_once(run: Run) -> None:
    """What has ended never changes."""
    assert run.before is not None
    for step, state in run.before.steps.items():
        assert state.status in ACTIVE or run.execution.steps[step] == state


def something_is_always_left(run: Run) -> None:
    """An execution that has not ended has something due, or something running that will tell."""
    assert run.execution.status in FINAL or decide(run.execution) or observable(run.execution)


def ends_are_right(run: Run) -> None:
    """The status in the end says what has happened; nothing that could still run is left out."""
    execution = run.execution
    if execution.status not in FINAL:
        return
    assert not any(state.status in ACTIVE for state in execution.steps.values())
    statuses = {state.status for state in execution.steps.values()}
    if StopRequested() in run.events:
        assert execution.status == "Stopped"
    elif unhandled(execution):
        assert execution.status == "Failed"
    else:
        assert execution.status == ("Succeeded" if statuses <= {"Succeeded"} else "CompletedWithFailures")
        assert not could_run(execution)


def could_run(execution: Execution) -> set[str]:
    """Steps not begun whose requirements are all met, found without the machine's own counting."""

    def met(step: str) -> bool:
        for needed in execution.plan.graph.requirements[step]:
            state = execution.steps.get(needed.step)
            if state is None:
                return False
            branch = None if state.outcome is None else ("IfSteps" if state.outcome else "ElseSteps")
            wanted = {"Completed": {"Succeeded"}, "Any": {"Succeeded", "Failed", "Stopped"}}
            if state.status not in wanted.get(needed.trigger, {needed.trigger}):
                return False
            if needed.branch not in (None, branch):
                return False
        return True

    return {step for step in execution.plan.rank if step not in execution.steps and met(step)}


INVARIANTS: list[Callable[[Run], None]] = [
    requirements_were_met,
    room_is_kept,
    nothing_starts_after_the_break,
    steps_end_once,
    something_is_always_left,
    ends_are_right,
]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(some.data(), definitions(), some.none() | some.integers(1, 3))
def test_every_execution_ends_and_keeps_the_invariants(
    data: some.DataObject, definition: str, max_parallel: int | None
) -> None:
    execution = begin(plan_of(parse(definition)), max_parallel)
    run = Run(data.draw, execution)
    for _ in range(60):
        if run.execution.status in FINAL:
            break
        run.turn()
    while run.execution.status not in FINAL:
        finish(run)
    event(run.execution.status)


def finish(run: Run) -> None:
    """Whatever came before: performing what is due and letting what runs succeed leads to an end."""
    for effect in decide(run.execution)[:1]:
        match effect:
            case StartStep(step, _):
                run.tell(StepStarted(step))
            case _:
                run.perform(effect)
        return
    run.tell(StepSucceeded(observable(run.execution)[0]))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(definitions())
def test_a_stored_execution_is_the_same_execution(definition: str) -> None:
    execution = begin(plan_of(parse(definition)))
    while execution.status not in FINAL:
        assert restore(execution.plan, execution.steps, execution.status) == execution
        match decide(execution)[0]:
            case StartStep(step, _):
                for happened in (StepStarting(step), StepStarted(step), StepSucceeded(step)):
                    execution = evolve(execution, happened)
                    assert restore(execution.plan, execution.steps, execution.status) == execution
            case EvaluateCondition(step):
                execution = evolve(execution, ConditionEvaluated(step, len(execution.steps) % 2 == 0))
            case FailStep(step):
                execution = evolve(execution, StepFailed(step))
            case FinishExecution(status, _):
                execution = evolve(execution, ExecutionFinished(status))
