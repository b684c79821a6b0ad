"""Room definition: the parameters of one execution.

In: the declared parameters and what StartPipelineExecution gives, which are always strings. Out: typed values, or
one ValidationException that names all that is wrong. AWS's wordings are unknown. Spec 01, section 2.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping

from stepwell.base import faults
from stepwell.definition.expressions import Scalar
from stepwell.definition.model import Parameter, ParameterType, Pipeline
from stepwell.definition.problems import among, did_you_mean, shown, suggestion
from stepwell.definition.resolve import as_text


def resolve_parameters(pipeline: Pipeline, given: Mapping[str, str]) -> dict[str, Scalar]:
    """Every parameter's value in the order of the definition: what is given, else the default.

    Raises a ValidationException for unknown names, missing values, and values that are not of the type.
    """
    declared = {parameter.name: parameter for parameter in pipeline.parameters}
    problems = [
        f"Unknown parameter '{shown(name)}'.{_known(name, declared)}" for name in given if name not in declared
    ]
    values: dict[str, Scalar] = {}
    for name, parameter in declared.items():
        try:
            values[name] = _value(parameter, given.get(name))
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise faults.validation(" ".join(problems))
    return values


def _known(name: str, declared: Collection[str]) -> str:
    """The nearest name, or all there are."""
    return suggestion(name, sorted(declared)) if declared else " The pipeline has no parameters."


def listed(values: Mapping[str, Scalar]) -> list[dict[str, str]]:
    """The members of ListPipelineParametersForExecution: every value as text."""
    return [{"Name": name, "Value": as_text(value)} for name, value in values.items()]


def _value(parameter: Parameter, given: str | None) -> Scalar:
    if given is None:
        if parameter.default is None:
            raise ValueError(f"Missing value for parameter '{parameter.name}', which has no default.")
        return parameter.default
    value = read(parameter.type, given)
    if value is None:
        raise ValueError(f"Parameter '{parameter.name}': '{shown(given)}' is not of type {parameter.type}.")
    if parameter.enum and value not in parameter.enum:
        hint = did_you_mean(given, parameter.enum)
        allowed = among(parameter.enum)
        raise ValueError(f"Parameter '{parameter.name}': '{shown(given)}' is not one of {allowed}.{hint}")
    return value


_INTEGER = re.compile(r"[+-]?[0-9]{1,100}")
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_BOOLEANS = {"true": True, "false": False}


def read(type_: ParameterType, given: str) -> Scalar:
    """`given` as a value of that type, None when it is not one. The SDK writes str(value): "True", "0.1"."""
    match type_:
        case "String":
            return given
        case "Integer" if _INTEGER.fullmatch(given):
            return int(given)
        case "Float" if (number := _number(given)) is not None:
            return number
        case "Boolean" if given.lower() in _BOOLEANS:
            return _BOOLEANS[given.lower()]
        case _:
            return None


def _number(text: str) -> float | None:
    number = float(text) if _FLOAT.fullmatch(text) else math.inf
    return number if math.isfinite(number) else None
