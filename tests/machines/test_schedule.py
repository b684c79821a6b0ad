"""When schedules fire: once each, late ones once, in their window, between their dates."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.machines.schedule import Fire, Pass, Remove, Schedule, decide, due
from stepwell.machines.schedule_expressions import parse

UTC = ZoneInfo("UTC")
NOON = 1_700_000_000.0 - 1_700_000_000 % 86_400 + 43_200


def schedule(expression: str, considered: float, **more: object) -> Schedule:
    return Schedule(parse(expression), UTC, anchor=NOON, considered=considered, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("considered", "now", "expected"),
    [
        (NOON - 1, NOON - 0.5, ()),
        (NOON - 1, NOON, (Fire(NOON),)),
        (NOON - 1, NOON + 59, (Fire(NOON),)),
        (NOON, NOON + 59, ()),
        (NOON, NOON + 60, (Fire(NOON + 60),)),
        (NOON, NOON + 3600, (Fire(NOON + 3600),)),
        (NOON, NOON + 3599, (Fire(NOON + 3540),)),
        (NOON, NOON + 86_400 * 2, (Pass(NOON + 86_400),)),
    ],
)
def test_a_rate(considered: float, now: float, expected: object) -> None:
    assert decide(schedule("rate(1 minute)", considered), now) == expected


def test_one_that_is_too_late_is_passed_over_and_the_next_fires_in_time() -> None:
    late = schedule("cron(0 12 * * ? *)", NOON - 1, patience=3600.0)
    assert decide(late, NOON + 3600) == (Fire(NOON),)
    (passed,) = decide(late, NOON + 7200)
    assert passed == Pass(NOON + 3600)
    assert isinstance(passed, Pass)
    assert due(schedule("cron(0 12 * * ? *)", passed.occurrence, patience=3600.0)) == NOON + 86_400


def test_once() -> None:
    at = schedule("at(2023-11-14T12:00:00)", NOON - 1)
    assert decide(at, NOON) == (Fire(NOON),)
    assert decide(schedule("at(2023-11-14T12:00:00)", NOON), NOON + 1) == ()
    over = schedule("at(2023-11-14T12:00:00)", NOON, removes_itself=True)
    assert decide(over, NOON + 1) == (Remove(),) and due(over) is None


def test_dates_bound_occurrences() -> None:
    bounded = schedule("rate(1 hour)", NOON - 1, start=NOON + 3600, end=NOON + 7200)
    assert due(bounded) == NOON + 3600
    assert decide(bounded, NOON + 7200) == (Fire(NOON + 7200),)
    assert due(schedule("rate(1 hour)", NOON + 7200, start=NOON + 3600, end=NOON + 7200)) is None


@given(st.integers(0, 500), st.integers(1, 1440))
def test_a_window_spreads_and_always_alike(hours: int, minutes: int) -> None:
    considered = NOON + hours * 3600 - 1
    spread = schedule("rate(1 hour)", considered, window=60.0 * minutes, seed="arn")
    first = due(spread)
    assert first is not None and first == due(spread)
    assert NOON + hours * 3600 <= first <= NOON + hours * 3600 + minutes * 60
    assert decide(spread, first - 0.001) == ()
    assert isinstance(decide(spread, first)[0], Fire)


@given(st.lists(st.floats(0.01, 4000), min_size=1, max_size=30))
def test_every_occurrence_fires_at_most_once_and_the_last_is_never_lost(pauses: list[float]) -> None:
    now, current, fired = NOON - 1, schedule("rate(5 minutes)", NOON - 1), []
    for pause in pauses:
        now += pause
        while effects := decide(current, now):
            (effect,) = effects
            assert isinstance(effect, Fire) and effect.occurrence <= now
            fired.append(effect.occurrence)
            current = schedule("rate(5 minutes)", effect.occurrence)
    assert fired == sorted(set(fired))
    latest = NOON + (now - NOON) // 300 * 300
    assert (fired and fired[-1] == latest) or latest < NOON
