"""Room definition: expressions, the values of a definition that are known only when a step starts.

In: JSON in which objects with the single key Get, Std:Join or Std:JsonGet stand for values. Out: a Tree, the same
JSON with these objects replaced by typed expressions. What they come to is resolve.py's work. Spec 01, section 3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from stepwell.definition.json_text import JSON
from stepwell.definition.paths import Part, Path, PathError, parse_json_path, parse_path
from stepwell.definition.problems import below, expecting_scalar, shown
from stepwell.definition.reading import Reading

Scalar: TypeAlias = bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Get:
    """The value at a path: a parameter, an execution variable, a property of a step."""

    path: Path


@dataclass(frozen=True, slots=True)
class Join:
    """The texts of `values` with `on` between them."""

    on: str
    values: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class PropertyFileReference:
    """The file a Processing step declares under this name."""

    step: str
    name: str


@dataclass(frozen=True, slots=True)
class JsonGet:
    """A scalar inside a JSON file: one that a step declared, or one at an S3 URI."""

    source: PropertyFileReference | str | Get | Join
    path: tuple[Part, ...]
    text: str
    """The path as it was written, for messages."""


Expression: TypeAlias = Get | Join | JsonGet
Operand: TypeAlias = Scalar | Expression
Tree: TypeAlias = "Operand | list[Tree] | dict[str, Tree]"


def parse_tree(value: JSON, pointer: str, reading: Reading) -> Tree:
    """`value` with its expressions typed. What cannot be read is noted in `reading` and becomes None."""
    match value:
        case {"Get": path, **rest} if not rest:
            return _get(path, below(pointer, "Get"), reading)
        case {"Std:Join": body, **rest} if not rest:
            return parse_join(body, below(pointer, "Std:Join"), reading)
        case {"Std:JsonGet": body, **rest} if not rest:
            return _json_get(body, below(pointer, "Std:JsonGet"), reading)
        case dict():
            return {
                key: parse_tree(child, below(pointer, key), reading) if isinstance(child, dict | list) else child
                for key, child in value.items()
            }
        case list():
            return [
                parse_tree(child, below(pointer, index), reading) if isinstance(child, dict | list) else child
                for index, child in enumerate(value)
            ]
        case _:
            return value


def parse_operand(value: JSON, pointer: str, reading: Reading) -> Operand:
    """A scalar or an expression; a list or any other object is refused."""
    tree = parse_tree(value, pointer, reading)
    if isinstance(tree, list | dict):
        reading.refuse(pointer, expecting_scalar(value))
        return None
    return tree


def parse_join(value: JSON, pointer: str, reading: Reading) -> Join:
    """The body of a Std:Join: On (default: nothing between) and Values."""
    body = reading.mapping(value, pointer)
    if body is not value:
        return Join("", ())
    reading.only(body, ("On", "Values"), pointer, "Std:Join")
    values = reading.required_array(body, "Values", pointer)
    operands = tuple(
        parse_operand(operand, below(pointer, "Values", index), reading) for index, operand in enumerate(values)
    )
    return Join(reading.optional_text(body, "On", pointer) or "", operands)


def _get(value: JSON, pointer: str, reading: Reading) -> Get | None:
    text = reading.text(value, pointer)
    if text != value:
        return None
    try:
        return Get(parse_path(text))
    except PathError as error:
        reading.refuse(pointer, f"Invalid reference '{shown(text)}': it {error}.")
        return None


def _json_get(value: JSON, pointer: str, reading: Reading) -> JsonGet | None:
    body = reading.mapping(value, pointer)
    reading.only(body, ("PropertyFile", "S3Uri", "Path"), pointer, "Std:JsonGet")
    source = _json_source(body, pointer, reading)
    text = reading.required_text(body, "Path", pointer)
    try:
        parts = parse_json_path(text)
    except PathError as error:
        reading.refuse(below(pointer, "Path"), f"Invalid json path '{shown(text)}': it {error}.")
        return None
    return None if source is None else JsonGet(source, parts, text)


def _json_source(
    body: dict[str, JSON], pointer: str, reading: Reading
) -> PropertyFileReference | str | Get | Join | None:
    property_file, uri = body.get("PropertyFile"), body.get("S3Uri")
    if (property_file is None) == (uri is None):
        reading.refuse(pointer, "Exactly one of 'PropertyFile' and 'S3Uri' is required in Std:JsonGet.")
        return None
    if uri is None:
        return _property_file(property_file, below(pointer, "PropertyFile"), reading)
    source = parse_operand(uri, below(pointer, "S3Uri"), reading)
    if isinstance(source, str | Get | Join):
        return source
    reading.refuse(below(pointer, "S3Uri"), "Expecting an S3 URI, a Get or a Std:Join.")
    return None


_PROPERTY_FILE = re.compile(r"Steps\.(?P<step>[^.\[\]]+)\.PropertyFiles(?:\.(?P<name>.+)|\['(?P<key>.+)'\])")


def _property_file(value: JSON, pointer: str, reading: Reading) -> PropertyFileReference | None:
    text = value.get("Get") if isinstance(value, dict) else value
    found = _PROPERTY_FILE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        reading.refuse(pointer, 'Expecting {"Get": "Steps.<step>.PropertyFiles.<name>"}.')
        return None
    return PropertyFileReference(found["step"], found["name"] or found["key"])
