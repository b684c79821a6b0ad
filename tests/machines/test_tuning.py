"""Room machines: one tuning job: what it does next in every situation, how it counts, how it ends."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from stepwell.machines import tuning_progress
from stepwell.machines.tuning import IllegalEvent, decide, due, evolve
from stepwell.machines.tuning_events import (
    Conclude,
    Dropped,
    Effect,
    Event,
    Finish,
    Launch,
    Launched,
    Observe,
    Propose,
    Proposed,
    Refused,
    Seen,
    Settle,
    Sight,
    StopTrials,
)
from stepwell.machines.tuning_ranges import Number
from stepwell.machines.tuning_settings import Definition, Settings
from stepwell.machines.tuning_state import Counters, Plateau, Proposal, Trial, Tuning

SPACE = (Definition("", "loss", (Number("x", 0, 1),)),)
SETTINGS = Settings("Random", True, SPACE, most=4, parallel=2, seed="s")
NOW = 1000.0


def job(**members: Any) -> Tuning:
    asked = {name: members.pop(name) for name in Settings.__slots__ if name in members}
    return Tuning(replace(SETTINGS, **asked), 0.0, **members)


def proposal(number: int) -> Proposal:
    return Proposal(number, 0, {"x": str(number)})


def trial(number: int, status: str = "InProgress") -> Trial:
    return Trial(number, f"t-{number}", 0, {"x": str(number)}, 1.0, status)


def active(*trials: Trial) -> dict[int, Trial]:
    return {each.number: each for each in trials}


def ended(number: int, value: float | None = None, status: str = "Completed", reason: str = "") -> Seen:
    return Seen((Sight(number, status, 1.0, 2.0, value, reason),))


@pytest.mark.parametrize(
    ("state", "effects"),
    [
        (job(), (Propose(1),)),
        (job(given=1, proposal=proposal(1)), (Launch(proposal(1)),)),
        (job(given=1, active=active(trial(1))), (Observe(), Propose(2))),
        (job(given=2, proposal=proposal(2), active=active(trial(1))), (Launch(proposal(2)), Observe())),
        (job(given=2, active=active(trial(1), trial(2))), (Observe(),)),
        (job(given=4, active=active(trial(4))), (Observe(),)),
        (job(given=4, counters=Counters(completed=4, succeeded=4)), (Finish("Completed"),)),
        (job(is_over=True), ()),
        (job(stopping=True), (Finish("Stopped"),)),
        (job(stopping=True, given=1, proposal=proposal(1)), (Settle(proposal(1)),)),
        (job(stopping=True, given=1, active=active(trial(1))), (StopTrials((1,)), Observe())),
        (job(stopping=True, given=1, active=active(trial(1, "Stopping"))), (Observe(),)),
        (
            job(stopping=True, given=2, active=active(trial(1, "Stopping"), trial(2))),
            (StopTrials((2,)), Observe()),
        ),
        (job(ending="TargetReached", given=1, active=active(trial(1))), (StopTrials((1,)), Observe())),
        (
            job(ending="TargetReached", given=1, counters=Counters(completed=1, succeeded=1)),
            (Finish("Completed"),),
        ),
        (job(ending="Refused", refusal="ClientError: no"), (Finish("Failed", "ClientError: no"),)),
        (job(ending="Refused", refusal="no", stopping=True), (Finish("Stopped"),)),
    ],
)
def test_what_is_done_next(state: Tuning, effects: tuple[Effect, ...]) -> None:
    assert decide(state, NOW) == effects


BEST = {"best": (1, 0.5), "given": 1, "counters": Counters(completed=1, succeeded=1)}


@pytest.mark.parametrize(
    ("state", "ending"),
    [
        (job(target=0.5, **BEST), "TargetReached"),
        (job(target=0.6, **BEST), "TargetReached"),
        (job(target=0.4, **BEST), None),
        (job(target=0.6, minimize=False, **BEST), None),
        (job(target=0.4, minimize=False, **BEST), "TargetReached"),
        (job(target=0.6), None),
        (job(patience=3, plateau=Plateau(0.5, 3), **BEST), "NotImproving"),
        (job(patience=3, plateau=Plateau(0.5, 2), **BEST), None),
        (job(ends_converged=True, converged=5.0, **BEST), "Converged"),
        (job(ends_converged=True, **BEST), None),
        (job(converged=5.0, **BEST), None),
        (job(seconds=1000), "RuntimeExceeded"),
        (job(seconds=1001), None),
        (job(most=9, given=5, counters=Counters(non_retryable_error=5, failed=5)), "NothingFound"),
        (job(most=9, given=5, counters=Counters(completed=5, failed=5)), "NothingFound"),
        (job(most=9, given=4, counters=Counters(non_retryable_error=4, failed=4)), None),
        (job(most=9, given=6, counters=Counters(completed=1, succeeded=1, failed=5)), None),
    ],
)
def test_what_ends_it(state: Tuning, ending: str | None) -> None:
    found = decide(state, NOW)
    assert (found == (Conclude(ending),)) is (ending is not None)  # type: ignore[arg-type]
    if ending is None:
        assert not any(isinstance(effect, Conclude) for effect in found)


@pytest.mark.parametrize(
    ("counters", "status", "reason"),
    [
        (Counters(completed=1, succeeded=1, non_retryable_error=3, failed=3), "Completed", ""),
        (Counters(stopped=4, succeeded=1, failed=3), "Completed", ""),
        (Counters(non_retryable_error=3, retryable_error=1, failed=4), "Failed", "No training job succeeded after 4"),
        (Counters(completed=4, failed=4), "Failed", "No objective metrics found after running 4 training jobs."),
        (Counters(completed=1, non_retryable_error=3, failed=4), "Failed", "No objective metrics found"),
    ],
)
def test_how_it_ends(counters: Counters, status: str, reason: str) -> None:
    (found,) = decide(job(given=4, counters=counters), NOW)
    assert isinstance(found, Finish)
    assert found.status == status
    assert found.reason.startswith(reason)
    assert bool(found.reason) is bool(reason)


@pytest.mark.parametrize(
    ("sight", "counters"),
    [
        (Sight(1, "Completed", objective=0.5), Counters(completed=1, succeeded=1)),
        (Sight(1, "Completed"), Counters(completed=1, failed=1)),
        (Sight(1, "Stopped", objective=0.5), Counters(stopped=1, succeeded=1)),
        (Sight(1, "Stopped"), Counters(stopped=1, failed=1)),
        (Sight(1, "Failed", objective=0.5, reason="AlgorithmError: x"), Counters(non_retryable_error=1, failed=1)),
        (Sight(1, "Failed", reason="CapacityError: x"), Counters(non_retryable_error=1, failed=1)),
        (Sight(1, "Failed", reason="InternalServerError: x"), Counters(retryable_error=1, failed=1)),
    ],
)
def test_training_jobs_are_counted_by_their_end(sight: Sight, counters: Counters) -> None:
    after = evolve(job(given=1, active=active(trial(1))), Seen((sight,)), NOW)
    assert after.counters == counters
    assert not after.active
    assert after.best == ((1, 0.5) if counters.succeeded else None)


def test_best_and_plateau() -> None:
    state = job(most=99, given=6, active=active(*(trial(number) for number in range(1, 7))))
    for number, value in ((1, 1.0), (2, 0.995), (3, 1.2), (4, None), (5, 0.98)):
        state = evolve(state, ended(number, value), NOW)
        if number == 3:
            # a better value that differs by less than one percent is the best, but no improvement
            assert (state.best, state.plateau) == ((2, 0.995), Plateau(1.0, 2))
        if number == 4:
            assert state.plateau.length == 2
    assert (state.best, state.plateau) == ((5, 0.98), Plateau(0.98, 0))
    assert state.converged is None
    assert evolve(state, ended(6, 0.98), NOW).best == (5, 0.98)


def test_convergence_is_noted_once() -> None:
    state = job(most=99, given=14, active=active(*(trial(number) for number in range(1, 15))))
    moments = []
    for number in range(1, 15):
        state = evolve(state, ended(number, 1.0), NOW + number)
        moments.append(state.converged)
    assert moments[:10] == [None] * 10
    assert moments[10:] == [NOW + 11] * 4


def test_the_way_of_a_trial() -> None:
    state = evolve(job(), Proposed(proposal(1)), NOW)
    assert (state.given, state.proposal) == (1, proposal(1))
    state = evolve(state, Launched("t-1"), NOW)
    assert state.proposal is None
    assert state.active == active(replace(trial(1), created=NOW))
    seen = Sight(1, "Stopping", 3.0, stopped_early=True, rungs=(0.5,))
    state = evolve(state, Seen((seen,)), NOW)
    state = evolve(state, Seen((replace(seen, stopped_early=False),)), NOW)
    assert state.active[1].stopped_early
    assert (state.active[1].status, state.active[1].started, state.active[1].rungs) == ("Stopping", 3.0, (0.5,))


def test_a_proposal_that_comes_to_nothing() -> None:
    state = evolve(job(stopping=True), Proposed(proposal(1)), NOW)
    assert evolve(state, Dropped(), NOW).given == 0
    refused = evolve(state, Refused("ClientError: no"), NOW)
    assert (refused.given, refused.ending, refused.refusal) == (0, "Refused", "ClientError: no")
    assert evolve(refused, Conclude("NotImproving"), NOW).ending == "Refused"


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (job(), Proposed(proposal(2))),
        (job(given=1, proposal=proposal(1)), Proposed(proposal(2))),
        (job(), Launched("t-1")),
        (job(), Dropped()),
        (job(), Refused("x")),
        (job(), ended(1)),
    ],
)
def test_what_cannot_happen(state: Tuning, event: Event) -> None:
    with pytest.raises(IllegalEvent):
        evolve(state, event, NOW)


def test_when_to_look_again() -> None:
    assert due(job(), NOW, 2.0) == NOW + 2
    assert due(job(seconds=1001), NOW, 2.0) == NOW + 1
    assert due(job(seconds=1), NOW, 2.0) == NOW
    assert due(job(is_over=True), NOW, 2.0) is None


DOCUMENT: dict[str, Any] = {
    "HyperParameterTuningJobConfig": {
        "Strategy": "Random",
        "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2},
        "ParameterRanges": {"ContinuousParameterRanges": [{"Name": "x", "MinValue": "0", "MaxValue": "1"}]},
        "RandomSeed": 7,
    },
    "TrainingJobDefinition": {"StaticHyperParameters": {}},
}


def stored(state: Tuning, status: str) -> Tuning:
    """The state after it was written down and read again."""
    document = json.loads(json.dumps({**DOCUMENT, tuning_progress.MEMBER: tuning_progress.written(state)}))
    return tuning_progress.read("t", status, state.created, document)


@settings(max_examples=200)
@given(seed=some.integers(0, 10**9))
def test_every_tuning_job_ends_and_counts_right(seed: int) -> None:
    """Random ends and stops; after every event the state is written down and read again."""
    chance = random.Random(seed)
    state = stored(Tuning(replace(SETTINGS, seed="7"), 0.0), "InProgress")
    for _ in range(200):
        if chance.random() < 0.01 and not state.is_over:
            state = replace(state, stopping=True)
        effects = decide(state, NOW)
        if not effects:
            break
        for effect in effects:
            for event in came_of(effect, state, chance):
                state = stored(evolve(state, event, NOW), "Stopping" if state.stopping else "InProgress")
                assert len(state.active) + bool(state.proposal) <= state.settings.parallel
                assert state.counters.over + len(state.active) + bool(state.proposal) == state.given
                if isinstance(event, Finish):
                    state = replace(state, is_over=True)
                    assert not state.active
                    assert state.proposal is None
                    assert (event.status == "Stopped") is state.stopping
                    assert state.stopping or state.given == 4
    assert state.is_over


def came_of(effect: Effect, state: Tuning, chance: random.Random) -> list[Event]:
    match effect:
        case Propose(number):
            return [Proposed(proposal(number))]
        case Launch(wanted):
            return [Launched(f"t-{wanted.number}")] if chance.random() < 0.8 else []
        case Settle():
            return [Dropped() if chance.random() < 0.5 else Launched("t")]
        case StopTrials(numbers):
            return [Seen(tuple(Sight(number, "Stopping") for number in numbers))]
        case Observe():
            over = [each for each in state.active.values() if chance.random() < 0.4]
            return [Seen(tuple(end_of(each, chance) for each in over))] if over else []
        case Conclude() | Finish():
            return [effect]


def end_of(each: Trial, chance: random.Random) -> Sight:
    if each.status == "Stopping":
        return Sight(each.number, "Stopped", objective=chance.choice([None, 0.5]))
    status = chance.choice(["Completed", "Completed", "Failed", "InProgress"])
    return Sight(each.number, status, objective=chance.choice([None, chance.random()]), reason="AlgorithmError: x")
