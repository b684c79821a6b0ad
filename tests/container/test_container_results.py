"""What a container tells about its end, its metrics, and what is removed afterwards."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stepwell.container import instance_types, notices, results, tidying


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root" / "output").mkdir(parents=True)
    return tmp_path / "root"


def test_the_failure_file(root: Path) -> None:
    assert results.failure(root) == ""
    (root / "output" / "failure").write_bytes(b"Boom \xff" + "ä".encode() * 3000)
    found = results.failure(root)
    assert found.startswith("Boom \ufffdää")
    assert len(found) == 1024


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"done", "done"),
        (b"\xff", None),
        (b"good \xc3", None),
        (b"x" * 2000, "x" * 1024),
        (("x" * 1023 + "ä").encode(), "x" * 1023),
        (("x" * 1022 + "😀" * 9).encode(), "x" * 1022),
    ],
)
def test_the_message_file(root: Path, data: bytes, text: str | None) -> None:
    (root / "output" / "message").write_bytes(data)
    assert results.message(root) == text


def test_messages_of_all_hosts_are_joined_to_one_kilobyte() -> None:
    assert results.joined(["a", "", "b"]) == "ab"
    assert len(results.joined(["ä" * 511, "ä" * 500]).encode()) == 1024


def test_only_regular_files_are_read(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of the host")
    (root / "output" / "failure").symlink_to(tmp_path / "secret")
    os.mkfifo(root / "output" / "message")
    assert results.failure(root) == ""
    assert results.message(root) == ""


def test_the_folder_of_the_files_is_not_followed_either(root: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "failure").write_text("of the host")
    (root / "output").rmdir()
    (root / "output").symlink_to(tmp_path / "elsewhere")
    assert results.failure(root) == ""


def test_notices_are_lines_of_the_supervisor(tmp_path: Path) -> None:
    notices.write(tmp_path, "one\ntwo", 1.5)
    notices.write(tmp_path, "three", 2.0)
    assert (tmp_path / "log").read_text() == "1500 one\n1500 two\n2000 three\n"


def test_removing_follows_no_link_and_stops_at_no_permission(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("x")
    tree = tmp_path / "tree"
    (tree / "closed" / "inner").mkdir(parents=True)
    (tree / "closed" / "inner" / "file").write_text("x")
    (tree / "link").symlink_to(kept)
    os.mkfifo(tree / "fifo")
    (tree / "closed" / "inner").chmod(0)
    (tree / "closed").chmod(0)
    tidying.remove(tree)
    tidying.remove(tree)
    assert not tree.exists()
    assert (kept / "file").exists()


def test_removing_all_but_one(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("x")
    (tmp_path / "root" / "a").mkdir(parents=True)
    tidying.remove_all_but(tmp_path, "log")
    tidying.remove_all_but(tmp_path / "missing", "log")
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


@pytest.mark.parametrize(
    ("name", "gib", "accelerated"),
    [
        ("ml.m5.xlarge", 16, False),
        ("ml.c4.large", 3.75, False),
        ("ml.p3.2xlarge", 61, True),
        ("ml.trn1.2xlarge", None, True),
        ("ml.unheard.of", None, False),
        ("", None, False),
    ],
)
def test_instance_types(name: str, gib: float | None, accelerated: bool) -> None:
    found = instance_types.find(name)
    assert found.memory_bytes == (None if gib is None else int(gib * 2**30))
    assert found.is_accelerated is accelerated
