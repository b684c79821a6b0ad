"""Room definition, paths: the grammar, and walking."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from stepwell.definition.paths import (
    NATURAL_KEYS,
    Path,
    PathError,
    get,
    parse_json_path,
    parse_parts,
    parse_path,
    render,
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ()),
        ("A", ("A",)),
        ("A.B", ("A", "B")),
        (".A", ("A",)),
        ("A[0].B", ("A", 0, "B")),
        ("A['k'].B", ("A", "k", "B")),
        ('A["k"]', ("A", "k")),
        ("[0][1]", (0, 1)),
        ("A['with.dot']['[x]']", ("A", "with.dot", "[x]")),
        ("A['it's']", ("A", "it's")),
        ("A['']", ("A", "")),
        ("validation:auc.value-1", ("validation:auc", "value-1")),
    ],
)
def test_paths_are_read(text: str, parts: tuple[str | int, ...]) -> None:
    assert parse_parts(text) == parts


@pytest.mark.parametrize(
    "text", ["A..B", "A.", "A[", "A[x]", "A[-1]", "A]", "A[0]B", "A['k']B", "A['k", ".", "A[1.5]"]
)
def test_what_is_no_path_says_from_where(text: str) -> None:
    with pytest.raises(PathError, match=r"cannot be read from character \d+ on"):
        parse_parts(text)


@pytest.mark.parametrize("text", ["a.b", ".a.b", "$.a.b", "$['a']['b']", "['a'].b"])
def test_json_paths_may_begin_at_the_root(text: str) -> None:
    assert parse_json_path(text) == ("a", "b")


def test_the_root_alone_is_a_json_path() -> None:
    assert parse_json_path("$") == ()


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("Parameters.X", Path("Parameters", "X")),
        ("Execution.PipelineName", Path("Execution", "PipelineName")),
        ("PipelineExperimentConfig.TrialName", Path("PipelineExperimentConfig", "TrialName")),
        ("Steps.T-1.A.B[0]['k'].C", Path("Steps", "T-1", ("A", "B", 0, "k", "C"))),
        ("ForEach.CurrentItem['k']", Path("ForEach", "CurrentItem", ("k",))),
        ("IterationOutput.Body.X", Path("IterationOutput", "Body", ("X",))),
    ],
)
def test_references_are_read_and_written_back(text: str, path: Path) -> None:
    assert parse_path(text) == path
    assert parse_path(str(path)) == path


@pytest.mark.parametrize("text", ["", "Steps", "Steps.", "X.Y", "Steps[0].A", "steps.A.B"])
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(PathError, match=r"must begin with one of|names nothing behind|cannot be read"):
        parse_path(text)


def test_a_reference_that_starts_with_a_position_names_nothing() -> None:
    with pytest.raises(PathError, match=r"names nothing behind 'Steps\.'"):
        parse_path("Steps.[0]")


NAMES = some.text(some.characters(exclude_characters="'\"[]"), min_size=1)


@settings(deadline=None)
@given(some.lists(NAMES | some.integers(0, 999)))
def test_rendered_parts_read_back(parts: list[str | int]) -> None:
    assert parse_parts(render(tuple(parts))) == tuple(parts)


def test_keys_with_quotes_read_back() -> None:
    assert parse_parts(render(("it's", "a']b", "[0]"))) == ("it's", "a']b", "[0]")


DOCUMENT = {
    "Outputs": [
        {"OutputName": "train", "S3Output": {"S3Uri": "s3://b/train"}},
        {"OutputName": "test", "S3Output": {"S3Uri": "s3://b/test"}},
        "odd",
    ],
    "Environment": {"KEY": "v"},
    "Nothing": None,
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("Outputs[1].OutputName", "test"),
        ("Outputs['train'].S3Output.S3Uri", "s3://b/train"),
        ("Outputs.train.S3Output.S3Uri", "s3://b/train"),
        ("Environment['KEY']", "v"),
        ("Nothing", None),
        ("Outputs[2]", "odd"),
    ],
)
def test_values_are_found(path: str, value: object) -> None:
    assert get(DOCUMENT, parse_parts(path)) == value


@pytest.mark.parametrize(
    ("path", "nowhere"),
    [
        ("Missing", r"nothing at Missing"),
        ("Outputs[3]", r"nothing at \[3\]"),
        ("Outputs['none']", r"nothing at \['none'\]"),
        ("Environment[0]", r"nothing at \[0\]"),
        ("Environment['KEY'].X", r"nothing at X"),
        ("Nothing.X", r"nothing at X"),
    ],
)
def test_paths_that_lead_nowhere_say_so(path: str, nowhere: str) -> None:
    with pytest.raises(PathError, match=nowhere):
        get(DOCUMENT, parse_parts(path))


@pytest.mark.parametrize("key", NATURAL_KEYS)
def test_elements_are_found_by_every_natural_name(key: str) -> None:
    assert get([{key: "other"}, {key: "wanted", "X": 1}], ("wanted", "X")) == 1
