"""Room definition, problems: how findings are told."""

from __future__ import annotations

import pytest

from stepwell.definition.problems import SHOWN, DefinitionError, Problem, below, did_you_mean, shown


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
    assert shown("a\ud800b") == "a?b"
    assert shown(3) == "3"


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("trainning", " Did you mean 'Training'?"),
        ("PROCESSING", " Did you mean 'Processing'?"),
        ("qqqq", ""),
        ("x" * 100_000, ""),
    ],
)
def test_the_nearest_word_is_offered(word: str, hint: str) -> None:
    assert did_you_mean(word, ["Training", "Processing"]) == hint
