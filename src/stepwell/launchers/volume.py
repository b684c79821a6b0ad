"""The volume of a container: how many bytes it may keep on the disk, and whether it keeps more.

In the supervisor's world: stdlib-only, cheap imports. In: the directories that it writes to. Out: claims. The
kernel's quotas need a privilege and a file system of their own, so the directories are walked: a bit at a time,
seldom while much room is left, and never for more than a fiftieth of a processor.
"""


# pathlib would lengthen every start of a supervisor.

from __future__ import annotations

import errno
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:  # neither typing nor collections is worth a supervisor's start
    from collections.abc import Iterator

BLOCK = 512
"""What st_blocks counts in, whatever the blocks of the file system are."""
LARGE_BLOCKS = 2048
"""Files from 1 MiB on are known again when they are moved during a walk; small ones hardly matter."""
ENTRIES_A_TURN = 1000
"""Some 5 ms, for which the log and the other limits can wait."""
ENTRIES_AT_THE_END = 100_000
IDLE_SHARE = 50
"""So much longer than a turn has cost is the pause after it."""
SHORTEST_PAUSE = 0.5
LONGEST_PAUSE = 10.0
FASTEST = 1 << 30
"""Bytes that a container is expected to write in a second at most."""
NO_ROOM = 16 << 20
"""A disk with less is full: twice what the server keeps back for its database, which it gives back then."""
FULL = (errno.ENOSPC, errno.EDQUOT)
"""What the system says when a disk, or a user's share of it, is full."""


class Volume:
    """The directories of a container, which may hold `limit` bytes together. They are looked at when `due`."""

    __slots__ = ("_directories", "_found", "_limit", "_sizes", "due")

    def __init__(self, directories: list[str], limit: int) -> None:
        self._directories = directories
        self._limit = limit
        self._sizes = sizes(directories)
        self._found = 0
        self.due = 0.0
        """On the monotonic clock."""

    def is_exceeded(self, now: float) -> bool:
        """Go on with the walk, if that is due at `now`; whether too much was found."""
        if now < self.due:
            return False
        began = time.thread_time()
        is_done = self._go_on(ENTRIES_A_TURN)
        cost = time.thread_time() - began
        if self._found > self._limit:
            return True
        pause = cost * IDLE_SHARE
        if is_done:
            pause = max(pause, next_look(self._limit - self._found))
            self._sizes, self._found = sizes(self._directories), 0
        self.due = now + pause
        return False

    def is_exceeded_at_the_end(self) -> bool:
        """Whether what nobody writes to any more is too much, as far as it can be told quickly."""
        self._sizes, self._found = sizes(self._directories), 0
        self._go_on(ENTRIES_AT_THE_END)
        return self._found > self._limit

    def _go_on(self, entries: int) -> bool:
        """Walk over so many entries at most, and no further than the limit; whether the walk is done."""
        for _ in range(entries):
            size = next(self._sizes, None)
            if size is None:
                return True
            self._found += size
            if self._found > self._limit:
                break
        return False


def next_look(left: int) -> float:
    """Seconds until a volume with room for `left` bytes may be full."""
    return min(LONGEST_PAUSE, max(SHORTEST_PAUSE, left / FASTEST))


def sizes(directories: list[str]) -> Iterator[int]:
    """What each thing in `directories` takes on the disk; what has several names, or moves meanwhile, counts once.

    What is gone or closed to us counts nothing; links are not followed.
    """
    pending: list[str] = list(directories)
    seen: set[tuple[int, int]] = set()
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except OSError:
                        continue
                    is_directory = entry.is_dir(follow_symlinks=False)
                    if is_directory or status.st_nlink > 1 or status.st_blocks >= LARGE_BLOCKS:
                        if (status.st_dev, status.st_ino) in seen:
                            continue
                        seen.add((status.st_dev, status.st_ino))
                    yield status.st_blocks * BLOCK
                    if is_directory:
                        pending.append(entry.path)
        except OSError:
            continue


def written(root: str, folder: str, mounts: list[tuple[str, str, bool]]) -> list[str]:
    """What a container writes to: its private `root`, and its mounts that lie in its own `folder`."""
    return [root, *(source for source, _, writable in mounts if writable and source.startswith(f"{folder}/"))]


def is_disk_full(path: str) -> bool:
    """Whether the disk behind `path` has no room left, or no room for another file."""
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize < NO_ROOM or (found.f_files > 0 and found.f_favail == 0)
