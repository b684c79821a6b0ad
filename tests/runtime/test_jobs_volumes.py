"""Jobs that fill their volume, for real: through the door and the loop, as processes of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from job_installation import Installation

from stepwell.store import reserve

GIB = 1 << 30


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Installation]:
    if shutil.disk_usage(tmp_path).free < 4 * GIB:
        pytest.skip("needs 4 GiB on the disk")
    with (tmp_path / "probe").open("wb") as probe:
        try:
            os.posix_fallocate(probe.fileno(), 0, 2 * GIB)
        except OSError as error:
            pytest.skip(f"cannot take room without writing: {error}")
    (tmp_path / "probe").unlink()
    installation = Installation(tmp_path)
    yield installation
    installation.stop()
    installation.database.close()


def test_a_job_that_keeps_more_than_its_volume_fails_and_says_what_to_do(here: Installation) -> None:
    here.train("too-much", "fallocate -l 600m /opt/ml/model/a; fallocate -l 500m /tmp/b; echo there; sleep 1000")
    job = here.trained("too-much")
    assert (job["TrainingJobStatus"], job["FailureReason"]) == (
        "Failed",
        "ClientError: Insufficient disk space. algo-1 kept more on its volume than the 1 GB of VolumeSizeInGB. Ask "
        "for a larger VolumeSizeInGB, or let the job write less.",
    )
    assert "there" in here.log("too-much", "Training")
    here.process("larger", "fallocate -l 1100m /tmp/a", **_with_volume(2))
    assert here.processed("larger")["ProcessingJobStatus"] == "Completed"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Installation]:
    """A server whose data folder has a disk of its own, of 96 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=96m", "none", str(disk)]
    if subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        reserve.hold(disk / reserve.NAME)
        installation = Installation(disk)
        yield installation
        installation.stop()
        installation.database.close()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_job_that_fills_the_disk_of_the_machine_says_so(small: Installation) -> None:
    fill = "dd if=/dev/zero of=/tmp/all bs=64k"
    small.train("fills", f"{fill}; exit 3")
    small.process("passes", "echo x; sleep 0.2")
    job = small.trained("fills")
    assert (job["TrainingJobStatus"], job["FailureReason"]) == (
        "Failed",
        "ClientError: Insufficient disk space. The disk of this machine is full: make room on it, or let the job "
        "write less.",
    )
    assert small.processed("passes")["ProcessingJobStatus"] in ("Completed", "Failed")
    small.process("later", "echo x > /opt/ml/processing/out/x")
    assert small.processed("later")["ProcessingJobStatus"] == "Completed", "there is room again"


def _with_volume(gib: int) -> dict[str, object]:
    cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": gib}
    return {"ProcessingResources": {"ClusterConfig": cluster}}
