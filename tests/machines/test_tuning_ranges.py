"""Room machines: ranges of hyperparameters: what is refused, where values lie, what Autotune makes of examples."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from stepwell.machines.tuning_ranges import (
    Choice,
    Number,
    RangeProblem,
    at,
    combination,
    combinations,
    from_hint,
    parsed,
    position,
)


def continuous(low: str, high: str, scale: str = "Auto") -> dict[str, Any]:
    entry = {"Name": "x", "MinValue": low, "MaxValue": high, "ScalingType": scale}
    return {"ContinuousParameterRanges": [entry]}


def integer(low: str, high: str, scale: str = "Auto") -> dict[str, Any]:
    return {"IntegerParameterRanges": continuous(low, high, scale)["ContinuousParameterRanges"]}


@pytest.mark.parametrize(
    ("asked", "scale"),
    [
        (continuous("0", "1"), "Linear"),
        (continuous("0.1", "1"), "Linear"),
        (continuous("0.0001", "1"), "Logarithmic"),
        (continuous("1e-5", "1e-2"), "Logarithmic"),
        (continuous("0.5", "0.999"), "ReverseLogarithmic"),
        (continuous("0", "0.5"), "Linear"),
        (continuous("-1", "1000"), "Linear"),
        (continuous("0.0001", "1", "Linear"), "Linear"),
        (continuous("0.1", "1", "Logarithmic"), "Logarithmic"),
        (continuous("0", "0.9", "ReverseLogarithmic"), "ReverseLogarithmic"),
        (integer("1", "10"), "Linear"),
        (integer("1", "1000"), "Logarithmic"),
        (integer("0", "1000"), "Linear"),
        (integer("8", "9", "Logarithmic"), "Logarithmic"),
    ],
)
def test_scales(asked: dict[str, Any], scale: str) -> None:
    (found,) = parsed(asked)
    assert isinstance(found, Number)
    assert found.scale == scale


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (continuous("2", "1"), "The range of the hyperparameter [x] is reversed: MinValue [2] is greater than"),
        (integer("2", "1"), "is reversed"),
        (continuous("a", "1"), "The MinValue [a] of the hyperparameter [x] is not a number."),
        (continuous("0", "nan"), "The MaxValue [nan] of the hyperparameter [x] is not a number."),
        (continuous("0", "inf"), "is not a number"),
        (continuous("0", "1e308"), "is not a number"),
        (integer("1", "2.5"), "The MaxValue [2.5] of the hyperparameter [x] is not an integer."),
        (integer("", "2"), "is not an integer"),
        (integer("1", "9" * 400), "is not an integer"),
        (continuous("0", "1", "Logarithmic"), "Logarithmic scaling works only for ranges that have only values"),
        (integer("0", "10", "Logarithmic"), "begins at [0]"),
        (continuous("0", "1", "ReverseLogarithmic"), "ReverseLogarithmic scaling works only for continuous"),
        (continuous("-0.1", "0.5", "ReverseLogarithmic"), "0<=x<1.0"),
        (integer("0", "0", "ReverseLogarithmic"), "ReverseLogarithmic"),
        ({"CategoricalParameterRanges": [{"Name": "k", "Values": ["a", "a"]}]}, "must be unique"),
    ],
)
def test_what_cannot_be_searched(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(RangeProblem) as caught:
        parsed(asked)
    assert said in str(caught.value)


def test_a_range_of_one_value() -> None:
    (real,), (whole,) = parsed(continuous("0.5", "0.5")), parsed(integer("3", "3"))
    assert {at(real, unit) for unit in (0.0, 0.5, 1.0)} == {"0.5"}
    assert {at(whole, unit) for unit in (0.0, 0.5, 1.0)} == {"3"}
    assert (position(real, "0.5"), position(whole, "3")) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("asked", "units"),
    [
        (continuous("0", "10", "Linear"), {0.0: 0.0, 0.5: 5.0, 1.0: 10.0}),
        (continuous("0.01", "1", "Logarithmic"), {0.0: 0.01, 0.5: 0.1, 1.0: 1.0}),
        (continuous("0", "0.99", "ReverseLogarithmic"), {0.0: 0.0, 0.5: 0.9, 1.0: 0.99}),
    ],
)
def test_where_values_lie(asked: dict[str, Any], units: dict[float, float]) -> None:
    (range_,) = parsed(asked)
    assert {unit: float(at(range_, unit)) for unit in units} == pytest.approx(units)


def test_whole_numbers_and_names_get_equal_shares() -> None:
    (whole,), choice = parsed(integer("1", "4", "Linear")), Choice("k", ("a", "b"))
    units = [(step + 0.5) / 1000 for step in range(1000)]
    assert [sum(at(whole, unit) == str(number) for unit in units) for number in (1, 2, 3, 4)] == [250] * 4
    assert sum(at(choice, unit) == "a" for unit in units) == 500
    assert at(choice, 1.0) == "b"


ENDS = some.floats(-1e6, 1e6)


@given(ends=some.tuples(ENDS, ENDS), unit=some.floats(0, 1), whole=some.booleans())
def test_values_lie_in_their_range_and_lead_back(ends: tuple[float, float], unit: float, whole: bool) -> None:
    low, high = sorted(ends)
    if whole:
        low, high = math.floor(low), math.ceil(high)
    (range_,) = parsed(integer(str(low), str(high)) if whole else continuous(repr(low), repr(high)))
    value = at(range_, unit)
    assert low <= float(value) <= high
    where = position(range_, value)
    assert where is not None
    assert 0 <= where <= 1
    if high > low and not whole:
        assert float(at(range_, where)) == pytest.approx(float(value), abs=1e-6 * (high - low), rel=1e-6)
    if whole:
        assert at(range_, where) == value


@pytest.mark.parametrize("value", [None, "", "a", "1.5", "-0.1", "nan"])
def test_values_from_elsewhere_have_no_place(value: str | None) -> None:
    (range_,) = parsed(continuous("0", "1"))
    assert position(range_, value) is None
    assert position(Choice("k", ("b",)), value) is None


def test_combinations() -> None:
    (two,) = parsed(integer("5", "6"))
    three, real = Choice("k", ("a", "b", "c")), Number("x", 0, 1)
    assert combinations([two, three]) == 6
    assert combinations([two, real]) is None
    assert combinations([]) == 1
    points = [combination([two, three], index) for index in range(6)]
    assert points[0] == {"x": "5", "k": "a"}
    assert points[1] == {"x": "5", "k": "b"}
    assert points[5] == {"x": "6", "k": "c"}
    assert len({tuple(point.items()) for point in points}) == 6


@pytest.mark.parametrize(
    ("name", "hint", "found"),
    [
        ("rounds", "100", Number("rounds", 25, 400, "Logarithmic", True)),
        ("one", "1", Number("one", 1, 4, "Logarithmic", True)),
        ("none", "0", Number("none", 0, 10, "Linear", True)),
        ("less", "-8", Number("less", -32, -2, "Linear", True)),
        ("eta", "0.2", Number("eta", 0.02, 1.0, "Logarithmic")),
        ("lr", "1e-4", Number("lr", 1e-5, 1e-3, "Logarithmic")),
        ("zero", "0.0", Number("zero", 0.0, 1.0)),
        ("big", "2.5", Number("big", 0.25, 25.0, "Logarithmic")),
        ("flag", "True", Choice("flag", ("true", "false"))),
        ("kind", '"adam"', Choice("kind", ('"adam"',))),
        ("odd", "nan", Choice("odd", ("nan",))),
        ("sagemaker_container_log_level", "20", Choice("sagemaker_container_log_level", ("20",))),
        ("_kfold", "5", Choice("_kfold", ("5",))),
    ],
)
def test_what_autotune_searches(name: str, hint: str, found: object) -> None:
    range_ = from_hint(name, hint)
    if isinstance(range_, Number) and isinstance(found, Number):
        assert (range_.name, range_.scale, range_.is_whole) == (found.name, found.scale, found.is_whole)
        assert (range_.low, range_.high) == pytest.approx((found.low, found.high))
    else:
        assert range_ == found
