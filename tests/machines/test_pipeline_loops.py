"""Room machines: loops and steps that wait to be tried again, as truth tables of decide and evolve."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stepwell.definition.parse import parse
from stepwell.machines import pipeline_execution as machine
from stepwell.machines.pipeline_events import (
    Effect,
    Event,
    FinishExecution,
    FinishLoop,
    StartStep,
    StepFailed,
    StepRetrying,
    StepStarted,
    StepStarting,
    StepStopped,
    StepStopping,
    StepSucceeded,
    StopRequested,
    StopStep,
)
from stepwell.machines.pipeline_execution import Execution, IllegalEventError, begin, decide, evolve, plan_of, restore


def work(name: str, *after: str) -> dict[str, Any]:
    return {"Name": name, "Type": "Training", "Arguments": {}, "DependsOn": list(after)}


def loop(name: str, *body: dict[str, Any], at_once: int = 1, after: tuple[str, ...] = ()) -> dict[str, Any]:
    arguments = {"IterableItems": [1, 2, 3], "MaxConcurrency": at_once, "ForEachBody": list(body)}
    return {"Name": name, "Type": "ForEach", "Arguments": arguments, "DependsOn": list(after)}


def started(*steps: dict[str, Any], limit: int | None = None) -> Execution:
    return begin(plan_of(parse(json.dumps({"Steps": list(steps)}))), limit)


def after(execution: Execution, *events: Event) -> Execution:
    for event in events:
        execution = evolve(execution, event)
        again = restore(execution.plan, execution.steps, execution.status, execution.max_parallel)
        assert decide(again) == decide(execution), "a loaded execution decides otherwise"
    return execution


def done(*steps: str) -> list[Event]:
    return [event for step in steps for event in (StepStarted(step), StepSucceeded(step))]


def test_a_loop_waits_for_what_its_body_needs() -> None:
    execution = started(work("A"), loop("L", work("B", "A")))
    assert decide(execution) == (StartStep("A", 1),)
    assert decide(after(execution, *done("A"))) == (StartStep("L", 1),)


@pytest.mark.parametrize(
    ("at_once", "first"), [(1, ("B-0",)), (2, ("B-0", "B-1")), (3, ("B-0", "B-1", "B-2")), (9, ("B-0", "B-1", "B-2"))]
)
def test_so_many_turns_at_once(at_once: int, first: tuple[str, ...]) -> None:
    execution = after(started(loop("L", work("B"), at_once=at_once)), StepStarted("L", 3))
    assert decide(execution) == tuple(StartStep(step, 1) for step in first)


def test_a_turn_begins_when_the_one_before_is_over() -> None:
    execution = after(started(loop("L", work("B"), work("C", "B")), work("After", "L")), StepStarted("L", 2))
    assert decide(execution) == (StartStep("B-0", 1),)
    execution = after(execution, *done("B-0"))
    assert decide(execution) == (StartStep("C-0", 1),)
    execution = after(execution, *done("C-0"))
    assert decide(execution) == (StartStep("B-1", 1),)
    execution = after(execution, *done("B-1", "C-1"))
    assert decide(execution) == (FinishLoop("L", "Succeeded"),)
    assert decide(after(execution, StepSucceeded("L"))) == (StartStep("After", 1),)


def test_what_a_loop_repeats_takes_room() -> None:
    execution = after(started(loop("L", work("B"), at_once=3), limit=2), StepStarted("L", 3))
    assert decide(execution) == (StartStep("B-0", 1), StartStep("B-1", 1))


@pytest.mark.parametrize(
    ("end", "due"),
    [
        (StepFailed, (FinishLoop("L", "Failed"),)),
        (StepStopped, (StartStep("B-1", 1),)),
        (StepSucceeded, (StartStep("B-1", 1),)),
    ],
)
def test_how_a_turn_ends(end: type[StepFailed], due: tuple[Effect, ...]) -> None:
    assert decide(after(started(loop("L", work("B"))), StepStarted("L", 3), StepStarted("B-0"), end("B-0"))) == due


def test_a_failed_loop_fails_the_execution_when_it_ends() -> None:
    execution = after(started(loop("L", work("B"))), StepStarted("L", 3), StepStarted("B-0"), StepFailed("B-0"))
    execution = after(execution, StepFailed("L"))
    assert decide(execution) == (FinishExecution("Failed", machine.FAILURE_REASON),)


def test_turns_under_way_finish_after_a_failure() -> None:
    execution = after(started(loop("L", work("B"), at_once=2)), StepStarted("L", 3))
    execution = after(execution, StepStarted("B-0"), StepStarted("B-1"), StepFailed("B-0"))
    assert decide(execution) == ()
    assert decide(after(execution, StepSucceeded("B-1"))) == (FinishLoop("L", "Failed"),)


def test_a_stop_stops_the_steps_of_the_turns() -> None:
    execution = after(started(loop("L", work("B"))), StepStarted("L", 3), StepStarted("B-0"), StopRequested())
    assert decide(execution) == (StopStep("L"), StopStep("B-0"))
    execution = after(execution, StepStopping("L"), StepStopping("B-0"))
    assert decide(execution) == ()
    execution = after(execution, StepStopped("B-0"))
    assert decide(execution) == (FinishLoop("L", "Stopped"),)
    assert decide(after(execution, StepStopped("L"))) == (FinishExecution("Stopped"),)


def test_an_attempt_waits_until_it_is_due() -> None:
    execution = after(started(work("A"), limit=1), StepStarting("A"), StepRetrying("A", 50.0))
    assert decide(execution, now=49.0) == ()
    assert machine.due(execution) == 50.0
    assert decide(execution, now=50.0) == (StartStep("A", 2),)
    execution = after(execution, StepStarted("A"))
    assert machine.due(execution) is None
    execution = after(execution, StepRetrying("A", 60.0), StepStarted("A"), StepSucceeded("A"))
    assert execution.steps["A"].attempt == 3


def test_a_step_that_waits_can_be_stopped() -> None:
    execution = after(started(work("A")), StepStarting("A"), StepRetrying("A", 50.0), StopRequested())
    assert decide(execution, now=0.0) == (StopStep("A"),)
    assert decide(after(execution, StepStopped("A"))) == (FinishExecution("Stopped"),)


@pytest.mark.parametrize("events", [[], done("A"), [StepStarted("A"), StepStopping("A")]])
def test_what_cannot_be_tried_again(events: list[Event]) -> None:
    with pytest.raises(IllegalEventError):
        evolve(after(started(work("A")), *events), StepRetrying("A", 1.0))


def test_attempts_go_on_counting_after_a_retry_of_the_execution() -> None:
    plan = started(work("A")).plan
    execution = restore(plan, {}, attempts={"A": 2})
    assert decide(execution) == (StartStep("A", 3),)
    assert evolve(execution, StepStarting("A")).steps["A"].attempt == 3


def test_only_chosen_steps_begin() -> None:
    plan = started(work("A"), work("B", "A"), work("C", "B")).plan
    execution = restore(plan, {"A": machine.StepState("Succeeded")}, chosen=frozenset({"B"}))
    assert decide(execution) == (StartStep("B", 1),)
    assert decide(after_chosen := evolve(evolve(execution, StepStarted("B")), StepSucceeded("B"))) == (
        FinishExecution("Succeeded"),
    )
    assert "C" not in after_chosen.steps
