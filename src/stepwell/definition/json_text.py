"""Room definition: the text of a definition becomes plain JSON values.

In: what a client sent as PipelineDefinition. Out: JSON (None, bool, int, float, str, lists, dicts) or a
DefinitionError that names line, column and character. Never meaning: that is parse.py's work.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import NoReturn, TypeAlias

from stepwell.definition.problems import DefinitionError, Problem

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

MAXIMUM_DEPTH = 200
"""Levels of nesting; ours, so that no definition can exhaust the stack (nested conditions use four a level)."""


def load(text: str) -> JSON:
    """The JSON value of `text`. Raises DefinitionError for what is no JSON, or is no text we could store."""
    if text.startswith("\ufeff"):
        raise _malformed("Malformed JSON: it begins with a byte order mark; write it as UTF-8 without one.")
    try:
        value: JSON = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno} (character {error.pos})"
        is_python = text[error.pos : error.pos + 1] in _PYTHON
        advice = " Python's str() does not write JSON; json.dumps does." if is_python else ""
        raise _malformed(f"Malformed JSON: {error.msg} at {where}.{advice}") from error
    except RecursionError as error:
        raise _malformed(_TOO_DEEP) from error
    except ValueError as error:
        raise _malformed(f"Malformed JSON: {error}.") from error
    if _depth_exceeds(value, MAXIMUM_DEPTH):
        raise _malformed(_TOO_DEEP)
    if _has_lone_surrogate(text, value):
        raise _malformed("Malformed JSON: a string holds half of a UTF-16 surrogate pair.")
    return value


_PYTHON = ("'", "T", "F", "N")
"""What a value begins with that Python wrote: a string, True, False or None."""

_TOO_DEEP = f"Malformed JSON: nested deeper than {MAXIMUM_DEPTH} levels."


def _malformed(message: str) -> DefinitionError:
    return DefinitionError([Problem("", message)])


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"the number {digits[:40]} is out of range")
    return number


def _depth_exceeds(value: JSON, limit: int) -> bool:
    """Whether anything stands deeper than `limit`. Only what can hold something is followed down."""
    level: list[JSON] = [value]
    for _ in range(limit - 1):
        level = [child for parent in level for child in _children(parent) if isinstance(child, dict | list)]
        if not level:
            return False
    return any(level)


def _children(value: JSON) -> Iterable[JSON]:
    match value:
        case list():
            return value
        case dict():
            return value.values()
        case _:
            return ()


_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


def _has_lone_surrogate(text: str, value: JSON) -> bool:
    if not _SURROGATE.search(text):
        return False
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False
