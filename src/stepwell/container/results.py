"""Room container: the two files a container may leave to say how it went. Spec 03, sections 2 and 3.

`/opt/ml/output/failure` is shown in FailureReason, `/opt/ml/output/message` in ExitMessage. Both were written by
the job: they are read only if they are regular files, and only so far.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from stepwell.container.placement import below

FAILURE = "/opt/ml/output/failure"
MESSAGE = "/opt/ml/output/message"
FAILURE_CHARACTERS = 1024
MESSAGE_BYTES = 1024


def failure(root: Path) -> str:
    """The first 1,024 characters of the failure file; empty when there is none."""
    data = _beginning(root, FAILURE, FAILURE_CHARACTERS * 4) or b""
    return data.decode(errors="replace")[:FAILURE_CHARACTERS].strip()


def message(root: Path) -> str | None:
    """The first 1 KB of the message file; empty when there is none, None when it is not UTF-8."""
    data = _beginning(root, MESSAGE, MESSAGE_BYTES + 3) or b""
    return _text(data, MESSAGE_BYTES)


def joined(messages: list[str]) -> str:
    """The ExitMessage of all hosts together: at most 1 KB."""
    return _text("".join(messages).encode(), MESSAGE_BYTES) or ""


def _text(data: bytes, limit: int) -> str | None:
    """`data` cut to `limit` bytes, but not within a character; None when it is not UTF-8."""
    for end in range(min(limit, len(data)), max(min(limit, len(data)) - 4, -1), -1):
        try:
            return data[:end].decode()
        except UnicodeDecodeError:
            if len(data) <= limit:
                return None
    return None


def _beginning(root: Path, inside: str, limit: int) -> bytes | None:
    path = below(root, inside)
    try:
        if not stat.S_ISDIR(path.parent.lstat().st_mode):
            return None
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(descriptor, limit) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    finally:
        os.close(descriptor)
