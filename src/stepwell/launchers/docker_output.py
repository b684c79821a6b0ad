"""What a container of an engine writes, as the job's log; and what its exit code says.

In: the stream of an attached container: frames of eight bytes (which output, how long) and what was written (Docker
Engine API, "Attach to a container", stream format). Out: lines of the log, standard output and error as they arrive,
but each line whole: the two come by ways of their own, and one may arrive amid a line of the other.
"""

from __future__ import annotations

import http.client
import os
import re
import struct

from stepwell.base import clock
from stepwell.launchers.cage import Ending
from stepwell.launchers.log_file import LINE_BYTES, LogFile

CHUNK_BYTES = 1 << 20
HEADER_BYTES = 8
TAIL_BYTES = 1 << 19
SIGNALS = range(129, 193)
"""128 + n is how an engine tells a death by signal n, and shells that of a child."""
INIT_FAILED_CODES = (1, 126, 127)
"""What tini answers when it cannot start the command; 1 when it is neither missing nor forbidden."""

_INIT_FAILED = re.compile(rb"\[FATAL tini \(\d+\)\] exec (?P<command>.+) failed: (?P<reason>.+)")


class OutputReader:
    """Moves a container's output to its log."""

    def __init__(self, log: LogFile) -> None:
        self._log = log
        self._left = 0
        self._header = b""
        self._from = 0
        self._begun: dict[int, bytearray] = {}
        """By output: the line that has not ended."""
        self.last_words = b""
        """The end of what was written, for the words of an init that could not start the command."""

    def read(self, answer: http.client.HTTPResponse) -> None:
        """Until the stream ends or breaks; whoever started it knows whether the container has ended too."""
        self._left, self._header = 0, b""
        try:
            while data := answer.read1(CHUNK_BYTES):
                self.feed(data)
        except (OSError, http.client.HTTPException, ValueError):
            pass

    def feed(self, data: bytes) -> None:
        """Take a piece of the stream, cut anywhere."""
        written, view = [], memoryview(data)
        while view:
            if not self._left:
                needed = HEADER_BYTES - len(self._header)
                self._header, view = self._header + bytes(view[:needed]), view[needed:]
                if len(self._header) < HEADER_BYTES:
                    break
                (self._from, self._left), self._header = struct.unpack(">B3xI", self._header), b""
            piece = bytes(view[: self._left])
            written.append(self._whole_lines(piece))
            self._left, view = self._left - len(piece), view[len(piece) :]
        text = b"".join(written)
        self.last_words = (self.last_words + text)[-1000:]
        self._log.feed(text, clock.now())

    def _whole_lines(self, piece: bytes) -> bytes:
        """What of an output has ended with this piece; a line longer than the log's is let go in parts."""
        begun = self._begun.setdefault(self._from, bytearray())
        end = piece.rfind(b"\n") + 1
        if not end and len(begun) + len(piece) <= LINE_BYTES:
            begun += piece
            return b""
        whole = bytes(begun) + piece[: end or None]
        begun[:] = piece[end:] if end else b""
        return whole

    def note(self, text: str) -> None:
        """A line of our own."""
        self._log.feed(f"{text}\n".encode(), clock.now())

    def finish(self) -> None:
        """Close the log; what has no end yet is a line of its own."""
        for begun in filter(None, self._begun.values()):
            self._log.feed(bytes(begun) + b"\n", clock.now())
        self._log.finish(clock.now())

    @staticmethod
    def last_stamp(path: str) -> int:
        """When the last line of the log at `path` came, in epoch milliseconds; 0 when it has none."""
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
            lines = file.read().splitlines()
        stamp = lines[-1].partition(b" ")[0] if lines else b""
        return int(stamp) + 1 if stamp.isdigit() else 0


def ending_of(code: int, last_words: bytes) -> Ending:
    """What the exit code of a container says, and its init where that could not start the command."""
    found = _INIT_FAILED.fullmatch(last_words.strip()) if code in INIT_FAILED_CODES else None
    if found:
        command, reason = (found[name].decode(errors="replace").strip() for name in ("command", "reason"))
        return Ending(code if code != 1 else 127, None, f"The command {command!r} could not be executed: {reason}.")
    return Ending(None, code - 128) if code in SIGNALS else Ending(code, None)
