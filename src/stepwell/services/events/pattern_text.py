"""Room services: the JSON of an event pattern with the place of every value. In: text. Out: Node. Pure.

Messages about a pattern name a line and a column as AWS's parser counts them: behind the token it has just begun
(behind the opening quote of a text, behind a bracket, behind a number).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TypeAlias

MOST_LEVELS = 100
SHOWN = 500
"""Characters of a pattern that a message repeats."""

Scalar: TypeAlias = "str | int | float | bool | None"
_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


class PatternError(Exception):
    """A pattern that is none. The message names the place."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value of the text. `at` is where it has just begun, `end` is behind it: both count characters from 0."""

    value: Scalar | tuple[Node, ...] | tuple[Entry, ...]
    kind: str
    """object, array or scalar."""
    at: int
    end: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A field of an object; `at` is behind the quote that opens its name."""

    name: str
    at: int
    node: Node


def problem(text: str, message: str, at: int) -> PatternError:
    """The error that `message` tells about the character `at` of `text`."""
    line = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    rest = len(text) - SHOWN
    cut = f"[truncated {rest} chars]" if rest > 0 else ""
    source = f'[Source: (String)"{text[:SHOWN]}"{cut}; line: {line}, column: {column}]'
    return PatternError(f"{message}\n at {source}")


def read(text: str) -> Node:
    """The value of the whole text. Raises PatternError."""
    node = _Reader(text).value(_skip(text, 0), 0)
    end = _skip(text, node.end)
    if end < len(text):
        raise _unexpected(text, end, "was expecting the end of the pattern")
    return node


class _Reader:
    """Reads one text; `value` is the only entrance."""

    def __init__(self, text: str) -> None:
        self._text = text

    def value(self, start: int, level: int) -> Node:
        if level > MOST_LEVELS:
            raise problem(self._text, f"Nested deeper than {MOST_LEVELS} levels", start)
        match self._text[start : start + 1]:
            case "{":
                return self._object(start, level)
            case "[":
                return self._array(start, level)
            case '"':
                text, end = self._string(start)
                return Node(text, "scalar", start + 1, end)
            case "":
                raise problem(self._text, "Unexpected end-of-input", start)
            case _:
                return self._plain(start)

    def _object(self, start: int, level: int) -> Node:
        entries: list[Entry] = []
        place = _skip(self._text, start + 1)
        while self._text[place : place + 1] != "}":
            if entries:
                place = self._expect(place, ",", "was expecting comma to separate Object entries")
            if self._text[place : place + 1] != '"':
                raise _unexpected(self._text, place, "was expecting double-quote to start field name")
            name, end = self._string(place)
            colon = _skip(self._text, end)
            begin = self._expect(colon, ":", "was expecting a colon to separate field name and value")
            entries.append(Entry(name, place + 1, self.value(begin, level + 1)))
            place = _skip(self._text, entries[-1].node.end)
        return Node(tuple(entries), "object", start + 1, place + 1)

    def _array(self, start: int, level: int) -> Node:
        nodes: list[Node] = []
        place = _skip(self._text, start + 1)
        while self._text[place : place + 1] != "]":
            if nodes:
                place = self._expect(place, ",", "was expecting comma to separate Array entries")
            nodes.append(self.value(place, level + 1))
            place = _skip(self._text, nodes[-1].end)
        return Node(tuple(nodes), "array", start + 1, place + 1)

    def _expect(self, place: int, character: str, expectation: str) -> int:
        if self._text[place : place + 1] != character:
            raise _unexpected(self._text, place, expectation)
        return _skip(self._text, place + 1)

    def _string(self, start: int) -> tuple[str, int]:
        try:
            value, end = json.decoder.scanstring(self._text, start + 1, True)  # type: ignore[attr-defined]
        except json.JSONDecodeError as error:
            raise problem(self._text, f"Invalid string: {error.msg}", error.pos) from error
        return value, end

    def _plain(self, start: int) -> Node:
        number = _NUMBER.match(self._text, start)
        if number:
            return Node(json.loads(number[0]), "scalar", number.end(), number.end())
        word = _WORD.match(self._text, start)
        if word is None:
            raise _unexpected(self._text, start, "expected a valid value")
        if word[0] not in _WORDS:
            expectation = "was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
            raise problem(self._text, f"Unrecognized token '{word[0]}': {expectation}", word.end())
        return Node(_WORDS[word[0]], "scalar", word.end(), word.end())


def _skip(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _unexpected(text: str, place: int, expectation: str) -> PatternError:
    if place >= len(text):
        return problem(text, "Unexpected end-of-input", place)
    character = text[place]
    return problem(text, f"Unexpected character ('{character}' (code {ord(character)})): {expectation}", place + 1)
