"""Room that is kept back for the database, and a disk that is full."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepwell.store import reserve, tables, work
from stepwell.store.database import Database

assert tables


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(folder)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_has_room_for_the_rows_that_matter(small: Path) -> None:
    place = small / reserve.NAME
    reserve.hold(place)
    assert place.stat().st_blocks * 512 >= reserve.BYTES
    database = Database(small / "rows.db", reserve=place)
    with (small / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError, match="No space left"):
        while True:
            filler.write(bytes(1 << 16))
    failed = 0
    for number in range(50):
        try:
            _wake(database, number)
        except sqlite3.OperationalError:
            failed += 1
    assert not place.exists()
    assert failed == 1  # the first, which gave the room back
    _wake(database, 99)
    database.close()


def _wake(database: Database, number: int) -> None:
    with database.write() as transaction:
        work.wake(transaction, "job", f"subject-{number}-{'x' * 4000}", float(number))


def test_it_is_kept_back_once(tmp_path: Path) -> None:
    place = tmp_path / "reserve"
    reserve.hold(place)
    reserve.hold(place)
    assert place.stat().st_size == reserve.BYTES


@pytest.mark.parametrize(("problem", "left"), [("database or disk is full", False), ("database is locked", True)])
def test_only_a_full_disk_needs_it(tmp_path: Path, problem: str, left: bool) -> None:
    place = tmp_path / "reserve"
    reserve.hold(place)
    reserve.give_back(place, sqlite3.OperationalError(problem))
    assert place.exists() is left


def test_without_room_there_is_none(tmp_path: Path) -> None:
    reserve.hold(tmp_path / "no" / "folder" / "reserve")
    assert not (tmp_path / "no").exists()
