"""Room definition, problems: how findings are told."""

from __future__ import annotations

import pytest

from stepwell.definition.json_text import JSON
from stepwell.definition.problems import (
    SHOWN,
    DefinitionError,
    Problem,
    among,
    below,
    described,
    did_you_mean,
    expecting,
    expecting_scalar,
    missing,
    shown,
    suggestion,
)


def test_an_error_tells_every_problem_and_where() -> None:
    error = DefinitionError([Problem("", "Whole."), Problem("/Steps/0", "Part.")])
    assert error.message == "Unable to parse pipeline definition. Whole.; Part. (at /Steps/0)"
    assert error.status == 400
    assert error.problems == (Problem("", "Whole."), Problem("/Steps/0", "Part."))


def test_many_problems_are_counted() -> None:
    error = DefinitionError([Problem(f"/{number}", "x") for number in range(SHOWN + 5)])
    assert error.message.endswith("; and at least 5 more.")
    assert error.message.count("(at /") == SHOWN
    assert len(error.problems) == SHOWN + 5


@pytest.mark.parametrize(
    ("pointer", "keys", "expected"),
    [("", ("Steps", 0), "/Steps/0"), ("/a", ("x/y", "t~u"), "/a/x~1y/t~0u"), ("/a", (), "/a")],
)
def test_pointers_escape_as_rfc_6901_says(pointer: str, keys: tuple[str | int, ...], expected: str) -> None:
    assert below(pointer, *keys) == expected


def test_shown_values_are_short_and_printable() -> None:
    assert shown("x" * 100) == "x" * 77 + "..."
    assert shown("a\ud800b") == "a\\ud800b"
    assert shown("a\x1b[31m\nb\u202e") == "a\\x1b[31m\\nb\\u202e"
    assert shown("漢 é 😀") == "漢 é 😀"
    assert shown(3) == "3"


def test_no_name_makes_a_message_long() -> None:
    error = DefinitionError([Problem(below("/Steps/0", "x" * 1_000_000), "Wrong.")])
    assert len(error.message) < 500


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("trainning", " Did you mean 'Training'?"),
        ("PROCESSING", " Did you mean 'Processing'?"),
        ("Pro", " Did you mean 'Processing'?"),
        ("cessing", " Did you mean 'Processing'?"),
        ("Pr", ""),
        ("ing", ""),
        ("TrainingStep", " Did you mean 'Training'?"),
        ("MyProcessing", " Did you mean 'Processing'?"),
        ("Endpoint", ""),
        ("qqqq", ""),
        ("x" * 100_000, ""),
    ],
)
def test_the_nearest_word_is_offered(word: str, hint: str) -> None:
    assert did_you_mean(word, ["Training", "Processing"]) == hint


@pytest.mark.parametrize(
    ("word", "known", "most", "offered"),
    [
        ("Trainin", ["Training", "Processing"], 2, " Did you mean 'Training'?"),
        ("Trining", ["Training", "Processing"], 2, " Did you mean 'Training'?"),
        ("Bb", ["B", "C"], 2, " Known: B, C."),
        ("Bb", ["B", "C"], 1, " Did you mean 'B'?"),
        ("ModelStep", ["Model", "Registered Model"], 1, " Did you mean 'Model'?"),
        ("ConditionGreaterThan", ["Than", "GreaterThan"], 1, " Did you mean 'GreaterThan'?"),
        ("qqqq", ["Training", "Processing"], 2, " Known: Training, Processing."),
        ("qqqq", ["Training", "Processing"], 1, ""),
        ("qqqq", [], 2, ""),
    ],
)
def test_few_words_are_offered_all(word: str, known: list[str], most: int, offered: str) -> None:
    assert suggestion(word, known, most) == offered


def test_long_enumerations_are_cut() -> None:
    assert among(["a", "b"]) == "[a, b]"
    assert among([str(number) for number in range(12)]).endswith("11]")
    assert among([str(number) for number in range(13)]).endswith(", 11, … 13 in all]")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (3, "the number 3"),
        (0.5, "the number 0.5"),
        ("a", "the text 'a'"),
        ([], "an array"),
        ({}, "an object"),
    ],
)
def test_what_stands_there_is_described(found: JSON, words: str) -> None:
    assert described(found) == words
    assert expecting("array", found) == f"Expecting start of Json Array. Found {words}."


@pytest.mark.parametrize("key", ["Get", "Std:Join", "Std:JsonGet"])
def test_an_expression_is_told_from_other_objects(key: str) -> None:
    assert expecting("text", {key: 1}) == "Expecting a Json String. No expression can stand here: write the text out."
    assert expecting("array", {key: 1, "More": 1}) == "Expecting start of Json Array. Found an object."
    assert expecting("object", "x", is_expression=True).startswith("Expecting start of Json Object. An expression")


@pytest.mark.parametrize(
    ("found", "advice"),
    [
        ([1], "Found an array."),
        ({}, "Found an object."),
        ({"a": 1}, "Found an object."),
        ({"a": 1, "b": 2}, "Found an object."),
        ({"GET": 1}, "Did you mean 'Get'?"),
        ({"JsonGet": 1}, "Did you mean 'Std:JsonGet'?"),
        ({"b": 1, "Std:Join": 1}, "Beside 'Std:Join' an expression has no other member."),
    ],
)
def test_what_is_no_scalar_may_have_been_meant_as_an_expression(found: JSON, advice: str) -> None:
    assert expecting_scalar(found) == f"Expecting a scalar value or an expression. {advice}"


def test_what_is_missing_has_a_place_of_its_own() -> None:
    problem = missing("/Steps/0", "Name", ": give it one.")
    assert str(problem) == "Missing required member 'Name': give it one. (at /Steps/0)"
    assert problem.place == "/Steps/0/Name"
    assert Problem("/Steps/0", "x").place == "/Steps/0"
