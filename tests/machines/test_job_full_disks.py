"""Jobs that end for want of room on a disk: whose room it was, and what to do about it."""

from __future__ import annotations

import errno
import os
from dataclasses import replace

import pytest

from stepwell.machines.job_outcomes import DISK_FULL, PLATFORM_FAILED, HostEnd, Kind, platform_failed, verdict_of

VOLUME = HostEnd("algo-2", signal=9, full="volume", volume_gib=30)
DISK = HostEnd("algo-1", code=1, full="disk", volume_gib=30, failure="OSError: [Errno 28] No space left on device")
VOLUME_FULL = (
    "ClientError: Insufficient disk space. algo-2 kept more on its volume than the 30 GB of VolumeSizeInGB. Ask "
    "for a larger VolumeSizeInGB, or let the job write less."
)


@pytest.mark.parametrize("kind", ["training", "processing"])
@pytest.mark.parametrize(
    ("hosts", "stopping", "status", "reason"),
    [
        ([VOLUME], False, "Failed", VOLUME_FULL),
        ([replace(VOLUME, signal=None, code=0)], False, "Failed", VOLUME_FULL),
        ([HostEnd("algo-1", signal=15, stopped=True), VOLUME], False, "Failed", VOLUME_FULL),
        ([VOLUME], True, "Failed", VOLUME_FULL),
        ([HostEnd("algo-1", signal=15, stopped=True), VOLUME], True, "Stopped", ""),
        ([HostEnd("algo-1", lost=True), VOLUME], False, "Failed", PLATFORM_FAILED),
        ([DISK], False, "Failed", f"ClientError: {DISK_FULL}"),
        ([replace(DISK, code=None, error="No space left")], False, "Failed", f"ClientError: {DISK_FULL}"),
        ([HostEnd("algo-1", code=0), DISK], False, "Failed", f"ClientError: {DISK_FULL}"),
    ],
)  # fmt: skip
def test_who_filled_which_disk(kind: Kind, hosts: list[HostEnd], stopping: bool, status: str, reason: str) -> None:
    verdict = verdict_of(kind, hosts, stopping=stopping)
    assert (verdict.status, verdict.reason) == (status, reason)


@pytest.mark.parametrize(
    ("code", "doing", "reason"),
    [
        (errno.ENOSPC, "", f"ClientError: {DISK_FULL}"),
        (errno.EDQUOT, "Artifact upload failed:", f"ClientError: Artifact upload failed:{DISK_FULL}"),
        (errno.EIO, "Artifact upload failed:", f"{PLATFORM_FAILED} (Input/output error)"),
    ],
)
def test_what_a_full_disk_stopped_this_server_from(code: int, doing: str, reason: str) -> None:
    assert platform_failed(OSError(code, os.strerror(code), "/a/path"), doing) == reason
