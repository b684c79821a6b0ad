"""Room container: takes files of a running container. In: its /opt/ml and an output. Out: copies of what has changed.

The job may do anything to its tree meanwhile, so nothing is called by its path: every folder and file is opened from
the one around it, without following links, and what is uploaded is a copy that stands still. A file that is taken
while it is being written is taken again when it has changed once more, at the latest when the job has ended.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from stepwell.container.plan import Output

DEEPEST = 64
"""Folders within folders: what lies deeper is taken at the end only."""
CHUNK = 1 << 20

Stamp: TypeAlias = tuple[int, int, int]
"""Inode, size and time of change: while they stay, the content stays."""
OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class LiveFile:
    """A file that is open; `relative` is its path in the output."""

    relative: str
    stamp: Stamp
    descriptor: int

    def copy(self, target: Path) -> None:
        """Its bytes as they are now, and no more than it had when it was found. Raises OSError."""
        left = self.stamp[1]
        with os.fdopen(os.dup(self.descriptor), "rb", buffering=0) as source, target.open("wb") as copy:
            while left and (piece := source.read(min(left, CHUNK))):
                copy.write(piece)
                left -= len(piece)


def changed(root: Path, output: Output, known: dict[str, Stamp]) -> Iterator[LiveFile]:
    """The regular files of `output` whose stamp is not the known one. Each is open until the next is asked for. What
    vanishes, cannot be read or is a link is passed over."""
    with suppress(OSError):
        directory = os.open(root, OPEN | os.O_DIRECTORY)
        try:
            for part in PurePosixPath(output.source).parts[3:]:
                inner = os.open(part, OPEN | os.O_DIRECTORY, dir_fd=directory)
                os.close(directory)
                directory = inner
            yield from _changed(directory, "", known, DEEPEST)
        finally:
            os.close(directory)


def _changed(directory: int, prefix: str, known: dict[str, Stamp], depth: int) -> Iterator[LiveFile]:
    for name in sorted(os.listdir(directory)):
        relative = prefix + name
        with suppress(OSError):
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            is_folder = stat.S_ISDIR(found.st_mode)
            if (is_folder and depth) or (stat.S_ISREG(found.st_mode) and known.get(relative) != _stamp(found)):
                inner = os.open(name, OPEN | (os.O_DIRECTORY if is_folder else 0), dir_fd=directory)
                try:
                    if is_folder:
                        yield from _changed(inner, f"{relative}/", known, depth - 1)
                    elif stat.S_ISREG((opened := os.fstat(inner)).st_mode):
                        yield LiveFile(relative, _stamp(opened), inner)
                finally:
                    os.close(inner)


def _stamp(found: os.stat_result) -> Stamp:
    return found.st_ino, found.st_size, found.st_mtime_ns
