"""Room definition: the text of a definition becomes a Pipeline.

In: the text. Out: a Pipeline whose structure is right; whether it makes sense (names, references, types of steps)
is for the room checks. Raises DefinitionError with all that is wrong with the structure. Spec 01, sections 1, 2.
"""

from __future__ import annotations

from typing import cast, get_args

from stepwell.definition.expressions import Scalar, Tree, parse_join, parse_tree
from stepwell.definition.json_text import JSON, load
from stepwell.definition.model import Parameter, ParameterType, Pipeline
from stepwell.definition.parse_steps import parse_steps
from stepwell.definition.problems import (
    DefinitionError,
    Problem,
    among,
    below,
    described,
    did_you_mean,
    shown,
    suggestion,
)
from stepwell.definition.reading import Reading

VERSION = "2020-12-01"
INLINE_LENGTH = 1_048_576
"""Characters of a definition that stands in a request: the API's limit, which its own model states."""
MAXIMUM_LENGTH = 16 * INLINE_LENGTH
"""Characters of any definition: ours, for those that are read from S3. Ten thousand steps need about half of it."""

_MEMBERS = ("Version", "Metadata", "Parameters", "PipelineExperimentConfig", "MlflowConfig", "Steps")
_TYPES: tuple[ParameterType, ...] = get_args(ParameterType)


def parse(text: str) -> Pipeline:
    """The pipeline that `text` defines. Raises DefinitionError."""
    pipeline, problems = read(text)
    if problems:
        raise DefinitionError(problems)
    return pipeline


def read(text: str) -> tuple[Pipeline, list[Problem]]:
    """What can be read of `text`, and what cannot. Raises DefinitionError for what is no JSON, or too long."""
    if len(text) > MAXIMUM_LENGTH:
        raise DefinitionError([Problem("", f"It has {len(text)} characters; at most {MAXIMUM_LENGTH} are allowed.")])
    reading = Reading()
    return _pipeline(load(text), reading), reading.problems


def _pipeline(value: JSON, reading: Reading) -> Pipeline:
    if not isinstance(value, dict):
        twice = " It is one text: the definition was encoded as JSON twice." if isinstance(value, str) else ""
        reading.refuse("", f"Expecting start of Json Object.{twice}")
        return Pipeline(steps=())
    reading.only(value, _MEMBERS, "")
    _check_version(value, reading)
    metadata = value.get("Metadata")
    parameters = reading.optional_array(value, "Parameters", "")
    return Pipeline(
        metadata=reading.mapping(metadata, "/Metadata") if metadata is not None else {},
        parameters=tuple(
            _parameter(parameter, below("/Parameters", index), reading) for index, parameter in enumerate(parameters)
        ),
        experiment=_named_trees(value, "PipelineExperimentConfig", ("ExperimentName", "TrialName"), reading),
        mlflow=_named_trees(value, "MlflowConfig", ("MlflowResourceArn", "MlflowExperimentName"), reading),
        steps=tuple(parse_steps(reading.required(value, "Steps", ""), "/Steps", None, reading)),
    )


def _check_version(root: dict[str, JSON], reading: Reading) -> None:
    version = root.get("Version")
    if version is not None and version != VERSION:
        reading.refuse("/Version", f"Unsupported Version '{shown(version)}'; the only version is '{VERSION}'.")


def _named_trees(
    root: dict[str, JSON], member: str, names: tuple[str, ...], reading: Reading
) -> dict[str, Tree] | None:
    """A small object of literals and expressions; the SDK writes null for "none"."""
    value = root.get(member)
    if value is None:
        return None
    pointer = below("", member)
    document = reading.mapping(value, pointer)
    reading.only(document, names, pointer, member)
    return {name: _name(child, below(pointer, name), reading) for name, child in document.items()}


def _name(value: JSON, pointer: str, reading: Reading) -> Tree:
    """A literal or expression; AWS's guide shows a Join here without its Std:Join around it."""
    if isinstance(value, dict) and set(value) == {"On", "Values"}:
        return parse_join(value, pointer, reading)
    return parse_tree(value, pointer, reading)


def _parameter(value: JSON, pointer: str, reading: Reading) -> Parameter:
    document = reading.mapping(value, pointer)
    reading.only(document, ("Name", "Type", "Description", "DefaultValue", "EnumValues"), pointer, "Parameter")
    type_ = _type(document, pointer, reading)
    enum = tuple(
        reading.text(item, below(pointer, "EnumValues", index))
        for index, item in enumerate(reading.optional_array(document, "EnumValues", pointer))
    )
    if enum and type_ != "String":
        reading.refuse(below(pointer, "EnumValues"), "Only a parameter of type String can have EnumValues.")
    default = _default(document.get("DefaultValue"), type_, enum, below(pointer, "DefaultValue"), reading)
    description = reading.optional_text(document, "Description", pointer)
    name = reading.required_text(document, "Name", pointer)
    return Parameter(name, type_, default, pointer, enum, description)


def _type(document: dict[str, JSON], pointer: str, reading: Reading) -> ParameterType:
    type_ = reading.optional_text(document, "Type", pointer)
    if type_ is None:
        return "String"
    if type_ not in _TYPES:
        reading.refuse(below(pointer, "Type"), f"Unknown parameter type '{shown(type_)}'.{suggestion(type_, _TYPES)}")
        return "String"
    return type_


def _default(value: JSON, type_: ParameterType, enum: tuple[str, ...], pointer: str, reading: Reading) -> Scalar:
    match type_, value:
        case _, None:
            return None
        case "Integer", float() if value.is_integer():
            return int(value)
        case ("Boolean", bool()) | ("String", str()):
            pass
        case ("Integer", int()) | ("Float", int() | float()) if not isinstance(value, bool):
            pass
        case _:
            reading.refuse(pointer, f"The default of a parameter of type {type_} cannot be {described(value)}.")
            return None
    if enum and value not in enum:
        hint = did_you_mean(str(value), enum)
        reading.refuse(pointer, f"The default '{shown(value)}' is not one of the EnumValues {among(enum)}.{hint}")
    return cast(Scalar, value)
