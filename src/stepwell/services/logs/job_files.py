"""The log of a job as a source: the file its supervisor writes, read while it grows.

Format: one line an event, `<epoch milliseconds> <text>\n`, append-only, times never going back; the text is what
the job wrote, in whatever bytes. Positions are (0, byte offset of a line). Reading costs what is read: the time of
a moment is found by bisecting offsets, the tail by reading blocks from the end. A last line without its newline is
still being written and not shown. A file that is gone (the job's folder was deleted) reads as an empty one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stepwell.services.logs.sources import HEAD, Event, Position

BLOCK = 1 << 16
PROBE = 1 << 10
"""First read when looking for one line; it doubles until the line is whole."""


class JobFile:
    """Meets `sources.Source` for one log file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def after(self, position: Position) -> Iterator[Event]:
        offset, pending = position[1], b""
        while block := self._read(offset + len(pending), BLOCK):
            *lines, pending = (pending + block).split(b"\n")
            for line in lines:
                yield _event(line, offset)
                offset += len(line) + 1

    def before(self, position: Position) -> Iterator[Event]:
        end, pending = position[1], b""
        while end > 0:
            begin = max(0, end - BLOCK)
            pending = self._read(begin, end - begin) + pending
            end = begin
            # The first piece may be the end of a longer line, unless it begins the file.
            skip = 0 if begin == 0 else pending.find(b"\n") + 1
            if begin > 0 and skip == 0:
                continue
            yield from _backwards(pending[skip:], begin + skip)
            pending = pending[:skip]

    def seek(self, timestamp: int) -> Position:
        # Lines that begin before `low` are too early; those at `high` or behind it are not.
        low, high = 0, self.end()[1]
        end = high
        while low < high:
            middle = (low + high) // 2
            begin = self._line_from(middle)
            if begin >= high:
                high = middle
            elif self._timestamp(begin) < timestamp:
                low = begin + 1
            else:
                high = middle
        return (0, min(self._line_from(low), end))

    def end(self) -> Position:
        size = self._size()
        while size > 0:
            begin = max(0, size - BLOCK)
            found = self._read(begin, size - begin).rfind(b"\n")
            if found >= 0:
                return (0, begin + found + 1)
            size = begin
        return HEAD

    def reach(self) -> tuple[int, int] | None:
        """Milliseconds of the first and the last event; None while there is none."""
        first, last = next(self.after(HEAD), None), next(self.before(self.end()), None)
        return (first.timestamp, last.timestamp) if first and last else None

    def written(self) -> int | None:
        """Millisecond of the last write; None when there is no file."""
        try:
            return self._path.stat().st_mtime_ns // 1_000_000
        except FileNotFoundError:
            return None

    def _line_from(self, offset: int) -> int:
        """Where the first line begins that does not begin before `offset`; beyond the end when none does."""
        if offset == 0:
            return 0
        at, size = offset - 1, PROBE
        while block := self._read(at, size):
            found = block.find(b"\n")
            if found >= 0:
                return at + found + 1
            at, size = at + len(block), min(size * 2, BLOCK)
        return at + 1

    def _timestamp(self, offset: int) -> int:
        return _split(self._read(offset, 32))[0]

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    def _read(self, offset: int, size: int) -> bytes:
        # Opened for each block: a search over thousands of streams must not hold thousands of files open.
        try:
            with self._path.open("rb", buffering=0) as file:
                file.seek(offset)
                return file.read(size)
        except FileNotFoundError:
            return b""


def _backwards(lines: bytes, begin: int) -> Iterator[Event]:
    """The events of these whole lines, which begin at offset `begin`, the last first."""
    end = begin + len(lines)
    for line in reversed(lines.split(b"\n")[:-1]):
        end -= len(line) + 1
        yield _event(line, end)


def _event(line: bytes, offset: int) -> Event:
    timestamp, text = _split(line)
    message = text.decode("utf-8", "replace")
    return Event(timestamp, timestamp, message, (0, offset), (0, offset + len(line) + 1))


def _split(line: bytes) -> tuple[int, bytes]:
    """Time and text of a line; a line without a time is of the beginning of time."""
    time, space, text = line.partition(b" ")
    return (int(time), text) if space and time.isdigit() else (0, line)
