"""Room machines: which training jobs of a tuning job end early."""

from __future__ import annotations

from collections import Counter

import pytest

from stepwell.machines.tuning_stopping import Hyperband, goes_on, is_below_median

FLAT = [[0.5] * 10, [0.6] * 10, [0.7] * 10, [0.8] * 10]


@pytest.mark.parametrize(
    ("values", "earlier", "minimize", "ends"),
    [
        ([0.64], FLAT, False, True),
        ([0.66], FLAT, False, False),
        ([0.64], FLAT, True, False),
        ([0.66], FLAT, True, True),
        ([0.65], FLAT, False, False),
        ([0.9, 0.1], FLAT, False, True),
        ([0.1, 0.9], FLAT, False, False),
        ([0.1], FLAT[:3], False, False),
        ([0.1] * 11, FLAT, False, False),
        ([0.1] * 11, [*FLAT[:3], [0.8] * 11], False, False),
        ([], FLAT, False, False),
    ],
)
def test_the_median_rule(values: list[float], earlier: list[list[float]], minimize: bool, ends: bool) -> None:
    assert is_below_median(values, earlier, minimize=minimize) is ends


def test_the_median_is_of_averages_up_to_the_same_point() -> None:
    learning = [[0.0, 1.0, 1.0]] * 4
    assert is_below_median([0.4, 0.4], learning, minimize=False)
    assert not is_below_median([0.4, 0.6], learning, minimize=False)


def test_brackets() -> None:
    assert Hyperband(1, 27).brackets == ((1, 3, 9), (3, 9), (9,), ())
    assert Hyperband(2, 10).brackets == ((2, 6), (6,), ())
    assert Hyperband(5, 5).brackets == ((),)
    assert Hyperband(1, 1).brackets == ((),)


def test_bold_brackets_get_most_trials() -> None:
    hyperband = Hyperband(1, 27)
    found = Counter(hyperband.rungs_of(number, "s") for number in range(4000))
    shares = [found[rungs] / 4000 for rungs in hyperband.brackets]
    budgets = [27 / 4, 9 / 3, 3 / 2, 1]
    assert shares == pytest.approx([budget / sum(budgets) for budget in budgets], abs=0.03)
    assert hyperband.rungs_of(7, "s") == hyperband.rungs_of(7, "s")


@pytest.mark.parametrize(
    ("value", "others", "minimize", "expected"),
    [
        (0.1, [], False, True),
        (0.1, [0.9], False, True),
        (0.1, [0.9, 0.8], False, False),
        (0.95, [0.9, 0.8], False, True),
        (0.1, [0.9, 0.8], True, True),
        (0.85, [0.9, 0.8, 0.7, 0.6, 0.5], False, True),
        (0.75, [0.9, 0.8, 0.7, 0.6, 0.5], False, False),
    ],
)
def test_one_in_three_goes_on(value: float, others: list[float], minimize: bool, expected: bool) -> None:
    assert goes_on(value, others, minimize=minimize) is expected
