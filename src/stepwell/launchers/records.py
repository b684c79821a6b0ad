"""The files of a job's folder as the server reads them: who holds the lock, and how it ended.

In: a folder. Out: an `Observation` and process ids. The one thing written here is the record of a run that never
was. The lock is an open-file-description lock (fcntl(2), F_OFD_SETLK): it belongs to the supervisor whatever process
asks, vanishes with it however it dies, and can be looked at without being taken.
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
from dataclasses import asdict
from pathlib import Path

from stepwell.base import clock
from stepwell.launchers import processes
from stepwell.launchers.launcher import Absent, Exited, Lost, Observation, Running
from stepwell.launchers.supervisor import PARTIAL, RECORD_BYTES, write_whole

LOCK = "lock"
STARTED = "started"
STOP = "stop"
EXIT = "exit.json"
LOG = "log"
CONTROL = "control"
COMPLAINTS = "supervisor.err"

BIRTH_SECONDS = 10.0
"""Between taking the lock and writing its process id a supervisor needs some 20 ms; a crowded host more."""

_FLOCK = "hhqqi4x"


def take_lock(descriptor: int) -> bool:
    """Take the lock for the open file behind `descriptor`, and all copies of it; False if it is held."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    except BlockingIOError:
        return False
    return True


def is_locked(folder: Path) -> bool:
    """Whether a supervisor lives (or a launch is under way)."""
    try:
        with (folder / LOCK).open("rb") as file:
            question = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            answer = fcntl.fcntl(file, fcntl.F_OFD_GETLK, question)
    except FileNotFoundError:
        return False
    return bool(struct.unpack(_FLOCK, answer)[0] != fcntl.F_UNLCK)


def supervisor(folder: Path) -> int | None:
    """The process id of the folder's living supervisor; None if there is none or it has not written it yet."""
    try:
        pid, start = (folder / LOCK).read_text("ascii").split()
    except (FileNotFoundError, ValueError):
        return None
    return int(pid) if processes.start_time(int(pid)) == start else None


def read_exit(folder: Path) -> Exited | None:
    """The exit record, if there is one."""
    try:
        return Exited(**json.loads((folder / EXIT).read_bytes()))
    except FileNotFoundError:
        return None


def observe(folder: Path) -> Observation:
    """How the container of `folder` stands."""
    give_up = clock.monotonic() + BIRTH_SECONDS
    while is_locked(folder):
        if (exited := read_exit(folder)) is not None:
            return exited
        if (pid := supervisor(folder)) is not None or clock.monotonic() > give_up:
            return Running(pid or 0)
        clock.sleep(0.002)
    if (exited := read_exit(folder)) is not None:
        return exited
    return lost(folder) if (folder / STARTED).exists() else Absent()


def reserve_exit(folder: Path) -> None:
    """Take the room of an exit record now: when the run has filled the disk it is too late. Raises OSError."""
    descriptor = os.open(folder / f"{EXIT}{PARTIAL}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, RECORD_BYTES)
    finally:
        os.close(descriptor)


def write_exit(folder: Path, exited: Exited) -> None:
    """Leave an exit record, in the name of a supervisor that was never started."""
    write_whole(str(folder / EXIT), json.dumps(asdict(exited)).encode())


def lost(folder: Path) -> Lost:
    """What to say of a container that was started and has neither supervisor nor exit record."""
    reason = "The supervisor of the container is gone and left no exit record: it was killed or the host restarted."
    complaints = _tail(folder / COMPLAINTS)
    return Lost(f"{reason} Its last words: {complaints}" if complaints else reason)


def _tail(path: Path) -> str:
    try:
        return path.read_bytes()[-2000:].decode(errors="replace").strip()
    except FileNotFoundError:
        return ""
