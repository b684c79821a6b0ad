"""Room spec: property paths such as `ModelArtifacts.S3ModelArtifacts` or `Output['k'][0]` against output shapes.

In: a shape and a path. Out: the shape that stands there, so that a reference to a step's property can be checked
before anything runs; or an error that names the nearest existing members.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from stepwell.spec.models import Shape

Part: TypeAlias = str | int
"""A member or key (str), or a position in a list (int)."""

_PART = re.compile(
    r"""\.?(?P<name>[^.\[\]'"\s]+) | \[(?P<index>\d+)\] | \['(?P<single>[^']*)'\] | \["(?P<double>[^"]*)"\]""",
    re.VERBOSE,
)


class PathError(LookupError):
    """The path leads nowhere; the message says where it ends, and what stands there instead."""


def parse(path: str) -> tuple[Part, ...]:
    """The parts of a path: `A.B[0]['k']` -> ("A", "B", 0, "k"). Raises PathError."""
    parts: list[Part] = []
    position = 0
    while position < len(path):
        found = _PART.match(path, position)
        if found is None or (position == 0 and path[0] == "."):
            raise PathError(f"{path!r} is no property path: cannot read it from {path[position:]!r} on")
        parts.append(int(found["index"]) if found["index"] else _text(found))
        position = found.end()
    return tuple(parts)


def _text(found: re.Match[str]) -> str:
    return next(text for text in (found["name"], found["single"], found["double"]) if text is not None)


def follow(shape: Shape, path: str | Sequence[Part]) -> Shape:
    """The shape that stands at `path` below `shape`. Raises PathError."""
    parts = parse(path) if isinstance(path, str) else tuple(path)
    current = shape
    for number, part in enumerate(parts):
        current = _step(current, part, _shown(parts[:number]) or shape.name)
    return current


def _step(shape: Shape, part: Part, where: str) -> Shape:
    match shape.kind, part:
        case "structure", str():
            if part not in shape.members:
                raise PathError(f"{where} has no member {part!r}. {nearest(part, shape.members)}")
            return shape.members[part].shape
        case "list", int():
            return shape.element.shape
        case "map", str():
            return shape.value.shape
        case "structure" | "map", _:
            raise PathError(f"{where} is a {shape.kind}: it has names, not the position {part}")
        case "list", _:
            raise PathError(f"{where} is a list: it has positions, not the name {part!r}")
        case _:
            raise PathError(f"{where} is a {shape.kind}: nothing stands below it, so not {part!r}")


def nearest(name: str, known: Iterable[str]) -> str:
    """A sentence with the known names closest to `name`, or all of them when there are few."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f"Nearest: {', '.join(close)}."
    return f"Members: {', '.join(names[:12])}{', …' if len(names) > 12 else ''}."


def _shown(parts: Sequence[Part]) -> str:
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text
