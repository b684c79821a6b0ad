"""`stepwell explain`: what it prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepwell.cli import explain
from stepwell.cli.main import main
from stepwell.machines.pipeline_explanations import Difference, Earlier, Explanation
from stepwell.services.sagemaker.explanations import Report

LONG = "s3://sagemaker-us-east-1-123456789012/pipelines/churn/code/" + "x" * 60


def report(*differences: Difference, changed: tuple[str, ...] = ()) -> Report:
    earlier = Earlier("arn:a/execution/old", 1.0, 60.0, 5.0, differences, changed)
    missed = Explanation("Train", "Training", "Failed", "miss", "there is a difference", earlier)
    check = Explanation("Check", "Condition", None, "not cacheable", "Condition steps are never cached")
    return Report("arn:a/execution/new", "Failed", 0.0, [missed, check])


def printed(of: Report, *, is_full: bool = False) -> list[str]:
    return list(explain.lines(of, is_full=is_full))


def test_a_line_for_each_step() -> None:
    assert printed(report()) == [
        "arn:a/execution/new",
        "Failed, started 1970-01-01T00:00:00.000Z",
        "",
        "Train  Training   miss           there is a difference (Failed)",
        "Check  Condition  not cacheable  Condition steps are never cached",
    ]


def test_differences_with_old_and_new() -> None:
    found = printed(
        report(
            Difference("/A", None, {"n": 1}),
            Difference("/B", "s3://b/1", "s3://b/2", "same"),
            Difference("/C", "c-old", "c-new", None, names_execution=True),
            changed=("s3://b/data",),
        )
    )
    assert found[4:-1] == [
        "    /A",
        "        - (nothing)",
        '        + {"n": 1}',
        "    /B",
        "        - s3://b/1",
        "        + s3://b/2",
        "        the bytes are the same: only the URI changed",
        "    /C",
        "        - c-old",
        "        + c-new",
        "        holds the id of this execution, which is never the same",
        "    s3://b/data: other bytes under the same URI",
        "Check  Condition  not cacheable  Condition steps are never cached",
        "",
    ]
    assert found[-1] == explain.ADVICE


@pytest.mark.parametrize("content", [None, "changed", "unknown"])
def test_no_advice_where_it_does_not_help(content: str | None) -> None:
    assert explain.ADVICE not in printed(report(Difference("/B", "s3://b/1", "s3://b/2", content)))  # type: ignore[arg-type]


def test_the_first_differences_unless_one_step_is_asked_for() -> None:
    many = report(*(Difference(f"/{index}", "a", "b") for index in range(explain.FIRST + 2)))
    assert "    ... and 2 more: stepwell explain EXECUTION Train" in printed(many)
    full = printed(many, is_full=True)
    assert f"    /{explain.FIRST + 1}" in full
    assert not any("more" in line for line in full)


def test_long_values_are_shown_where_they_part() -> None:
    long = report(Difference("/U", LONG + "/one.py", LONG + "/two.py"))
    old, new = printed(long)[5:7]
    assert (old, new) == ("        - ..." + "x" * 15 + "/one.py", "        + ..." + "x" * 15 + "/two.py")
    assert f"        - {LONG}/one.py" in printed(long, is_full=True)
    (cut,) = [line for line in printed(report(Difference("/U", "a" * 500, "b"))) if "aaa" in line]
    assert cut.endswith("a...")
    assert len(cut) < 110


def test_values_do_not_steer_the_terminal() -> None:
    found = printed(report(Difference("/\x1b[2J", "\x1b]0;x\x07", ["\x9b1m\n"]), changed=("s3://b/\x1b",)))
    assert all(line.isprintable() for line in found if line is not explain.ADVICE)


def test_a_folder_without_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--data", str(tmp_path), "p"]) == 1
    assert capsys.readouterr().err.startswith(f"stepwell: there is no data in {tmp_path}.")
    assert list(tmp_path.iterdir()) == []
