"""Rooms definition and checks: the deepest definition that is read is also checked, resolved and planned."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from stepwell.checks.running import run
from stepwell.definition.conditions import evaluate_all
from stepwell.definition.json_text import JSON, MAXIMUM_DEPTH
from stepwell.definition.parse import parse
from stepwell.definition.problems import DefinitionError
from stepwell.definition.resolve import resolve
from stepwell.definition.values import StoredValues
from stepwell.machines.pipeline_execution import begin, plan_of
from stepwell.spec.models import operation

EQUALS: JSON = {"Type": "Equals", "LeftValue": 1, "RightValue": 1}


def repeated(make: Callable[[JSON], JSON], times: int, inner: JSON) -> JSON:
    for _ in range(times):
        inner = make(inner)
    return inner


def choice(inside: JSON, name: str) -> JSON:
    arguments: JSON = {"Conditions": [EQUALS], "IfSteps": [inside] if inside else []}
    return {"Name": name, "Type": "Condition", "Arguments": arguments}


def asking(condition: JSON) -> JSON:
    return {"Name": "C", "Type": "Condition", "Arguments": {"Conditions": [condition]}}


def telling(value: JSON) -> JSON:
    return {"Name": "L", "Type": "Lambda", "FunctionArn": "f", "Arguments": {"X": value}}


def nested_steps(times: int) -> JSON:
    inner: JSON = None
    for number in range(times):
        inner = choice(inner, f"C{number}")
    return inner


DEEP: list[tuple[Callable[[int], JSON], int]] = [
    (lambda times: telling(repeated(lambda inner: {"a": inner}, times, 1)), MAXIMUM_DEPTH - 5),
    (lambda times: telling(repeated(lambda inner: [inner], times, 1)), MAXIMUM_DEPTH - 5),
    (
        lambda times: telling(repeated(lambda inner: {"Std:Join": {"On": "", "Values": [inner]}}, times, "x")),
        (MAXIMUM_DEPTH - 5) // 3,
    ),
    (
        lambda times: asking(repeated(lambda inner: {"Type": "Not", "Condition": inner}, times, EQUALS)),
        MAXIMUM_DEPTH - 7,
    ),
    (
        lambda times: asking(repeated(lambda inner: {"Type": "Or", "Conditions": [inner]}, times, EQUALS)),
        (MAXIMUM_DEPTH - 7) // 2,
    ),
    (nested_steps, (MAXIMUM_DEPTH - 5) // 3),
]


@pytest.mark.parametrize(("make", "times"), DEEP)
def test_the_deepest_definitions_are_handled(make: Callable[[int], JSON], times: int) -> None:
    pipeline = parse(json.dumps({"Steps": [make(times)]}))
    assert run(pipeline, operation) == []
    values = StoredValues(pipeline, {}, {}, lambda _: None, lambda _: "")
    for step in pipeline.steps:
        resolve(dict(step.arguments), values)
        evaluate_all(step.conditions, values)
    assert set(begin(plan_of(pipeline)).plan.graph.requirements) == set(pipeline.named)


@pytest.mark.parametrize(("make", "times"), DEEP)
def test_deeper_ones_are_refused(make: Callable[[int], JSON], times: int) -> None:
    with pytest.raises(DefinitionError, match="nested deeper than"):
        parse(json.dumps({"Steps": [make(times + 1)]}))
