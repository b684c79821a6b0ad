"""Room definition, conditions: reading them, and what they come to."""

from __future__ import annotations

from typing import Any

import pytest

from stepwell.definition.conditions import (
    Comparison,
    Condition,
    In,
    Not,
    Or,
    evaluate,
    evaluate_all,
    operands,
    parse_conditions,
)
from stepwell.definition.expressions import Get, Scalar
from stepwell.definition.json_text import JSON
from stepwell.definition.model import Pipeline
from stepwell.definition.paths import Path
from stepwell.definition.problems import Problem
from stepwell.definition.reading import Reading
from stepwell.definition.resolve import ResolutionError
from stepwell.definition.values import StoredValues


def read(*values: JSON) -> tuple[tuple[Condition, ...], list[Problem]]:
    reading = Reading()
    return parse_conditions(list(values), "/c", reading), reading.problems


EQUAL = {"Type": "Equals", "LeftValue": 1, "RightValue": {"Get": "Parameters.P"}}
EQUALS = Comparison("Equals", 1, Get(Path("Parameters", "P")))


@pytest.mark.parametrize(
    ("value", "condition"),
    [
        (EQUAL, EQUALS),
        ({**EQUAL, "Type": "NotEquals"}, Comparison("NotEquals", 1, EQUALS.right)),
        ({**EQUAL, "Type": "LessThan"}, Comparison("LessThan", 1, EQUALS.right)),
        ({"Type": "In", "QueryValue": "a", "Values": ["a", "b"]}, In("a", ("a", "b"))),
        ({"Type": "In", "Value": "a", "In": ["b"]}, In("a", ("b",))),
        ({"Type": "NotIn", "Value": "a", "In": []}, In("a", (), negated=True)),
        ({"Type": "Not", "Condition": EQUAL}, Not(EQUALS)),
        ({"Type": "Or", "Conditions": [EQUAL, EQUAL]}, Or((EQUALS, EQUALS))),
        ({"Type": "Or", "Conditions": []}, Or(())),
        ({"Type": "Equals", "LeftValue": None, "RightValue": None}, Comparison("Equals", None, None)),
    ],
)
def test_conditions_are_read(value: JSON, condition: Condition) -> None:
    assert read(value) == ((condition,), [])


@pytest.mark.parametrize(
    ("value", "pointer", "message"),
    [
        (3, "/c/0", "Expecting start of Json Object."),
        ({}, "/c/0", "Missing required member 'Type'"),
        ({"Type": 1}, "/c/0/Type", "Expecting a Json String."),
        ({**EQUAL, "Type": "GreaterThen"}, "/c/0/Type", "Unknown condition type 'GreaterThen'. Did you mean"),
        ({**EQUAL, "Type": "@"}, "/c/0/Type", "Unknown condition type '@'. Known: Equals, "),
        ({"Type": "Equals", "LeftValue": 1}, "/c/0", "Missing required member 'RightValue'"),
        ({**EQUAL, "LeftValue": [1]}, "/c/0/LeftValue", "Expecting a scalar value or an expression."),
        ({**EQUAL, "Extra": 1}, "/c/0/Extra", "Unknown Condition member 'Extra'"),
        ({"Type": "In", "QueryValue": 1}, "/c/0", "Missing required member 'Values'"),
        ({"Type": "In", "QueryValue": 1, "Values": 1}, "/c/0/Values", "Expecting start of Json Array."),
        ({"Type": "In", "QueryValue": 1, "Values": [{}]}, "/c/0/Values/0", "Expecting a scalar value"),
        ({"Type": "In", "Values": []}, "/c/0", "Missing required member 'QueryValue'"),
        ({"Type": "Not"}, "/c/0", "Missing required member 'Condition'"),
        ({"Type": "Not", "Condition": []}, "/c/0/Condition", "Expecting start of Json Object."),
        ({"Type": "Or"}, "/c/0", "Missing required member 'Conditions'"),
        ({"Type": "Or", "Conditions": [1]}, "/c/0/Conditions/0", "Expecting start of Json Object."),
    ],
)
def test_broken_conditions_say_what_and_where(value: JSON, pointer: str, message: str) -> None:
    _, problems = read(value)
    assert (pointer, message) in [(found.pointer, found.message[: len(message)]) for found in problems]


def test_operands_come_with_their_places() -> None:
    conditions, _ = read(
        {"Type": "Or", "Conditions": [EQUAL, {"Type": "Not", "Condition": {"Type": "Not", "Condition": EQUAL}}]},
        {"Type": "In", "QueryValue": "q", "Values": ["v"]},
    )
    places = [place for index, found in enumerate(conditions) for place, _ in operands(found, f"/c/{index}")]
    assert places == [
        "/c/0/Conditions/0/LeftValue",
        "/c/0/Conditions/0/RightValue",
        "/c/0/Conditions/1/Condition/Condition/LeftValue",
        "/c/0/Conditions/1/Condition/Condition/RightValue",
        "/c/1/QueryValue",
        "/c/1/Values/0",
    ]


VALUES = StoredValues(Pipeline(()), {"P": 1, "L": [1]}, {}, lambda _: None, lambda _: "")

TYPES = ["Equals", "NotEquals", "GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo"]
BELOW = (False, True, False, False, True, True)
SAME = (True, False, False, True, False, True)
ABOVE = (False, True, True, True, False, False)
E: Any = ResolutionError
OPERANDS: list[tuple[Scalar, Scalar, tuple[object, ...]]] = [
    (1, 2, BELOW),
    (1, 1.5, BELOW),
    (2, 2.0, SAME),
    (3.5, 3, ABOVE),
    (0.1, 0.1, SAME),
    ("a", "b", BELOW),
    ("a", "a", SAME),
    ("b", "a", ABOVE),
    (True, True, (True, False, E, E, E, E)),
    (True, False, (False, True, E, E, E, E)),
    (None, None, (True, False, E, E, E, E)),
    (1, "1", (E, E, E, E, E, E)),
    (True, 1, (E, E, E, E, E, E)),
    (False, 0.0, (E, E, E, E, E, E)),
    ("true", True, (E, E, E, E, E, E)),
    (None, 0, (E, E, E, E, E, E)),
]
ROWS = [
    (type_, left, right, expected[index]) for left, right, expected in OPERANDS for index, type_ in enumerate(TYPES)
]


@pytest.mark.parametrize(("type_", "left", "right", "expected"), ROWS)
def test_comparisons(type_: str, left: Scalar, right: Scalar, expected: object) -> None:
    condition = Comparison(type_, left, right)
    if expected is ResolutionError:
        with pytest.raises(ResolutionError, match=f"^Condition of type {type_} not supported between "):
            evaluate(condition, VALUES)
    else:
        assert evaluate(condition, VALUES) is expected


def test_an_impossible_comparison_names_both_values() -> None:
    with pytest.raises(ResolutionError) as refused:
        evaluate(Comparison("Equals", True, "x"), VALUES)
    assert str(refused.value) == (
        "Condition of type Equals not supported between LeftValue [true] of type boolean "
        "and RightValue [x] of type string."
    )


@pytest.mark.parametrize(
    ("query", "values", "expected"),
    [(1, (2, 1), True), (1, (1.0,), True), (1, ("1", True), False), ("a", (), False), (None, (None,), True)],
)
def test_membership(query: Scalar, values: tuple[Scalar, ...], expected: bool) -> None:
    assert evaluate(In(query, values), VALUES) is expected
    assert evaluate(In(query, values, negated=True), VALUES) is not expected


TRUE, FALSE = Comparison("Equals", 1, 1), Comparison("Equals", 1, 2)
BROKEN = Comparison("Equals", Get(Path("Parameters", "None")), 1)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Not(TRUE), False),
        (Not(FALSE), True),
        (Not(Not(TRUE)), True),
        (Or(()), False),
        (Or((FALSE, TRUE)), True),
        (Or((FALSE, FALSE)), False),
        (Or((TRUE, BROKEN)), True),
        (Comparison("Equals", Get(Path("Parameters", "P")), 1), True),
    ],
)
def test_combinations(condition: Condition, expected: bool) -> None:
    assert evaluate(condition, VALUES) is expected


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [((), True), ((TRUE, TRUE), True), ((TRUE, FALSE), False), ((FALSE, BROKEN), False)],
)
def test_conditions_of_a_step_are_all_needed(conditions: tuple[Condition, ...], expected: bool) -> None:
    assert evaluate_all(conditions, VALUES) is expected


def test_an_undefined_operand_fails_the_step() -> None:
    with pytest.raises(ResolutionError, match=r"Parameters\.None is undefined\."):
        evaluate(BROKEN, VALUES)


def test_an_operand_must_be_scalar() -> None:
    with pytest.raises(ResolutionError, match=r"Expected a scalar value but found \[1\]"):
        evaluate(Comparison("Equals", Get(Path("Parameters", "L")), 1), VALUES)
