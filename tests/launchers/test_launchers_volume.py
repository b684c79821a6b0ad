"""What a container keeps on the disk: how it is counted, when it is looked at, and what becomes of too much."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from launcher_conformance import PATH, finish

import stepwell
from stepwell.base import clock
from stepwell.launchers import records, supervisor, volume
from stepwell.launchers.launcher import Container, Exited, Launcher, Mount
from stepwell.launchers.volume import Volume, next_look, sizes, written

MIB = 1 << 20
GIB = 1 << 30


def grow(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(size))


def held(folder: Path) -> int:
    """What its directories take by themselves is left out, so that the figure is the same on every file system."""
    entries = [folder, *folder.rglob("*")]
    inside = sum(each.stat().st_blocks * 512 for each in entries[1:] if each.is_dir() and not each.is_symlink())
    return sum(sizes([str(folder)])) - inside


@pytest.mark.parametrize(
    ("left", "seconds"), [(30 * GIB, 10.0), (10 * GIB, 10.0), (2 * GIB, 2.0), (GIB // 4, 0.5), (0, 0.5)]
)
def test_the_less_is_left_the_sooner_it_is_looked_at(left: int, seconds: float) -> None:
    assert next_look(left) == seconds


def test_everything_is_counted_once_and_links_are_not_followed(tmp_path: Path) -> None:
    grow(tmp_path / "out" / "far", 8 * MIB)
    here = tmp_path / "here"
    grow(here / "a" / "b" / "deep", 3 * MIB)
    grow(here / "one", 64 * 1024)
    os.link(here / "one", here / "two")
    (here / "link").symlink_to(tmp_path / "out")
    (here / "loop").symlink_to(here)
    assert 3 * MIB + 64 * 1024 <= held(here) <= 3 * MIB + 128 * 1024


def test_a_sparse_file_takes_what_it_holds(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(100 * GIB)
    assert held(tmp_path) < MIB


def test_what_is_moved_while_it_is_counted_counts_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        grow(tmp_path / name / "large", 2 * MIB)
    walk, total, moved = sizes([str(tmp_path)]), 0, 0
    for size in walk:
        total += size
        if size >= 2 * MIB:  # whichever is met first goes where it would be met again
            for name, other in (("a", "b"), ("b", "a")):
                if not moved and (tmp_path / name / "large").exists():
                    (tmp_path / name / "large").rename(tmp_path / other / "again")
                    moved += 1
    assert 2 * MIB <= total < 5 * MIB


def test_what_vanishes_and_what_is_closed_is_no_problem(tmp_path: Path) -> None:
    assert list(sizes([str(tmp_path / "missing")])) == []
    grow(tmp_path / "file", 10)
    walk = sizes([str(tmp_path)])
    (tmp_path / "file").unlink()
    assert list(walk) == []


def test_a_volume_is_walked_in_turns_and_looked_at_when_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volume, "ENTRIES_A_TURN", 3)
    for number in range(5):
        grow(tmp_path / str(number), MIB)
    disk = Volume([str(tmp_path)], 4 * MIB)
    assert not disk.is_exceeded(100.0)
    assert disk.is_exceeded_at_the_end()
    disk = Volume([str(tmp_path)], 4 * MIB)
    assert not disk.is_exceeded(100.0)
    assert not disk.is_exceeded(disk.due - 0.000001)
    assert disk.is_exceeded(disk.due + 1)


def test_a_volume_that_is_not_full_is_walked_again(tmp_path: Path) -> None:
    disk = Volume([str(tmp_path)], 4 * MIB)
    assert not disk.is_exceeded(1.0)
    assert disk.due >= 1.5
    grow(tmp_path / "new", 5 * MIB)
    assert not disk.is_exceeded(1.4)
    assert disk.is_exceeded(disk.due)


def test_a_container_writes_to_its_root_and_its_own_mounts() -> None:
    mounts = [("/jobs/a/opt-ml", "/opt/ml", True), ("/jobs/a/config", "/config", False), ("/shared", "/data", True)]
    assert written("/jobs/a/root", "/jobs/a", [*mounts, ("/jobs/ab", "/ab", True)]) == [
        "/jobs/a/root",
        "/jobs/a/opt-ml",
    ]


def run(launcher: Launcher, folder: Path, script: str, volume_bytes: int | None) -> Exited:
    (folder / "opt-ml").mkdir(parents=True)
    mounts = (Mount(folder / "opt-ml", "/opt/ml", writable=True),)
    words, end = ("/bin/sh", "-c", script), clock.now() + 30
    return finish(launcher, Container(folder, words, {"PATH": PATH}, mounts, volume_bytes=volume_bytes, deadline=end))


@pytest.mark.parametrize("where", ["/opt/ml/big", "/tmp/big"])
def test_a_container_that_fills_its_volume_is_killed(launcher: Launcher, tmp_path: Path, where: str) -> None:
    script = f"while :; do head -c 1m /dev/zero >> {where}; sleep 0.02; done"
    exited = run(launcher, tmp_path / "job", script, 8 * MIB)
    assert (exited.full, exited.signal, exited.out_of_memory, exited.error) == ("volume", 9, False, "")


def test_what_a_quick_container_leaves_is_counted_too(launcher: Launcher, tmp_path: Path) -> None:
    exited = run(launcher, tmp_path / "job", "head -c 9m /dev/zero > /opt/ml/big", 8 * MIB)
    assert (exited.full, exited.code) == ("volume", 0)


@pytest.mark.parametrize("script", ["head -c 3m /dev/zero > /tmp/a", "truncate -s 99g /opt/ml/sparse", "exit 3"])
def test_less_than_the_volume_is_fine(launcher: Launcher, tmp_path: Path, script: str) -> None:
    assert run(launcher, tmp_path / "job", script, 8 * MIB).full == ""


@pytest.mark.parametrize(("script", "full"), [("exit 3", "disk"), ("kill -9 $$", "disk"), ("exit 0", "")])
def test_a_container_that_fails_on_a_full_disk_says_so(
    tmp_path: Path, launcher: Launcher, script: str, full: str
) -> None:
    """The whole disk of a file system that this test fills, where it may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(disk)], check=False, capture_output=True
    )
    if made.returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        fill = "dd if=/dev/zero of=/tmp/all bs=64k 2>/dev/null; : > /tmp/more; "
        exited = run(launcher, disk / "job", fill + script, None)
        assert (exited.full, exited.error) == (full, "")
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_the_record_waits_for_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = iter([errno.ENOSPC, errno.EDQUOT])
    truncate = os.ftruncate

    def ftruncate(file: int, size: int) -> None:
        code = next(refused, None)
        if code is not None:
            raise OSError(code, os.strerror(code))
        truncate(file, size)

    monkeypatch.setattr(os, "ftruncate", ftruncate)
    monkeypatch.setattr(supervisor, "AGAIN_SECONDS", 0.0)
    records.reserve_exit(tmp_path)
    supervisor.write_in_time(str(tmp_path / "exit.json"), b"{}\n")
    assert (tmp_path / "exit.json").read_bytes() == b"{}\n"
    assert [each.name for each in tmp_path.iterdir()] == ["exit.json"]


def test_other_problems_of_the_record_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        supervisor.write_in_time(str(tmp_path / "gone" / "exit.json"), b"{}\n")


def test_the_room_of_a_record_is_taken_before_the_run(tmp_path: Path) -> None:
    records.reserve_exit(tmp_path)
    assert (tmp_path / "exit.json.partial").stat().st_blocks * 512 >= supervisor.RECORD_BYTES
    assert records.read_exit(tmp_path) is None


def test_walking_needs_nothing_that_is_slow_to_import() -> None:
    program = "import sys; sys.path.append(sys.argv[1]); import stepwell.launchers.volume; print(*sys.modules)"
    root = str(Path(stepwell.__file__).parents[1])
    found = subprocess.run([sys.executable, "-I", "-S", "-c", program, root], capture_output=True, check=True)
    assert not {b"collections", b"typing", b"pathlib"} & set(found.stdout.split())
