"""Room machines, pipeline_execution: truth tables of decide and evolve."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from stepwell.definition.json_text import JSON
from stepwell.definition.parse import parse
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
    StepStopped,
    StepStopping,
    StepSucceeded,
    StopRequested,
    StopStep,
)
from stepwell.machines.pipeline_execution import (
    FAILURE_REASON,
    Execution,
    IllegalEventError,
    StepState,
    begin,
    decide,
    evolve,
    observable,
    plan_of,
    restore,
)

FAILED = FinishExecution("Failed", FAILURE_REASON)


def work(name: str, *after: JSON) -> JSON:
    return {"Name": name, "Type": "Training", "Arguments": {}, "DependsOn": list(after)}


def choice(
    name: str, if_steps: Iterable[JSON] = (), else_steps: Iterable[JSON] = (), after: Iterable[JSON] = ()
) -> JSON:
    arguments: JSON = {"Conditions": [], "IfSteps": list(if_steps), "ElseSteps": list(else_steps)}
    return {"Name": name, "Type": "Condition", "Arguments": arguments, "DependsOn": list(after)}


def fail(name: str, *after: JSON) -> JSON:
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": ""}, "DependsOn": list(after)}


def started(*steps: JSON, max_parallel: int | None = None) -> Execution:
    return begin(plan_of(parse(json.dumps({"Steps": list(steps)}))), max_parallel)


def after(execution: Execution, *events: Event) -> Execution:
    for event in events:
        execution = evolve(execution, event)
    return execution


def done(*steps: str) -> list[Event]:
    return [event for step in steps for event in (StepStarted(step), StepSucceeded(step))]


def test_an_execution_without_steps_succeeds() -> None:
    assert decide(started()) == (FinishExecution("Succeeded"),)
    assert decide(after(started(), ExecutionFinished("Succeeded"))) == ()


def test_independent_steps_start_side_by_side() -> None:
    execution = started(work("A"), work("B"), work("C", "A"))
    assert decide(execution) == (StartStep("A", 1), StartStep("B", 1))
    execution = after(execution, StepStarted("A"), StepStarted("B"))
    assert decide(execution) == ()
    assert observable(execution) == ("A", "B")
    assert decide(after(execution, StepSucceeded("A"))) == (StartStep("C", 1),)


def test_a_step_waits_for_everything_it_needs() -> None:
    execution = after(started(work("A"), work("B"), work("C", "A", "B")), *done("A"))
    assert decide(execution) == (StartStep("B", 1),)
    assert decide(after(execution, *done("B"))) == (StartStep("C", 1),)
    assert decide(after(execution, *done("B", "C"))) == (FinishExecution("Succeeded"),)


@pytest.mark.parametrize(("outcome", "taken", "not_taken"), [(True, ("If",), ("Else",)), (False, ("Else",), ("If",))])
def test_only_the_branch_taken_runs(outcome: bool, taken: tuple[str, ...], not_taken: tuple[str, ...]) -> None:
    execution = started(
        choice("C", [work("If")], [work("Else")]),
        work("OnIf", "If"),
        work("OnElse", "Else"),
        work("OnOnElse", "OnElse"),
        work("Both", "If", "Else"),
        work("After", "C"),
    )
    assert decide(execution) == (EvaluateCondition("C"),)
    execution = after(execution, ConditionEvaluated("C", outcome))
    assert decide(execution) == (StartStep(*taken, 1), StartStep("After", 1))
    execution = after(execution, *done("After", *taken))
    (start,) = decide(execution)
    assert start == StartStep("OnIf" if outcome else "OnElse", 1)
    execution = after(execution, *done("OnIf") if outcome else done("OnElse", "OnOnElse"))
    assert decide(execution) == (FinishExecution("Succeeded"),)
    assert not execution.steps.keys() & {*not_taken, "Both"}


def test_conditions_nest() -> None:
    inner = choice("Inner", [work("Deep")], [fail("No")])
    execution = after(started(choice("Outer", [inner])), ConditionEvaluated("Outer", True))
    assert decide(execution) == (EvaluateCondition("Inner"),)
    assert decide(after(execution, ConditionEvaluated("Inner", True))) == (StartStep("Deep", 1),)
    assert decide(after(execution, ConditionEvaluated("Inner", False))) == (FailStep("No"),)
    untaken = after(started(choice("Outer", [inner])), ConditionEvaluated("Outer", False))
    assert decide(untaken) == (FinishExecution("Succeeded"),)


def test_a_condition_that_cannot_be_evaluated_fails_the_execution() -> None:
    execution = after(started(choice("C", [work("If")], [work("Else")])), StepFailed("C"))
    assert decide(execution) == (FAILED,)


def test_after_a_failure_steps_in_flight_finish_and_none_starts() -> None:
    execution = started(work("A"), work("B"), work("OnA", "A"), work("OnB", "B"))
    execution = after(execution, StepStarted("A"), StepStarted("B"), StepFailed("A"))
    assert decide(execution) == ()
    execution = after(execution, StepSucceeded("B"))
    assert decide(execution) == (FAILED,)
    assert [step for _, step in execution.ready] == ["OnB"]
    assert set(execution.steps) == {"A", "B"}


def test_a_creation_that_is_refused_is_a_failure() -> None:
    assert decide(after(started(work("A")), StepFailed("A"))) == (FAILED,)


def test_a_fail_step_waits_for_steps_beside_it() -> None:
    execution = started(work("A"), fail("F"))
    assert decide(execution) == (StartStep("A", 1), FailStep("F"))
    execution = after(execution, StepFailed("F"), StepStarted("A"))
    assert decide(execution) == ()
    assert decide(after(execution, StepSucceeded("A"))) == (FAILED,)


def test_types_that_cannot_run_fail_when_they_are_reached() -> None:
    tune: JSON = {"Name": "T", "Type": "AutoML", "Arguments": {}, "DependsOn": ["A"]}
    assert decide(after(started(work("A"), tune), *done("A"))) == (FailStep("T"),)


def test_at_most_so_many_jobs_at_once() -> None:
    execution = started(work("A"), choice("C"), work("B"), fail("F"), work("D"), max_parallel=1)
    assert decide(execution) == (StartStep("A", 1), EvaluateCondition("C"), FailStep("F"))
    execution = after(started(work("A"), work("B"), work("D"), max_parallel=2), StepStarted("A"))
    assert decide(execution) == (StartStep("B", 1),)
    execution = after(execution, StepStarted("B"))
    assert decide(execution) == ()
    assert decide(after(execution, StepSucceeded("A"))) == (StartStep("D", 1),)
    assert decide(after(execution, ParallelismChanged(3))) == (StartStep("D", 1),)
    assert decide(after(execution, ParallelismChanged(None))) == (StartStep("D", 1),)
    assert decide(after(execution, ParallelismChanged(1), StepSucceeded("A"))) == ()


def test_stopping_stops_what_runs_and_starts_nothing() -> None:
    execution = after(started(work("A"), work("B"), work("C", "A")), StepStarted("A"), StopRequested())
    assert decide(execution) == (StopStep("A"),)
    execution = after(execution, StepStopping("A"))
    assert decide(execution) == ()
    assert observable(execution) == ("A",)
    for last in (StepStopped("A"), StepSucceeded("A"), StepFailed("A")):
        assert decide(after(execution, last)) == (FinishExecution("Stopped"),)


def test_stopping_an_idle_execution_ends_it() -> None:
    execution = after(started(work("A")), StopRequested())
    assert decide(execution) == (FinishExecution("Stopped"),)
    assert after(execution, StopRequested()) == execution
    assert after(execution, ExecutionFinished("Stopped")).status == "Stopped"


def test_a_step_that_started_beside_a_stop_is_stopped_too() -> None:
    assert decide(after(started(work("A")), StopRequested(), StepStarted("A"))) == (StopStep("A"),)


def test_a_start_that_a_crash_cut_short_is_repeated() -> None:
    execution = after(started(work("A"), work("B"), max_parallel=1), StepStarting("A"))
    assert decide(execution) == (StartStep("A", 1),)
    assert observable(execution) == ()
    assert decide(after(execution, StepStarted("A"))) == ()
    assert decide(after(execution, StopRequested())) == (StopStep("A"),)
    assert decide(after(execution, StopRequested(), StepStopped("A"))) == (FinishExecution("Stopped"),)


def test_a_start_that_a_crash_cut_short_is_repeated_after_a_failure() -> None:
    execution = after(started(work("A"), work("B"), work("C")), StepStarting("A"), StepFailed("B"))
    assert decide(execution) == (StartStep("A", 1),)


def test_a_stop_from_outside_breaks_the_execution() -> None:
    execution = after(started(work("A"), work("B", "A")), StepStarted("A"), StepStopped("A"))
    assert decide(execution) == (FAILED,)


@pytest.mark.parametrize(
    ("trigger", "end", "starts", "status"),
    [
        ("Completed", StepSucceeded, True, "Succeeded"),
        ("Completed", StepFailed, False, "Failed"),
        ("Completed", StepStopped, False, "Failed"),
        ("Failed", StepSucceeded, False, "Succeeded"),
        ("Failed", StepFailed, True, "CompletedWithFailures"),
        ("Failed", StepStopped, False, "Failed"),
        ("Stopped", StepSucceeded, False, "Succeeded"),
        ("Stopped", StepFailed, False, "Failed"),
        ("Stopped", StepStopped, True, "CompletedWithFailures"),
        ("Any", StepSucceeded, True, "Succeeded"),
        ("Any", StepFailed, True, "CompletedWithFailures"),
        ("Any", StepStopped, True, "CompletedWithFailures"),
    ],
)
def test_triggers(trigger: str, end: type[StepEvent], starts: bool, status: ExecutionStatus) -> None:
    execution = started(work("A"), work("B", {"Step": "A", "Trigger": trigger}))
    execution = after(execution, StepStarted("A"), end("A"))
    if starts:
        assert decide(execution) == (StartStep("B", 1),)
        execution = after(execution, *done("B"))
    assert decide(execution) == (FinishExecution(status, FAILURE_REASON if status == "Failed" else None),)


def test_a_failure_that_only_one_of_two_takes_up_still_goes_on() -> None:
    steps = [work("A"), work("Ok", "A"), work("Repair", {"Step": "A", "Trigger": "Failed"}), work("Other")]
    execution = after(started(*steps), StepStarted("A"), StepFailed("A"))
    assert decide(execution) == (StartStep("Repair", 1), StartStep("Other", 1))
    execution = after(execution, *done("Repair", "Other"))
    assert decide(execution) == (FinishExecution("CompletedWithFailures"),)


STATES: dict[str, list[Event]] = {
    "waiting": [],
    "ready": done("First"),
    "starting": [*done("First"), StepStarting("S")],
    "executing": [*done("First"), StepStarted("S")],
    "stopping": [*done("First"), StepStarted("S"), StepStopping("S")],
    "succeeded": done("First", "S"),
    "failed": [*done("First"), StepStarted("S"), StepFailed("S")],
    "stopped": [*done("First"), StepStarted("S"), StepStopped("S")],
}
MOVES: dict[tuple[str, type[StepEvent]], str] = {
    ("ready", StepStarting): "Starting",
    ("ready", StepStarted): "Executing",
    ("ready", StepSucceeded): "Succeeded",
    ("ready", StepFailed): "Failed",
    ("starting", StepStarted): "Executing",
    ("starting", StepSucceeded): "Succeeded",
    ("starting", StepFailed): "Failed",
    ("starting", StepStopping): "Stopping",
    ("starting", StepStopped): "Stopped",
    ("executing", StepSucceeded): "Succeeded",
    ("executing", StepFailed): "Failed",
    ("executing", StepStopping): "Stopping",
    ("executing", StepStopped): "Stopped",
    ("stopping", StepSucceeded): "Succeeded",
    ("stopping", StepFailed): "Failed",
    ("stopping", StepStopped): "Stopped",
}
PLAIN: list[type[StepEvent]] = [StepStarting, StepStarted, StepStopping, StepSucceeded, StepFailed, StepStopped]


@pytest.mark.parametrize(("state", "event"), list(itertools.product(STATES, PLAIN)))
def test_every_event_in_every_state_of_a_job(state: str, event: type[StepEvent]) -> None:
    execution = after(started(work("First"), work("S", "First")), *STATES[state])
    expected = MOVES.get((state, event))
    if expected is None:
        with pytest.raises(IllegalEventError):
            evolve(execution, event("S"))
    else:
        assert evolve(execution, event("S")).steps["S"] == StepState(expected)


@pytest.mark.parametrize(
    ("step", "event", "legal"),
    [
        *[("C", event("C"), event is StepFailed) for event in PLAIN],
        *[("F", event("F"), event is StepFailed) for event in PLAIN],
        ("C", ConditionEvaluated("C", True), True),
        ("F", ConditionEvaluated("F", True), False),
        ("J", ConditionEvaluated("J", True), False),
    ],
)
def test_events_fit_the_kind_of_their_step(step: str, event: Event, legal: bool) -> None:
    execution = started(choice("C"), fail("F"), work("J"))
    if legal:
        assert evolve(execution, event).steps[step].status in ("Succeeded", "Failed")
    else:
        with pytest.raises(IllegalEventError):
            evolve(execution, event)


def test_a_condition_is_evaluated_once() -> None:
    execution = after(started(choice("C")), ConditionEvaluated("C", True))
    assert execution.steps["C"] == StepState("Succeeded", outcome=True)
    with pytest.raises(IllegalEventError, match="the step is Succeeded"):
        evolve(execution, ConditionEvaluated("C", False))


ENDINGS: list[ExecutionStatus] = ["Executing", "Stopping", "Succeeded", "Failed", "Stopped", "CompletedWithFailures"]


@pytest.mark.parametrize("status", ENDINGS)
def test_an_execution_ends_as_decided_and_not_before(status: ExecutionStatus) -> None:
    running = after(started(work("A")), StepStarted("A"))
    with pytest.raises(IllegalEventError):
        evolve(running, ExecutionFinished(status))
    over = after(running, StepSucceeded("A"))
    if status == "Succeeded":
        assert evolve(over, ExecutionFinished(status)).status == status
    else:
        with pytest.raises(IllegalEventError):
            evolve(over, ExecutionFinished(status))


@pytest.mark.parametrize(
    "event", [StopRequested(), ParallelismChanged(1), ExecutionFinished("Succeeded"), StepStarted("A")]
)
def test_nothing_happens_after_the_end(event: Event) -> None:
    over = after(started(work("A")), *done("A"), ExecutionFinished("Succeeded"))
    assert decide(over) == ()
    with pytest.raises(IllegalEventError, match="after the execution has ended as Succeeded"):
        evolve(over, event)


def test_steps_begin_in_the_order_of_the_definition() -> None:
    execution = after(started(work("C"), work("A", "Z"), work("B"), work("Z")), *done("Z"))
    assert decide(execution) == (StartStep("C", 1), StartStep("A", 1), StartStep("B", 1))


def test_a_restored_execution_keeps_attempts() -> None:
    plan = started(work("A")).plan
    execution = restore(plan, {"A": StepState("Starting", attempt=3)})
    assert decide(execution) == (StartStep("A", 3),)
    assert evolve(execution, StepStarted("A")).steps["A"] == StepState("Executing", attempt=3)


def test_the_abalone_pipeline_runs_to_its_end() -> None:
    folder = Path(__file__).parent.parent / "definition" / "sdk_v2"
    execution = begin(plan_of(parse((folder / "abalone.json").read_text())))
    seen: list[Effect] = []
    while effects := decide(execution):
        seen += effects
        for effect in effects:
            match effect:
                case StartStep(step, _):
                    execution = after(execution, *done(step))
                case EvaluateCondition(step):
                    execution = after(execution, ConditionEvaluated(step, True))
                case FinishExecution(status, _):
                    execution = after(execution, ExecutionFinished(status))
    assert seen == [
        StartStep("AbaloneProcess", 1),
        StartStep("AbaloneTrain", 1),
        StartStep("AbaloneEval", 1),
        EvaluateCondition("AbaloneCondition"),
        StartStep("AbaloneRegister-RegisterModel", 1),
        StartStep("AbaloneCreate-CreateModel", 1),
        FinishExecution("Succeeded"),
    ]
