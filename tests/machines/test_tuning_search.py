"""Room machines: searches without results: the same for the same number, nothing twice, everything in the end."""

from __future__ import annotations

from stepwell.machines.tuning_ranges import Choice, Number
from stepwell.machines.tuning_search import Key, grid_values, key, number_of, random_values, untaken

WIDE = (Number("x", 0, 1), Number("n", 1, 9, "Linear", True))
NARROW = (Choice("a", ("1", "2")), Number("b", 1, 3, "Linear", True))


def test_values_follow_from_seed_and_number() -> None:
    assert random_values(WIDE, "s", 1, ()) == random_values(WIDE, "s", 1, ())
    different = {key(random_values(WIDE, seed, number, ()) or {}) for seed in "st" for number in (1, 2, 3)}
    assert len(different) == 6
    assert number_of("a", "b") != number_of("ab")


def test_values_spread_over_the_range() -> None:
    found = [random_values(WIDE, "s", number, ()) or {} for number in range(2000)]
    reals = [float(values["x"]) for values in found]
    assert abs(sum(reals) / len(reals) - 0.5) < 0.03
    assert all(150 < sum(values["n"] == str(number) for values in found) < 300 for number in range(1, 10))


def test_nothing_is_tried_twice_and_everything_once() -> None:
    taken: list[Key] = []
    for number in range(1, 7):
        values = random_values(NARROW, "s", number, taken)
        assert values is not None
        assert key(values) not in taken
        taken.append(key(values))
    assert len(set(taken)) == 6
    assert random_values(NARROW, "s", 7, taken) is None


def test_a_stubborn_proposal_gives_way_where_points_can_be_counted() -> None:
    same = {"a": "1", "b": "1"}
    assert untaken(lambda _: same, NARROW, [key(same)]) == {"a": "1", "b": "2"}
    stuck = {"x": "0.5", "n": "3"}
    assert untaken(lambda _: stuck, WIDE, [key(stuck)]) == stuck


def test_the_grid_goes_through_every_space() -> None:
    spaces = [(Choice("a", ("1", "2")), Choice("b", ("x", "y"))), (Choice("c", ("z",)),)]
    assert [grid_values(spaces, number) for number in range(1, 7)] == [
        (0, {"a": "1", "b": "x"}),
        (0, {"a": "1", "b": "y"}),
        (0, {"a": "2", "b": "x"}),
        (0, {"a": "2", "b": "y"}),
        (1, {"c": "z"}),
        None,
    ]
