"""Room definition, parameters: declared, given, resolved, listed."""

from __future__ import annotations

import pytest

from stepwell.base.faults import Fault
from stepwell.definition.expressions import Scalar
from stepwell.definition.model import Parameter, ParameterType, Pipeline
from stepwell.definition.parameters import listed, resolve_parameters


def pipeline(*parameters: Parameter) -> Pipeline:
    return Pipeline((), parameters)


def parameter(type_: ParameterType, default: Scalar = None, enum: tuple[str, ...] = ()) -> Parameter:
    return Parameter("P", type_, default, "/Parameters/0", enum)


@pytest.mark.parametrize(
    ("type_", "given", "value"),
    [
        ("String", "x", "x"),
        ("String", "1", "1"),
        ("String", "", ""),
        ("Integer", "7", 7),
        ("Integer", "-7", -7),
        ("Integer", "+7", 7),
        ("Integer", "007", 7),
        ("Float", "0.1", 0.1),
        ("Float", "3", 3.0),
        ("Float", "1e-05", 1e-05),
        ("Float", "-.5", -0.5),
        ("Float", "2.", 2.0),
        ("Boolean", "True", True),
        ("Boolean", "False", False),
        ("Boolean", "true", True),
        ("Boolean", "FALSE", False),
    ],
)
def test_given_values_get_their_type(type_: ParameterType, given: str, value: Scalar) -> None:
    resolved = resolve_parameters(pipeline(parameter(type_)), {"P": given})["P"]
    assert resolved == value
    assert type(resolved) is type(value)


@pytest.mark.parametrize(
    ("type_", "given"),
    [
        ("Integer", "1.0"),
        ("Integer", ""),
        ("Integer", "1_0"),
        ("Integer", "\u0661"),
        ("Integer", " 1"),
        ("Integer", "1\n"),
        ("Integer", "9" * 101),
        ("Float", "nan"),
        ("Float", "inf"),
        ("Float", "1e999"),
        ("Float", "x"),
        ("Float", "1_0.0"),
        ("Boolean", "1"),
        ("Boolean", "yes"),
        ("Boolean", ""),
    ],
)
def test_values_of_another_type_are_refused(type_: ParameterType, given: str) -> None:
    with pytest.raises(Fault, match=rf"(?s)Parameter .P.: .* is not of type {type_}\.") as refused:
        resolve_parameters(pipeline(parameter(type_)), {"P": given})
    assert refused.value.code == "ValidationException"


@pytest.mark.parametrize("default", ["", 0, 0.0, False, "x"])
def test_defaults_fill_in(default: Scalar) -> None:
    assert resolve_parameters(pipeline(parameter("String", default)), {}) == {"P": default}


def test_enumerations_are_kept() -> None:
    choice = pipeline(parameter("String", "a", ("a", "b")))
    assert resolve_parameters(choice, {"P": "b"}) == {"P": "b"}
    with pytest.raises(Fault, match=r"Parameter 'P': 'c' is not one of \[a, b\]\."):
        resolve_parameters(choice, {"P": "c"})


def test_all_problems_are_told_at_once() -> None:
    declared = pipeline(
        Parameter("Input", "String", None, "/Parameters/0"), Parameter("Count", "Integer", 1, "/Parameters/1")
    )
    with pytest.raises(Fault) as refused:
        resolve_parameters(declared, {"Inputs": "x", "Count": "many"})
    assert refused.value.message == (
        "Unknown parameter 'Inputs'. Did you mean 'Input'? "
        "Missing value for parameter 'Input', which has no default. "
        "Parameter 'Count': 'many' is not of type Integer."
    )


def test_listed_values_are_texts_in_the_order_of_the_definition() -> None:
    values: dict[str, Scalar] = {"S": "x", "I": 3, "F": 0.5, "B": True}
    assert listed(values) == [
        {"Name": "S", "Value": "x"},
        {"Name": "I", "Value": "3"},
        {"Name": "F", "Value": "0.5"},
        {"Name": "B", "Value": "true"},
    ]
