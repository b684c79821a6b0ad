"""A program of its own: streams the channels of one host through named pipes while its job runs (Pipe mode).

Stdlib-only. Arguments: the host's folder, and a descriptor that becomes readable when the container has ended. It
outlives the server, like the container, and ends with the container; a second one for the same folder ends at once.
In: what `piping.py` laid out. Out: bytes in `<channel>_0`, then `<channel>_1`, … as often as the job reads them. The
folder with the pipes belongs to the job, which may have put anything there: links are not followed, and nothing but a
pipe is written to.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import json
import os
import select
import stat
import struct
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

CHUNK = 1 << 20
MAGIC = 0xCED7230A
LONGEST_PART = (1 << 29) - 1
"""The RecordIO format of MXNet: magic, three bits of position and 29 of length, then bytes up to a multiple of 4."""
WHOLE, FIRST, MIDDLE, LAST = 0, 1, 2, 3


class Unusable(Exception):
    """What lies in the job's folder is not what was put there."""


class Channel:
    """One channel of one host."""

    def __init__(self, folder: Path, described: dict[str, object]) -> None:
        self.name = str(described["name"])
        self.place: list[str] = list(described["folder"])  # type: ignore[call-overload]
        """Where its pipes are, from the host's folder."""
        self.unzipped = bool(described["unzipped"])
        self.wrapped = bool(described["wrapped"])
        self.seed = described["seed"]
        self.folder = folder
        listing = (folder / f"{described['number']}.records").read_text(encoding="utf-8")
        self.lines = listing.split("\n")[:-1]

    def feed(self, directory: int) -> None:
        """Stream epoch after epoch for ever."""
        epoch = 0
        while True:
            pipe = open_pipe(directory, f"{self.name}_{epoch}")
            try:
                for piece in self.epoch(epoch):
                    write_all(pipe, piece)
            except BrokenPipeError:
                pass  # the job has read as much as it wanted
            finally:
                make_pipe(directory, f"{self.name}_{epoch + 1}")  # before the end of this one is seen
                with suppress(FileNotFoundError):
                    os.unlink(f"{self.name}_{epoch}", dir_fd=directory)
                os.close(pipe)
            epoch += 1

    def epoch(self, number: int) -> Iterator[bytes]:
        """Everything of one epoch."""
        lines = self.lines
        if self.seed is not None:
            lines = shuffled(lines, f"{self.seed}:{number}")
        for line in lines:
            for item in json.loads(line):
                yield from self.item(item)

    def item(self, item: dict[str, str]) -> Iterator[bytes]:
        """One object or text."""
        if "text" in item:
            data = item["text"].encode("utf-8", "surrogatepass")
            yield from wrapped(iter([data]), len(data)) if self.wrapped else (data,)
            return
        path = self.folder / item["file"]
        if not self.wrapped:
            yield from pieces(path, self.unzipped)
            return
        size = sum(len(piece) for piece in pieces(path, True)) if self.unzipped else path.stat().st_size
        yield from wrapped(pieces(path, self.unzipped), size)


def shuffled(lines: list[str], seed: str) -> list[str]:
    """The same lines in an order that nothing but `seed` and their number decides."""
    ranks = [hashlib.blake2b(f"{seed}:{number}".encode(), digest_size=16).digest() for number in range(len(lines))]
    return [line for _rank, line in sorted(zip(ranks, lines, strict=True))]


def pieces(path: Path, unzipped: bool) -> Iterator[bytes]:
    """The bytes of a file, without its compression if need be: never more than CHUNK at once."""
    with gzip.open(path) if unzipped else path.open("rb") as file:
        while piece := file.read(CHUNK):
            yield piece


def wrapped(data: Iterator[bytes], size: int) -> Iterator[bytes]:
    """`size` bytes as one RecordIO record, in parts if it is too long for one."""
    left, rest = size, b""
    is_first = True
    while left or is_first:
        length = min(left, LONGEST_PART)
        left -= length
        position = (WHOLE if not left else FIRST) if is_first else (MIDDLE if left else LAST)
        is_first = False
        yield struct.pack("<II", MAGIC, position << 29 | length)
        due = length
        while due:
            piece = rest or next(data)
            piece, rest = piece[:due], piece[due:]
            due -= len(piece)
            yield piece
        yield b"\0" * (-length % 4)


def open_pipe(directory: int, name: str) -> int:
    """Open the pipe for writing once somebody reads from it."""
    flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    _require_pipe(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
    pipe = os.open(name, flags, dir_fd=directory)
    _require_pipe(os.fstat(pipe).st_mode)
    return pipe


def make_pipe(directory: int, name: str) -> None:
    """Make the pipe, unless it is there."""
    try:
        os.mkfifo(name, 0o600, dir_fd=directory)
    except FileExistsError:
        pass  # opening it says whether it is one


def _require_pipe(mode: int) -> None:
    if not stat.S_ISFIFO(mode):
        raise Unusable("something else lies in the place of the pipe")


def write_all(pipe: int, data: bytes) -> None:
    """Write everything, however slowly it is read."""
    view = memoryview(data)
    while view:
        view = view[os.write(pipe, view) :]


def open_inside(folder: str, parts: list[str]) -> int:
    """Open a directory below `folder` without following a link."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    directory = os.open(folder, flags)
    for part in parts:
        inner = os.open(part, flags, dir_fd=directory)
        os.close(directory)
        directory = inner
    return directory


def tell(folder: Path, text: str) -> None:
    """A line in the job's log."""
    with (folder / "log").open("a", encoding="utf-8", errors="replace") as log:
        log.write(f"{int(time.time() * 1000)} {text}\n")  # noqa: TID251 -- a program of its own has no base


def feed(folder: Path, channel: Channel, directory: int) -> None:
    """Stream one channel; what makes that impossible is said in the log."""
    try:
        channel.feed(directory)
    except (OSError, EOFError, zlib.error, Unusable, StopIteration) as problem:
        reason = getattr(problem, "strerror", None) or problem
        tell(folder, f'Channel "{channel.name}" is not streamed any more: {reason}.')


def main(folder: Path, ended: int) -> None:
    """Serve until the container has ended."""
    place = folder / "pipes"
    lock = os.open(place / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # another one is at it
    for described in json.loads((place / "channels.json").read_text()):
        channel = Channel(place, described)
        directory = open_inside(str(folder), channel.place)
        threading.Thread(target=feed, args=(folder, channel, directory), daemon=True).start()
    select.select([ended], [], [])
    os._exit(0)


if __name__ == "__main__":
    if os.fork() == 0:  # who started it waits for the one that returns here, and for nothing else
        main(Path(sys.argv[1]), int(sys.argv[2]))
