"""`stepwell diff`: what it prints of a comparison."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stepwell.cli import diff, diff_lines
from stepwell.cli.main import main
from stepwell.machines import run_differences
from stepwell.machines.run_differences import MADE, Row
from stepwell.machines.runs import Run, StepRun
from stepwell.services.sagemaker.differences import Comparison

TRAIN = StepRun("Train", "Training", "Succeeded", 1.0)
BEFORE = Run("arn:a", "p/one", "Succeeded", 0.0, 61.0, steps={"Train": TRAIN})
AFTER = Run("arn:b", "p/second", "Failed", 0.0, None, steps={"Train": replace(TRAIN, seconds=2.5)})
HEAD = [
    "- p/one     Succeeded  1970-01-01 00:00:00  1:01",
    "+ p/second  Failed     1970-01-01 00:00:00",
    "",
]


def held(size: int, blob: str = "1") -> dict[str, Any]:
    return {"uri": "s3://b/x", "size": size, "hash": blob}


def cause(aspect: Any, name: str, before: Any, after: Any, **members: Any) -> Row:
    return Row(aspect, name, before, after, is_cause=True, **members)


def followed(aspect: Any, name: str, before: Any, after: Any, **members: Any) -> Row:
    return Row(aspect, name, before, after, ("Train",), **members)


def printed(*rows: Row, is_all: bool = False, width: int = 80) -> list[str]:
    comparison = Comparison(BEFORE, AFTER, list(rows))
    found = [line.plain for line in diff_lines.lines(comparison, width, is_all=is_all)]
    assert found[:3] == HEAD
    assert all(line.isprintable() for line in found)
    return found[3:]


def test_causes_and_what_followed() -> None:
    assert printed(
        cause("parameter", "Depth", 3, 5),
        cause("input", "data/x", held(3), held(4), steps=("Train", "Again"), details=("line 1", "- a", "+ b")),
        followed("hyperparameter", "/HyperParameters/a~1b", "3", "5"),
        followed("input", "train/y", held(3), held(3, "2"), note=MADE),
        followed("metric", "auc", 0.5, 0.75),
        followed("seconds", "", 1.0, 2.5),
    ) == [
        "WHAT WAS CHANGED",
        "  parameter Depth  3 -> 5 (+2)",
        "  input data/x  in Train, Again  3 -> 4 bytes",
        "    line 1",
        "    - a",
        "    + b",
        "",
        "WHAT FOLLOWED",
        "  Train  Training  1.0 s -> 2.5 s",
        "    hyperparameter a/b  3 -> 5",
        "    input train/y  other bytes, 3 as before, from a step before",
        "    metric auc  0.5 -> 0.75 (+0.25)",
    ]


SAME = followed("metric", "auc", 0.5, 0.5, is_same=True)
SLOWER = followed("seconds", "", 1.0, 2.5)


def test_nothing_differs() -> None:
    assert printed(SAME) == [diff_lines.SAME]
    assert printed(SAME, SLOWER) == [f"{diff_lines.SAME} {diff_lines.SAME_BUT}"]
    assert printed(SAME, SLOWER, is_all=True) == [
        diff_lines.SAME,
        "  Train  Training  1.0 s -> 2.5 s",
        "    metric auc  = 0.5",
        "    seconds  1 -> 2.5 (+1.5)",
    ]


def test_what_follows_from_nothing_is_pointed_out() -> None:
    found = printed(followed("metric", "auc", 0.5, 0.75))
    assert found[:2] == list(diff_lines.UNEXPLAINED)
    assert found[-1] == "    metric auc  0.5 -> 0.75 (+0.25)"


def test_what_has_no_consequence() -> None:
    assert printed(cause("parameter", "Unused", "a", "b"))[-1] == "Nothing followed from it."


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (cause("definition", "", None, "Fail", steps=("New",)), ["  definition  in New  a Fail step is new"]),
        (cause("definition", "", "Fail", None, steps=("Old",)), ["  definition  in Old  the Fail step is gone"]),
        (cause("code", "c", None, held(1234)), ["  code c  is new, 1,234 bytes"]),
        (cause("code", "c", held(1234), None), ["  code c  is gone, 1,234 bytes"]),
        (cause("image", "/AppSpecification/ImageUri", "a", "b"), ["  image  a -> b"]),
        (cause("variable", "/Environment/A", None, "b"), ["  environment variable A  (nothing) -> b"]),
        (cause("request", "/X", {"a": 1}, [2]), ['  setting /X  {"a": 1} -> [2]']),
        (
            cause("request", "/X", "s3://b/1", "s3://b/2", note="the same bytes"),
            ["  setting /X  s3://b/1 -> s3://b/2", "    the same bytes"],
        ),
        (
            cause("request", "/X", "a" * 100 + "b", "a" * 100 + "c" + "d" * 100),
            ["  setting /X", "    - ..." + "a" * 12 + "b", "    + ..." + "a" * 12 + "c" + "d" * 55 + "..."],
        ),
        (cause("request", "/\x1b[2J", "\x07", "b\n"), ["  setting / [2J    -> b "]),
    ],
)
def test_each_kind_of_change(row: Row, expected: list[str]) -> None:
    assert printed(row)[1 : 1 + len(expected)] == expected


def test_a_narrow_terminal_and_a_long_diff() -> None:
    details = tuple(f"+{number} {'x' * 100}" for number in range(40))
    row = cause("code", "code/train.py", held(3), held(4), steps=("Train",), details=details)
    found = printed(row, width=40)
    assert max(map(len, found)) <= 40
    assert f"    ... {40 - diff_lines.MOST_DETAILS} more lines: --all" in found
    assert "    " + details[-1] in printed(row, is_all=True)


def test_a_long_pointer_leaves_the_values_in_sight() -> None:
    pointer = "/" + "deep" * 15
    row = cause("output", "o/x.json", held(3), held(4), details=(f"{pointer}  0.77203 -> 0.772819 (+0.0007884)",))
    assert printed(row)[2:4] == [f"    {pointer}", "      0.77203 -> 0.772819 (+0.0007884)"]


def test_many_packages_are_folded() -> None:
    rows = [cause("package", f"p{number}", "1", "2") for number in range(diff_lines.MOST_PACKAGES + 3)]
    assert "  ... and 3 more packages: --all" in printed(*rows)
    assert "  package p12  1 -> 2" in printed(*rows, is_all=True)


def test_json_holds_what_counts_and_what_does_not() -> None:
    comparison = Comparison(BEFORE, AFTER, [cause("parameter", "Depth", 3, 5, details=("x",)), SAME, SLOWER])
    found = diff.document(comparison, is_all=False)
    assert found["same"] is False
    assert found["changed"] == [
        {
            "aspect": "parameter",
            "name": "Depth",
            "before": 3,
            "after": 5,
            "steps": [],
            "is_cause": True,
            "note": "",
            "details": ["x"],
            "is_same": False,
            "delta": 2,
        }
    ]
    assert found["followed"] == []
    assert [row["aspect"] for row in found["passing"]] == ["seconds"]  # type: ignore[attr-defined]
    whole = diff.document(comparison, is_all=True)
    assert [row["name"] for row in whole["followed"]] == ["auc"]  # type: ignore[attr-defined]
    assert frozenset({"seconds", "cache"}) == run_differences.PASSING


def test_a_folder_without_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["diff", "p"], ["spin", "p", "s"]):
        assert main([*command, "--data", str(tmp_path)]) == 2
        assert capsys.readouterr().err.startswith(f"stepwell: there is no data in {tmp_path}.")
        assert list(tmp_path.iterdir()) == []
