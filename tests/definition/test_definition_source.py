"""Room definition, source: the place in a text that a pointer means."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from stepwell.definition.json_text import JSON
from stepwell.definition.problems import below
from stepwell.definition.source import Location, at, locate

TEXT = '{\n  "a": [1, {"b/c": "x",\n "d~": true}],\n  "a": [2, {}, "é", null]\n}'


@pytest.mark.parametrize(
    ("pointer", "line", "column", "length"),
    [
        ("", 1, 1, 1),
        ("/a", 4, 8, 18),
        ("/a/0", 4, 9, 1),
        ("/a/2", 4, 16, 3),
        ("/a/3", 4, 21, 4),
        ("/a/9", 4, 8, 18),
        ("/a/x", 4, 8, 18),
        ("/b/c", 1, 1, 1),
    ],
)
def test_places(pointer: str, line: int, column: int, length: int) -> None:
    found = locate(TEXT, pointer)
    assert (found.line, found.column, found.length) == (line, column, length)
    assert found.text == TEXT.split("\n")[line - 1]


def test_pointers_are_unescaped() -> None:
    text = ' {"b/c": {"d~": 7}}'
    assert locate(text, "/b~1c/d~0") == Location(1, 17, 1, text)


def test_the_end_of_a_text_is_a_place() -> None:
    assert at("ab\nc", 4) == Location(2, 2, 1, "c")
    assert at("", 0) == Location(1, 1, 1, "")


VALUES = some.recursive(
    some.none() | some.integers() | some.text(max_size=4),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def everywhere(value: JSON, pointer: str) -> list[tuple[str, JSON]]:
    pairs = list(enumerate(value)) if isinstance(value, list) else []
    pairs += list(value.items()) if isinstance(value, dict) else []  # type: ignore[arg-type]
    return [(pointer, value), *(found for key, child in pairs for found in everywhere(child, below(pointer, key)))]


@given(VALUES, some.sampled_from([None, 2]))
def test_what_is_located_is_what_stands_there(value: JSON, indent: int | None) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    lines = text.split("\n")
    for pointer, inner in everywhere(value, ""):
        place = locate(text, pointer)
        start = sum(len(line) + 1 for line in lines[: place.line - 1]) + place.column - 1
        found, _end = json.JSONDecoder().raw_decode(text, start)
        assert found == inner
