"""Rooms definition, loops and outputs: the Arguments of ForEach, the items of a run, OutputParameters."""

from __future__ import annotations

import pytest

from stepwell.definition.expressions import Get
from stepwell.definition.json_text import JSON
from stepwell.definition.loops import ForEach, Selector, items_of, parse_for_each
from stepwell.definition.outputs import OutputParameter, parse_outputs
from stepwell.definition.paths import Path
from stepwell.definition.reading import Reading

WHOLE: dict[str, JSON] = {"IterableItems": ["a"], "MaxConcurrency": 1, "ForEachBody": [{}]}
FIELD: JSON = {"Get": "IterationOutput.B.OutputParameters['x']"}


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, ForEach(("a",), 1)),
        ({"IterableItems": {"Get": "Parameters.P"}, "MaxConcurrency": 50}, ForEach(Get(Path("Parameters", "P")), 50)),
        ({"IterableItems": [1, {"Get": "Parameters.P"}]}, ForEach((1, Get(Path("Parameters", "P"))), 1)),
        (
            {"Selector": {"Pick": "MaxBy", "Field": FIELD}},
            ForEach(
                ("a",),
                1,
                Selector("MaxBy", Path("IterationOutput", "B", ("OutputParameters", "x")), "/A/Selector"),
            ),
        ),
    ],
)
def test_loops(members: dict[str, JSON], expected: ForEach) -> None:
    reading = Reading()
    assert parse_for_each({**WHOLE, **members}, "/A", reading) == expected
    assert reading.problems == []


NEEDS_LIST = "Expecting start of Json Array, or an expression that comes to a JSON list. (at /A/IterableItems)"


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"IterableItems": None}, "Missing required member 'IterableItems' (at /A)"),
        ({"IterableItems": "['a']"}, NEEDS_LIST),
        ({"IterableItems": {"a": 1}}, NEEDS_LIST),
        ({"IterableItems": []}, "There are 0 items; from 1 to 100 are allowed. (at /A/IterableItems)"),
        ({"IterableItems": [1] * 101}, "There are 101 items; from 1 to 100 are allowed. (at /A/IterableItems)"),
        ({"IterableItems": [None]}, "An item cannot be null. (at /A/IterableItems/0)"),
        (
            {"IterableItems": [{"a": 1}]},
            "Expecting a scalar value or an expression. Found an object. (at /A/IterableItems/0)",
        ),
        ({"MaxConcurrency": None}, "Missing required member 'MaxConcurrency' (at /A)"),
        (
            {"MaxConcurrency": 0},
            "Expecting a whole number from 1 to 50, but found the number 0. (at /A/MaxConcurrency)",
        ),
        ({"MaxConcurrency": True}, "Expecting a whole number from 1 to 50, but found true. (at /A/MaxConcurrency)"),
        ({"ForEachBody": []}, "A ForEach step must hold at least one step. (at /A/ForEachBody)"),
        ({"ForEachBody": None}, "Missing required member 'ForEachBody' (at /A)"),
        (
            {"Iterable": []},
            "Unknown Argument member 'Iterable'. Did you mean 'IterableItems'? (at /A/Iterable)",
        ),
        ({"Selector": []}, "Expecting start of Json Object. Found an array. (at /A/Selector)"),
        (
            {"Selector": {"Pick": "Max", "Field": FIELD}},
            "Unknown pick 'Max'. Did you mean 'MaxBy'? (at /A/Selector/Pick)",
        ),
        (
            {"Selector": {"Pick": "MinBy", "Field": {"Get": "Steps.B.X"}}},
            'Expecting {"Get": "IterationOutput.<step of the body>.<property>"}. (at /A/Selector/Field)',
        ),
        (
            {"Selector": {"Pick": "MinBy", "Field": {"Get": "IterationOutput.B"}}},
            'Expecting {"Get": "IterationOutput.<step of the body>.<property>"}. (at /A/Selector/Field)',
        ),
    ],
)
def test_wrong_loops(members: dict[str, JSON], problem: str) -> None:
    reading = Reading()
    parse_for_each({**WHOLE, **members}, "/A", reading)
    assert [str(found) for found in reading.problems] == [problem]


@pytest.mark.parametrize(
    ("value", "items"),
    [
        (["a", 1], ["a", 1]),
        ('["a", {"b": 1}]', ["a", {"b": 1}]),
        ("[]", []),
        ("a,b", None),
        ('{"a": 1}', None),
        (3, None),
        ("[" * 100_000, None),
    ],
)
def test_items(value: JSON, items: list[JSON] | None) -> None:
    assert items_of(value) == items


def test_outputs() -> None:
    reading = Reading()
    value: JSON = [{"OutputName": "a", "OutputType": "Integer"}, {"OutputName": "b"}]
    assert list(parse_outputs(value, "/O", reading)) == [
        OutputParameter("a", "Integer", "/O/0"),
        OutputParameter("b", "String", "/O/1"),
    ]
    assert list(parse_outputs(None, "/O", reading)) == []
    assert reading.problems == []


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({}, "Expecting start of Json Array. Found an object. (at /O)"),
        ([3], "Expecting start of Json Object. Found the number 3. (at /O/0)"),
        ([{}], "Missing required member 'OutputName' (at /O/0)"),
        (
            [{"OutputName": "a", "OutputType": "Int"}],
            "Unknown output type 'Int'. Did you mean 'Integer'? (at /O/0/OutputType)",
        ),
        (
            [{"OutputName": "a", "Type": "String"}],
            "Unknown OutputParameter member 'Type'. Known: OutputName, OutputType. (at /O/0/Type)",
        ),
    ],
)
def test_wrong_outputs(value: JSON, problem: str) -> None:
    reading = Reading()
    list(parse_outputs(value, "/O", reading))
    assert [str(found) for found in reading.problems] == [problem]
