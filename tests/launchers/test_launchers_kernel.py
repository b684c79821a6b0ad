"""Mount restrictions, on mounts of their own in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import stepwell

PROGRAM = """
import errno, os, sys
sys.path.append(sys.argv[1])
from stepwell.launchers import kernel

folder = sys.argv[2]
restrict = getattr(kernel, sys.argv[3])
try:
    kernel.unshare(kernel.CLONE_NEWNS)
except PermissionError:
    user, group = os.geteuid(), os.getegid()
    kernel.unshare(kernel.CLONE_NEWNS | kernel.CLONE_NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
os.makedirs(f"{folder}/source/a b")
os.makedirs(f"{folder}/target")
kernel.mount("tmpfs", f"{folder}/source/a b", "tmpfs", kernel.MS_NOSUID)
kernel.mount(f"{folder}/source", f"{folder}/target", flags=kernel.MS_BIND | kernel.MS_REC)
restrict(f"{folder}/target", kernel.MS_RDONLY | kernel.MS_NODEV)
for place in ("source", "source/a b", "target", "target/a b"):
    flags = os.statvfs(f"{folder}/{place}").f_flag
    print(place, *(name for name in ("RDONLY", "NODEV", "NOSUID") if flags & getattr(os, f"ST_{name}")), sep=",")
"""


@pytest.mark.parametrize("restrict", ["restrict", "restrict_by_remount"])
def test_restrictions_reach_what_is_mounted_below(tmp_path: Path, restrict: str) -> None:
    folder = tmp_path / "ä folder"
    folder.mkdir()
    base = {name for name in ("NODEV", "NOSUID") if os.statvfs(folder).f_flag & getattr(os, f"ST_{name}")}
    root = str(Path(stepwell.__file__).parents[1])
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, root, str(folder), restrict], capture_output=True, text=True, check=False
    )
    if "Operation not permitted" in result.stderr and "unshare" in result.stderr:
        pytest.skip("this host allows no mount namespaces")
    assert result.stderr == ""
    flags = {line.split(",")[0]: set(line.split(",")[1:]) for line in result.stdout.splitlines()}
    assert flags == {
        "source": base,
        "source/a b": {"NOSUID"},
        "target": base | {"RDONLY", "NODEV"},
        "target/a b": {"RDONLY", "NODEV", "NOSUID"},
    }
