"""Room definition: where in the text of a definition something stands.

In: the text and a JSON pointer. Out: Location values, for messages that show the line and point at the place. Only
`stepwell validate` and the like need it: an answer of the API has pointers alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]  # there since Python 2.6, typed nowhere

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a text; `line` and `column` count from 1, `length` is that of what stands there, on that line."""

    line: int
    column: int
    length: int
    text: str
    """The whole line."""


def locate(text: str, pointer: str) -> Location:
    """Where the value at `pointer` begins; if nothing stands there, where the nearest value around it does.

    `text` must be JSON.
    """
    start, end = _skip(text, 0), None
    for part in pointer.split("/")[1:]:
        found = _inside(text, start, part.replace("~1", "/").replace("~0", "~"))
        if found is None:
            break
        start, end = found
    if end is None:
        end = _end(text, start)
    return at(text, start, end - start)


def at(text: str, position: int, length: int = 1) -> Location:
    """The place that begins at the character `position`."""
    begin = text.rfind("\n", 0, position) + 1
    newline = text.find("\n", position)
    line_end = len(text) if newline < 0 else newline
    shown = max(min(length, line_end - position), 1)
    return Location(text.count("\n", 0, begin) + 1, position - begin + 1, shown, text[begin:line_end])


def _inside(text: str, start: int, part: str) -> tuple[int, int] | None:
    """Begin and end of the member or element `part` of the value at `start`; of equal keys the last counts."""
    match text[start : start + 1]:
        case "{":
            found = None
            for key, begin, end in _members(text, start):
                found = (begin, end) if key == part else found
            return found
        case "[" if part.isdecimal():
            for index, (begin, end) in enumerate(_elements(text, start)):
                if index == int(part):
                    return begin, end
            return None
        case _:
            return None


def _members(text: str, start: int) -> Iterator[tuple[str, int, int]]:
    position = _skip(text, start + 1)
    while text[position] == '"':
        key, position = scanstring(text, position + 1, True)
        begin = _skip(text, _skip(text, position) + 1)
        end = _end(text, begin)
        yield key, begin, end
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)


def _elements(text: str, start: int) -> Iterator[tuple[int, int]]:
    position = _skip(text, start + 1)
    while text[position] != "]":
        end = _end(text, position)
        yield position, end
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)


def _end(text: str, start: int) -> int:
    _value, end = _DECODER.raw_decode(text, start)
    return end


def _skip(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position
