"""Room steps: what a Lambda or Callback step answers, as its properties and its Metadata have it.

In: the declared OutputParameters and the values that came. Out: both forms; an error text when a declared one is
missing or not of its type. Values that nobody declared are left out. Spec 02, sections 11 and 12.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stepwell.base.documents import Document
from stepwell.definition.json_text import JSON
from stepwell.definition.outputs import OutputParameter, OutputType
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
        return f"It did not answer the output parameters that the step declares: {', '.join(missing)}."
    values: Document = {}
    for parameter in declared:
        value = _typed(given[parameter.name], parameter.type)
        if value is None:
            return f"Its output parameter '{parameter.name}' is not of type {parameter.type}."
        values[parameter.name] = value
    shown = [{"Name": name, "Value": _shown(value)} for name, value in values.items()]
    return Outputs({"OutputParameters": values}, shown)


def _typed(value: JSON, type_: OutputType) -> JSON:
    """`value` as the type has it; None when it cannot be."""
    match type_, value:
        case "Boolean", bool():
            return value
        case "Boolean", str() if value.lower() in ("true", "false"):
            return value.lower() == "true"
        case "Integer", int() if not isinstance(value, bool):
            return value
        case "Integer", float() if value.is_integer():
            return int(value)
        case "Integer" | "Float", str():
            return _number(value, type_)
        case "Float", int() | float() if not isinstance(value, bool):
            return float(value)
        case "String", _:
            return _shown(value)
        case _:
            return None


def _number(text: str, type_: OutputType) -> JSON:
    try:
        return int(text) if type_ == "Integer" else float(text)
    except ValueError:
        return None


def _shown(value: JSON) -> str:
    if isinstance(value, list | dict):
        return json.dumps(value, separators=(",", ":"))
    return as_text(value)
