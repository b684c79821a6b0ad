"""`stepwell gc`: what it prints, and what it takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stepwell.blobs.folder import Blobs
from stepwell.cli import data_folder, gc
from stepwell.cli.main import main
from stepwell.services.sagemaker.garbage import Tally
from stepwell.store import tables  # noqa: F401 - every table is declared before the database is made
from stepwell.store.database import Database

HEAD = "needed                                                 blobs       size"


def test_a_table_by_reason() -> None:
    tallies = {"object": Tally(1204, 3_200_000_000), "recent job": Tally(3, 999), "let go": Tally(1, 1_500)}
    assert list(gc.lines(tallies, None)) == [  # type: ignore[arg-type]
        HEAD,
        "  objects in buckets, with all their versions          1,204     3.2 GB",
        "  read or written by jobs of the last 30 days              3      999 B",
        "not needed",
        "  of objects that were replaced or deleted                 1     1.5 kB",
        "",
        "1 blob (1.5 kB) would be deleted. Without --dry-run they are.",
    ]


def test_what_was_deleted_and_nothing() -> None:
    assert list(gc.lines({}, {}, 1))[1:] == ["  nothing", "not needed", "  nothing", "", "0 blobs (0 B) deleted."]
    gone = gc.counted([("let go", 10), ("unnamed", 20), ("let go", 30)])
    assert gone == {"let go": Tally(2, 40), "unnamed": Tally(1, 20)}
    assert list(gc.lines({}, gone))[-1] == "3 blobs (60 B) deleted."


@pytest.mark.parametrize("text", ["-1", "many", "nan", "inf", ""])
def test_no_number_of_days(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["gc", "--keep-days", text])
    assert "is no number of days" in capsys.readouterr().err


def test_no_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gc", "--data", str(tmp_path / "typo")]) == 1
    assert "there is no data in" in capsys.readouterr().err
    assert not (tmp_path / "typo").exists()


def test_nothing_is_deleted_that_came_a_moment_ago(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Database(tmp_path / "stepwell.db").close()
    Blobs(tmp_path / "blobs").put(b"new")
    assert main(["gc", "--data", str(tmp_path), "--json", "--keep-days", "0"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {"Needed": {"new": {"blobs": 1, "size": 3}}, "NotNeeded": {}, "Deleted": {}}


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (999_960, "1.0 MB"), (10**18, "1000.0 PB")],
)
def test_sizes(count: int, text: str) -> None:
    assert data_folder.size_text(count) == text
