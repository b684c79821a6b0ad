"""The decision about one invocation, and what an end means: all phases by all events, all ends by what they mean."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import get_args

import pytest

from stepwell.machines import invocation_outcomes as outcomes
from stepwell.machines.invocation import (
    MOVES,
    Clean,
    Cleaned,
    Effect,
    Ended,
    Event,
    Invocation,
    Observe,
    Phase,
    Start,
    Started,
    decide,
    evolve,
)
from stepwell.machines.invocation_outcomes import End, Outcome, outcome_of

GOOD, BAD = Outcome(True, "1"), Outcome(False, "{}")
EVENTS: tuple[Event, ...] = (Started(), Ended(GOOD), Ended(BAD), Cleaned())
END = End("id", timeout=3.0, seconds=0.5, code=0)


@pytest.mark.parametrize(
    ("phase", "effects"),
    [("Starting", (Start(),)), ("Running", (Observe(),)), ("Cleaning", (Clean(),)), ("Over", ())],
)
def test_each_phase_has_one_effect(phase: Phase, effects: tuple[Effect, ...]) -> None:
    assert decide(Invocation(phase), 0.0) == effects


def test_an_attempt_waits_for_its_time() -> None:
    waiting = Invocation(attempt=2, attempts=3, not_before=100.0)
    assert decide(waiting, 99.9) == ()
    assert decide(waiting, 100.0) == (Start(),)


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("phase", get_args(Phase))
def test_only_the_moves_of_the_table_are_made(phase: Phase, event: Event) -> None:
    if isinstance(event, MOVES[phase]):
        assert evolve(Invocation(phase), event, 0.0).phase != phase
    else:
        with pytest.raises(ValueError, match=phase):
            evolve(Invocation(phase), event, 0.0)


@pytest.mark.parametrize("phase", ["Starting", "Running"])
@pytest.mark.parametrize(
    ("attempt", "attempts", "outcome", "expected"),
    [
        (1, 1, GOOD, ("Cleaning", 1, 0.0)),
        (1, 1, BAD, ("Cleaning", 1, 0.0)),
        (1, 3, GOOD, ("Cleaning", 1, 0.0)),
        (1, 3, BAD, ("Starting", 2, 1060.0)),
        (2, 3, BAD, ("Starting", 3, 1120.0)),
        (3, 3, BAD, ("Cleaning", 3, 0.0)),
    ],
)
def test_a_failure_is_tried_again_while_attempts_are_left(
    phase: Phase, attempt: int, attempts: int, outcome: Outcome, expected: tuple[Phase, int, float]
) -> None:
    after = evolve(Invocation(phase, attempt, attempts), Ended(outcome), 1000.0)
    assert (after.phase, after.attempt, after.not_before) == expected


@pytest.mark.parametrize(
    ("end", "kind", "message"),
    [
        (END, "Runtime.ExitError", "RequestId: id Error: Runtime exited without providing a reason"),
        (replace(END, code=3), "Runtime.ExitError", "RequestId: id Error: Runtime exited with error: exit status 3"),
        (
            replace(END, code=None, signal=11),
            "Runtime.ExitError",
            "RequestId: id Error: Runtime exited with error: signal: segmentation fault",
        ),
        (
            replace(END, code=None, signal=9, out_of_memory=True),
            "Runtime.OutOfMemory",
            "RequestId: id Error: Runtime exited with error: signal: killed",
        ),
        (
            replace(END, code=None, signal=9, timed_out=True),
            "Sandbox.Timedout",
            "RequestId: id Error: Task timed out after 3.00 seconds",
        ),
        (
            replace(END, code=None, signal=14, seconds=3.0),
            "Sandbox.Timedout",
            "RequestId: id Error: Task timed out after 3.00 seconds",
        ),
        (
            replace(END, code=None, signal=14, seconds=1.0),
            "Runtime.ExitError",
            "RequestId: id Error: Runtime exited with error: signal: alarm clock",
        ),
        (
            replace(END, is_too_large=True, result="1"),
            "Function.ResponseSizeTooLarge",
            "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        ),
        (replace(END, code=126, problem="exec failed"), "ServiceException", "exec failed"),
    ],
)
def test_an_end_without_an_answer_says_why(end: End, kind: str, message: str) -> None:
    outcome = outcome_of(end)
    assert json.loads(outcome.payload) == {"errorType": kind, "errorMessage": message}
    assert not outcome.is_success
    assert outcome.is_platform_failure == bool(end.problem)


@pytest.mark.parametrize(
    "later", [{}, {"code": 1}, {"code": None, "signal": 9, "timed_out": True}, {"problem": "lost"}]
)
def test_an_answer_counts_however_the_process_ended(later: dict[str, object]) -> None:
    assert outcome_of(replace(END, result="1", **later)) == Outcome(True, "1")  # type: ignore[arg-type]
    assert outcome_of(replace(END, failure='{"errorType":"E"}', **later)) == Outcome(  # type: ignore[arg-type]
        False, '{"errorType":"E"}'
    )


def test_what_could_not_be_run_is_not_the_functions_fault() -> None:
    outcome = outcomes.not_run("no Python")
    assert outcome.is_platform_failure
    assert json.loads(outcome.payload) == {"errorType": "ServiceException", "errorMessage": "no Python"}
