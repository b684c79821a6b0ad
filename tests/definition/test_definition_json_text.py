"""Room definition, json_text: what is JSON, and how a client learns where it is not."""

from __future__ import annotations

import json

import pytest

from stepwell.definition.json_text import MAXIMUM_DEPTH, load
from stepwell.definition.problems import DefinitionError

PREFIX = "Unable to parse pipeline definition. "


def test_json_becomes_plain_values() -> None:
    assert load('{"a": [1, 2.5, true, null, "x"]}') == {"a": [1, 2.5, True, None, "x"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Malformed JSON: Expecting value at line 1, column 1 (character 0)."),
        ('{\n  "a": }', "Malformed JSON: Expecting value at line 2, column 8 (character 9)."),
        ('{"a": 1,}', "Malformed JSON: "),
        ("[1] 2", "Malformed JSON: Extra data at line 1, column 5 (character 4)."),
        ("NaN", "Malformed JSON: NaN is not a JSON value."),
        ("[-Infinity]", "Malformed JSON: -Infinity is not a JSON value."),
        ("1e999", "Malformed JSON: the number 1e999 is out of range."),
        ("9" * 5000, "Malformed JSON: Exceeds the limit"),
        ('"\\ud800"', "Malformed JSON: a string holds half of a UTF-16 surrogate pair."),
        ('"\ud800"', "Malformed JSON: a string holds half of a UTF-16 surrogate pair."),
    ],
)
def test_what_is_no_json_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        load(text)
    assert refused.value.code == "ValidationException"
    assert refused.value.message.startswith(PREFIX + message)


def test_surrogate_pairs_are_characters() -> None:
    assert load('"\\ud83d\\ude00"') == "\U0001f600"


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def test_nesting_up_to_the_limit_is_read() -> None:
    assert json.dumps(load(nested(MAXIMUM_DEPTH))) == nested(MAXIMUM_DEPTH)


@pytest.mark.parametrize("text", [nested(MAXIMUM_DEPTH + 1), nested(500_000), '{"a":' * 300 + "1" + "}" * 300])
def test_deeper_nesting_is_refused(text: str) -> None:
    with pytest.raises(DefinitionError, match=f"nested deeper than {MAXIMUM_DEPTH} levels"):
        load(text)
