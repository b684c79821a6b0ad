"""Which server runs on a data folder: its lock, and what others need to reach it.

The lock is held as long as the process lives and goes with it, however it dies; only its holder may free leases and
move jobs. `server.json` holds the root key and is therefore readable by its owner alone.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Presence:
    """A running server, as the command line sees it."""

    endpoint: str
    region: str
    access_key_id: str
    secret_access_key: str
    process: int


class CannotClaim(Exception):
    """The folder cannot be used; the message says why."""


class AlreadyServed(CannotClaim):
    """Another server holds the folder."""


def claim(data: Path) -> int:
    """Hold the folder until this process ends. Returns the lock's descriptor; raises CannotClaim."""
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotClaim(f"the data folder {data} cannot be used: {error.strerror}.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        running = _stored(data)
        where = f" at {running.endpoint} (process {running.process})" if running else ""
        raise AlreadyServed(f"a server already runs on {data}{where}.") from None
    return descriptor


def announce(data: Path, presence: Presence) -> None:
    """Let others find this server; replaces what a dead one left."""
    path, draft = data / "server.json", data / "server.json.new"
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(presence), file)
    draft.replace(path)


def read(data: Path) -> Presence | None:
    """The server that runs on the folder now; None if none does."""
    found = _stored(data)
    return found if found and _is_held(data) else None


def last(data: Path) -> Presence | None:
    """The server that runs on the folder, or that ran there last; None for a folder without a past."""
    return _stored(data)


def _stored(data: Path) -> Presence | None:
    try:
        return Presence(**json.loads((data / "server.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _is_held(data: Path) -> bool:
    try:
        descriptor = os.open(data / "lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
