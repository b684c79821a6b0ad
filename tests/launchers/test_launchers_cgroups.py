"""Control groups: where they are found, on hosts unlike this one; the conformance suite tries them for real."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stepwell.launchers import cgroups
from stepwell.launchers.cgroups import version_2_parent


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A made-up /proc/self and a made-up mount point for control groups."""
    monkeypatch.setattr(cgroups, "MOUNTS", str(tmp_path / "mountinfo"))
    monkeypatch.setattr(cgroups, "OWN", str(tmp_path / "cgroup"))
    (tmp_path / "fs").mkdir()
    return tmp_path


def describe(host: Path, mounts: str, own: str) -> None:
    (host / "mountinfo").write_text(mounts.replace("FS", str(host / "fs")))
    (host / "cgroup").write_text(own)


VERSION_2 = "30 23 0:26 / FS rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"


def delegate(directory: Path, controllers: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "cgroup.subtree_control").write_text(controllers)
    (directory / "cgroup.procs").write_text("")


def test_version_2_takes_the_nearest_group_that_delegates(tmp_path: Path) -> None:
    delegate(tmp_path, "cpu memory pids")
    delegate(tmp_path / "user", "cpu memory pids")
    delegate(tmp_path / "user" / "session", "")
    assert version_2_parent(str(tmp_path), str(tmp_path / "user" / "session")) == str(tmp_path / "user")


def test_version_2_without_delegation(tmp_path: Path) -> None:
    delegate(tmp_path, "cpu pids")
    delegate(tmp_path / "user", "")
    assert version_2_parent(str(tmp_path), str(tmp_path / "user")) is None


def test_version_2_never_leaves_the_mount(tmp_path: Path) -> None:
    delegate(tmp_path, "memory")
    delegate(tmp_path / "fs", "")
    assert version_2_parent(str(tmp_path / "fs"), str(tmp_path / "fs")) is None
    assert version_2_parent(str(tmp_path / "fs"), str(tmp_path / "elsewhere")) is None


def test_version_2_limits_swap_and_kills_as_a_whole(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    delegate(host / "fs", "memory pids")
    describe(host, VERSION_2, "0::/\n")
    child = host / "fs" / f"stepwell-{os.getpid()}"
    files = ("memory.max", "memory.swap.max", "memory.oom.group", "pids.max", "cgroup.procs", "memory.events")
    make_directory = os.mkdir

    def mkdir(path: str) -> None:
        make_directory(path)
        for name in files:
            Path(path, name).write_text("")

    monkeypatch.setattr(os, "mkdir", mkdir)
    group = cgroups.make(1 << 30, 77)
    assert group is not None
    group.join()
    assert {name: (child / name).read_text() for name in files} == {
        "memory.max": str(1 << 30),
        "memory.swap.max": "0",
        "memory.oom.group": "1",
        "pids.max": "77",
        "cgroup.procs": "0",
        "memory.events": "",
    }
    assert not group.out_of_memory()
    assert group.peak_memory_bytes() is None
    (child / "memory.events").write_text("low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\noom_group_kill 1\n")
    (child / "memory.peak").write_text("4096\n")
    assert group.out_of_memory()
    assert group.peak_memory_bytes() == 4096


def test_a_group_that_cannot_limit_memory_is_removed(host: Path) -> None:
    delegate(host / "fs", "memory")
    describe(host, VERSION_2, "0::/\n")
    assert cgroups.make(1 << 30, 77) is None
    assert [each for each in (host / "fs").iterdir() if each.is_dir()] == []


@pytest.mark.parametrize(
    ("mounts", "own"),
    [
        ("", ""),
        ("31 23 0:27 / FS/memory rw - cgroup cgroup rw,cpu\n", "4:memory:/\n"),
        ("31 23 0:27 / FS/none rw - cgroup cgroup rw,memory\n", "4:memory:/\n"),
        (VERSION_2, "4:memory:/\n"),
        (VERSION_2, "0::/\n"),
    ],
)
def test_no_group_can_be_had(host: Path, mounts: str, own: str) -> None:
    describe(host, mounts, own)
    assert cgroups.make(1 << 30, 77) is None


@pytest.mark.parametrize(
    ("root", "own", "expected"),
    [
        ("/", "/user", "user"),
        ("/docker/1", "/docker/1/user", "user"),
        ("/docker/1", "/docker/1", "."),
        ("/", "/unseen", "."),
    ],
)
def test_version_1_group_below_the_mount(host: Path, root: str, own: str, expected: str) -> None:
    (host / "fs" / "user").mkdir()
    mounts = f"31 23 0:27 {root} FS rw - cgroup cgroup rw,memory\n"
    describe(host, mounts, "")
    found = cgroups._version_1_parent(
        (host / "mountinfo").read_text(), f"7:cpu,cpuacct:/x\n4:memory:{own}\n", "memory"
    )
    assert found == str((host / "fs" / expected).resolve())


def test_groups_of_dead_supervisors_are_swept(host: Path) -> None:
    delegate(host / "fs", "memory")
    (host / "fs" / "stepwell-4194305").mkdir()
    (host / "fs" / f"stepwell-{os.getppid()}").mkdir()
    describe(host, VERSION_2, "0::/\n")
    cgroups.make(1 << 30, 77)
    assert [each.name for each in (host / "fs").iterdir() if each.is_dir()] == [f"stepwell-{os.getppid()}"]
