"""Room steps: what a Lambda or Callback step answers becomes typed properties, or a sentence about what is wrong."""

from __future__ import annotations

import math

import pytest

from stepwell.definition.json_text import JSON
from stepwell.definition.outputs import OutputParameter, OutputType
from stepwell.steps.output_parameters import Outputs, outputs


def answered(type_: OutputType, value: JSON) -> Outputs | str:
    return outputs([OutputParameter("x", type_, "/Steps/0/OutputParameters/0")], {"x": value, "unasked": 1})


@pytest.mark.parametrize(
    ("type_", "value", "typed", "shown"),
    [
        ("String", "a", "a", "a"),
        ("String", 3, "3", "3"),
        ("String", True, "true", "true"),
        ("String", {"a": [1]}, '{"a":[1]}', '{"a":[1]}'),
        ("Integer", 3, 3, "3"),
        ("Integer", 3.0, 3, "3"),
        ("Integer", "-7", -7, "-7"),
        ("Float", 3, 3.0, "3.0"),
        ("Float", 0.5, 0.5, "0.5"),
        ("Float", "1e-3", 0.001, "0.001"),
        ("Boolean", False, False, "false"),
        ("Boolean", "True", True, "true"),
    ],
)
def test_an_answer_of_the_declared_type(type_: OutputType, value: JSON, typed: JSON, shown: str) -> None:
    found = answered(type_, value)
    assert found == Outputs({"OutputParameters": {"x": typed}}, [{"Name": "x", "Value": shown}])
    assert isinstance(found, Outputs)
    assert type(found.properties["OutputParameters"]["x"]) is type(typed)


@pytest.mark.parametrize(
    ("type_", "value", "described"),
    [
        ("Integer", 1.5, "the number 1.5"),
        ("Integer", True, "true"),
        ("Integer", "ten", "the text 'ten'"),
        ("Integer", "1_0", "the text '1_0'"),
        ("Integer", " 1", "the text ' 1'"),
        ("Integer", "1.0", "the text '1.0'"),
        ("Float", True, "true"),
        ("Float", "nan", "the text 'nan'"),
        ("Float", "1e999", "the text '1e999'"),
        ("Float", math.inf, "the number inf"),
        ("Float", math.nan, "the number nan"),
        ("Float", 10**400, f"the number 1{'0' * 76}..."),
        ("Boolean", 1, "the number 1"),
        ("Boolean", "yes", "the text 'yes'"),
        ("Boolean", [True], "an array"),
    ],
)
def test_an_answer_of_another_type(type_: OutputType, value: JSON, described: str) -> None:
    assert answered(type_, value) == f"Its output parameter 'x' is not of type {type_}: it is {described}."


@pytest.mark.parametrize(
    ("given", "had"),
    [({}, "its answer is empty"), ({"b": None}, "its answer has [b]"), ({"body": "{}"}, "its answer has [body]")],
)
def test_an_answer_without_what_is_declared(given: dict[str, JSON], had: str) -> None:
    declared = [OutputParameter(name, "String", "") for name in ("a", "b")]
    assert outputs(declared, given) == (
        "It did not answer all output parameters that the step declares: a, b must stand at the top level, "
        f"but {had}."
    )


def test_nothing_declared_is_nothing_answered() -> None:
    assert outputs([], {"a": 1}) == Outputs({"OutputParameters": {}}, [])
