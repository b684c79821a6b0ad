"""Room definition: the grammar of property paths, A.B[0]['k'].C, and walking along them.

In: the text behind a Get, or the Path of a JsonGet. Out: Path values and tuples of parts (str: a member, a map
key or the natural name of a list's element; int: a position). Source: spec 01, sections 3 and 4.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias, cast, get_args

from stepwell.definition.json_text import JSON

Part: TypeAlias = str | int
Root: TypeAlias = Literal[
    "Parameters", "Execution", "PipelineExperimentConfig", "Steps", "ForEach", "IterationOutput"
]
ROOTS: tuple[Root, ...] = get_args(Root)

NATURAL_KEYS = ("OutputName", "InputName", "ChannelName", "MetricName", "VariantName", "Name", "Key")
"""Members that name an element of a list, so that Outputs['train'] finds it. AWS documents the first two."""


class PathError(ValueError):
    """A path that cannot be read, or that leads nowhere."""


@dataclass(frozen=True, slots=True)
class Path:
    """What a Get reads: `root`, then the `name` of a parameter, variable or step, then the way into its value."""

    root: Root
    name: str
    parts: tuple[Part, ...] = ()

    def __str__(self) -> str:
        return f"{self.root}.{self.name}" + render(self.parts)


_PART = re.compile(
    r"\.?(?P<name>[^.\[\]]+)|\[(?P<index>\d{1,9})\]|\['(?P<single>.*?)'\]|\[\"(?P<double>.*?)\"\]", re.DOTALL
)


def parse_parts(text: str) -> tuple[Part, ...]:
    """The parts of `text`, which may begin with a name, a dot or a bracket. Raises PathError."""
    parts: list[Part] = []
    position = 0
    while position < len(text):
        found = _PART.match(text, position)
        if found is None or (position and found["name"] and text[position] != "."):
            raise PathError(f"cannot be read from character {position + 1} on; paths are such as a.b, a[0] or a['b']")
        parts.append(_part(found))
        position = found.end()
    return tuple(parts)


def _part(found: re.Match[str]) -> Part:
    if found["index"] is not None:
        return int(found["index"])
    return next(found[group] for group in ("name", "single", "double") if found[group] is not None)


def parse_json_path(text: str) -> tuple[Part, ...]:
    """The parts of a JsonGet's Path; a leading `$`, `$.` or `.` means the whole file. Raises PathError."""
    return parse_parts(text.removeprefix("$"))


@lru_cache(maxsize=4096)
def parse_path(text: str) -> Path:
    """The path of a Get. Raises PathError with what was expected."""
    root, dot, rest = text.partition(".")
    if root not in ROOTS or not dot:
        raise PathError(f"must begin with one of [{', '.join(f'{known}.' for known in ROOTS)}]")
    parts = parse_parts(rest)
    if not parts or isinstance(parts[0], int):
        raise PathError(f"names nothing behind '{root}.'")
    return Path(root, parts[0], parts[1:])


def render(parts: tuple[Part, ...]) -> str:
    """`parts` as text that reads back to the same."""
    return "".join(_rendered(part) for part in parts)


def _rendered(part: Part) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    if re.fullmatch(r"[^.\[\]]+", part):
        return f".{part}"
    return f'["{part}"]' if "']" in part else f"['{part}']"


def get(value: JSON, parts: tuple[Part, ...]) -> JSON:
    """What stands in `value` at `parts`. Raises PathError at the first part that leads nowhere."""
    for part in parts:
        value = _step_into(value, part)
    return value


def get_through_text(value: JSON, parts: tuple[Part, ...]) -> JSON:
    """The same, for values that may hold JSON as text: a text that is a JSON object or array is entered."""
    for part in parts:
        value = _step_into(_opened(value), part)
    return value


def _opened(value: JSON) -> JSON:
    if not isinstance(value, str):
        return value
    try:
        return cast(JSON, json.loads(value))
    except (ValueError, RecursionError) as error:
        raise PathError("text that is no JSON cannot be entered") from error


def _step_into(value: JSON, part: Part) -> JSON:
    match value, part:
        case dict(), str() if part in value:
            return value[part]
        case list(), int() if part < len(value):
            return value[part]
        case list(), str():
            return _named(value, part)
        case _:
            raise PathError(f"nothing at {_rendered(part).lstrip('.')}")


def _named(elements: list[JSON], name: str) -> JSON:
    for element in elements:
        if isinstance(element, dict) and any(element.get(key) == name for key in NATURAL_KEYS):
            return element
    raise PathError(f"nothing at ['{name}']")
