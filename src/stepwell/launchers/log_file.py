r"""The job's log: raw output in, lines `<epoch milliseconds> <text>\n` out.

In the supervisor's world: stdlib-only, cheap imports. Append-only, so that another process can read along: what
ends in a newline is whole. Lines keep the bytes the container wrote. Nothing here may fail the job: a full disk
or a reached limit ends the log, not the container.
"""

from __future__ import annotations

import os

LINE_BYTES = 256 * 1024
"""A CloudWatch log event holds at most 256 KiB (CloudWatch Logs quotas, event size); longer lines are split."""


class LogFile:
    """The open log. `feed` it what was read, and `finish` it."""

    __slots__ = ("_file", "_limit", "_pending", "_pending_bytes", "_room", "is_full")

    def __init__(self, path: str, limit: int) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._limit = limit
        self._room = limit
        self.is_full = False

    def feed(self, data: bytes, now: float) -> None:
        """Take `data` that arrived at `now`; write the lines that are complete."""
        if self.is_full:
            return
        head, newline, tail = data.rpartition(b"\n")
        if newline:
            self._pending.append(head)
            self._write(_split(b"".join(self._pending)), now)
            self._pending = []
            self._pending_bytes = 0
        self._pending.append(tail)
        self._pending_bytes += len(tail)
        if self._pending_bytes > LINE_BYTES:
            *whole, rest = _pieces(b"".join(self._pending))
            self._write(whole, now)
            self._pending = [rest]
            self._pending_bytes = len(rest)

    def finish(self, now: float) -> None:
        """Write what is left without a newline as a line of its own, and close."""
        rest = b"".join(self._pending)
        if rest and not self.is_full:
            self._write([rest], now)
        os.close(self._file)

    def _write(self, lines: list[bytes], now: float) -> None:
        stamp = b"%d " % (now * 1000)
        block = stamp + (b"\n" + stamp).join(lines) + b"\n"
        if len(block) > self._room:
            block = block[: block.rfind(b"\n", 0, max(self._room, 0)) + 1]
            block += b"%sThe log has reached its limit of %d bytes; what follows is dropped.\n" % (stamp, self._limit)
            self.is_full = True
        self._room -= len(block)
        try:
            while block:
                block = block[os.write(self._file, block) :]
        except OSError:
            self.is_full = True


def _split(block: bytes) -> list[bytes]:
    lines = block.split(b"\n")
    if len(block) <= LINE_BYTES:
        return lines
    return [piece for line in lines for piece in _pieces(line)]


def _pieces(line: bytes) -> list[bytes]:
    if len(line) <= LINE_BYTES:
        return [line]
    return [line[start : start + LINE_BYTES] for start in range(0, len(line), LINE_BYTES)]
