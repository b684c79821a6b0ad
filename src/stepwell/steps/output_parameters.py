"""Room steps: what a Lambda or Callback step answers, as its properties and its Metadata have it.

In: the declared OutputParameters and the values that came. Out: both forms; an error text when a declared one is
missing or not of its type. Values that nobody declared are left out. Spec 02, sections 11 and 12.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stepwell.base.documents import Document
from stepwell.definition.json_text import JSON
from stepwell.definition.outputs import OutputParameter, OutputType
from stepwell.definition.parameters import read
from stepwell.definition.problems import among, described
from stepwell.definition.resolve import as_text


@dataclass(frozen=True, slots=True)
class Outputs:
    """`properties`: name -> typed value. `metadata`: what ListPipelineExecutionSteps shows, all texts."""

    properties: Document
    metadata: list[Document]


def outputs(declared: Sequence[OutputParameter], given: Mapping[str, JSON]) -> Outputs | str:
    """Both forms of what was given; a text that says what is wrong with it."""
    missing = [parameter.name for parameter in declared if given.get(parameter.name) is None]
    if missing:
        answered = f"its answer has {among(sorted(given))}" if given else "its answer is empty"
        text = "It did not answer all output parameters that the step declares"
        return f"{text}: {', '.join(missing)} must stand at the top level, but {answered}."
    values: Document = {}
    for parameter in declared:
        value = _typed(given[parameter.name], parameter.type)
        if value is None:
            wrong = described(given[parameter.name])
            return f"Its output parameter '{parameter.name}' is not of type {parameter.type}: it is {wrong}."
        values[parameter.name] = value
    shown = [{"Name": name, "Value": _shown(value)} for name, value in values.items()]
    return Outputs({"OutputParameters": values}, shown)


def _typed(value: JSON, type_: OutputType) -> JSON:
    """`value` as the type has it; None when it cannot be."""
    match type_, value:
        case "String", _:
            return _shown(value)
        case _, str():
            return read(type_, value)
        case "Boolean", bool():
            return value
        case "Integer", int() if not isinstance(value, bool):
            return value
        case "Integer", float() if value.is_integer():
            return int(value)
        case "Float", int() | float() if not isinstance(value, bool):
            return _finite(value)
        case _:
            return None


def _finite(number: float) -> JSON:
    """`number` as a float, None for what none can hold: a JSON file has neither NaN nor infinity."""
    try:
        value = float(number)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def _shown(value: JSON) -> str:
    if isinstance(value, list | dict):
        return json.dumps(value, separators=(",", ":"))
    return as_text(value)
