"""Room definition: what expressions come to when their step starts.

In: a Tree and Values, through which parameters, execution variables, properties and files are read. Out: JSON,
or a ResolutionError whose text is the step's FailureReason (AWS's wording is unknown; spec 01, section 3, has
local mode's). Nothing is read here but through Values.
"""

from __future__ import annotations

import json
import math
from typing import Protocol

from stepwell.definition.expressions import (
    Get,
    Join,
    JsonGet,
    Operand,
    PropertyFileReference,
    Scalar,
    Tree,
)
from stepwell.definition.json_text import JSON
from stepwell.definition.paths import Part, Path, PathError
from stepwell.definition.paths import get as value_at
from stepwell.definition.problems import described, shown, suggestion
from stepwell.spec.models import Shape


class ResolutionError(Exception):
    """An expression has no value; the step that needs it fails with this text."""


class Values(Protocol):
    """What expressions read. `values.StoredValues` is the one that runs pipelines."""

    def lookup(self, path: Path) -> JSON:
        """The value at `path`. Raises ResolutionError."""

    def locate(self, reference: PropertyFileReference) -> str:
        """The S3 URI of a declared property file. Raises ResolutionError."""

    def read(self, uri: str) -> str:
        """The text of the object at `uri`. Raises ResolutionError."""


def resolve(tree: Tree, values: Values) -> JSON:
    """`tree` with each expression replaced by its value. Raises ResolutionError."""
    match tree:
        case Get(path):
            return values.lookup(path)
        case Join(on, operands):
            return on.join(as_text(resolve_operand(operand, values)) for operand in operands)
        case JsonGet():
            return _json_get(tree, values)
        case dict():
            return {key: resolve(child, values) for key, child in tree.items()}
        case list():
            return [resolve(child, values) for child in tree]
        case _:
            return tree


def resolve_operand(operand: Operand, values: Values) -> Scalar:
    """`operand` as a scalar. Raises ResolutionError, also when it comes to a list or an object."""
    value = resolve(operand, values)
    if isinstance(value, list | dict):
        raise ResolutionError(f"Expected a scalar value but found {shown(json.dumps(value))}.")
    return value


def as_text(value: Scalar) -> str:
    """`value` as Std:Join prints it and parameters are listed: 3, 0.5, true, text as it is."""
    return value if isinstance(value, str) else json.dumps(value)


def conform(value: JSON, shape: Shape) -> JSON:
    """`value` as an input of `shape`: numbers and booleans become text where the model wants a string.

    So an Integer parameter may stand in HyperParameters, Environment or ContainerArguments (spec 01, section 5).
    Anything that does not fit the shape stays as it is, for the validation of the operation to refuse.
    """
    match shape.kind, value:
        case "structure", dict():
            return {
                key: conform(child, shape.members[key].shape) if key in shape.members else child
                for key, child in value.items()
            }
        case "map", dict():
            return {key: conform(child, shape.value.shape) for key, child in value.items()}
        case "list", list():
            return [conform(child, shape.element.shape) for child in value]
        case "string", bool() | int() | float():
            return as_text(value)
        case _:
            return value


def _json_get(expression: JsonGet, values: Values) -> Scalar:
    uri = _uri(expression.source, values)
    try:
        document: JSON = json.loads(values.read(uri))
    except (ValueError, RecursionError) as error:
        raise ResolutionError(f"Contents of file {uri} are not in valid JSON format.") from error
    invalid = f"Invalid json path '{shown(expression.text)}'"
    try:
        found = value_at(document, expression.path)
    except PathError as error:
        raise ResolutionError(
            f"{invalid}: in {uri} there is {error}.{_offered(document, expression.path)}"
        ) from error
    if isinstance(found, list | dict):
        raise ResolutionError(f"{invalid}: in {uri} it leads to {described(found)}, not to a scalar value.")
    if isinstance(found, float) and not math.isfinite(found):
        raise ResolutionError(f"{invalid}: in {uri} it leads to {json.dumps(found)}, which is no JSON number.")
    return found


def _offered(document: JSON, path: tuple[Part, ...]) -> str:
    """The names among which the first part of `path` that leads nowhere was looked for."""
    part: Part = ""
    try:
        for part in path:
            document = value_at(document, (part,))
    except PathError:
        pass  # here the way ends
    return suggestion(str(part), list(document)) if isinstance(document, dict) else ""


def _uri(source: PropertyFileReference | str | Get | Join, values: Values) -> str:
    match source:
        case PropertyFileReference():
            return values.locate(source)
        case _:
            return as_text(resolve_operand(source, values))
