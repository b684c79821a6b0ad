"""Room container: searches logs in a process of its own. In: a log, where to begin, patterns. Out: what was found.

Patterns are the client's: matching one can take for ever, and the log it is matched with can be gigabytes. In another
process (`metrics_scan.py`) both cost this one nothing. It starts when it is needed and ends with us at the latest.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stepwell.base import clock

PROGRAM = Path(__file__).with_name("metrics_scan.py")
BYTES_A_TURN = 4 << 20
POINTS_A_TURN = 10_000
SECONDS_A_TURN = 0.5
"""Processor time after which a search stops for this turn: nobody waits long behind another one's log."""
PATIENCE_SECONDS = 30.0
"""Wall time after which the process is given up. It keeps limits of its own: this is for machines that hang."""
IDLE_SECONDS = 60.0
TRIES = 2
BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Pattern:
    """What to search for. Its first group is the value; every match contains `needed`, which may be empty."""

    name: str
    expression: str
    needed: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A value in a line that was written at `moment` (epoch seconds)."""

    name: str
    moment: float
    value: float


@dataclass(frozen=True, slots=True)
class Findings:
    """What one turn brought. `position`: where the next begins; `dropped`: patterns that cannot be used, and why."""

    position: int
    found: Sequence[Found]
    dropped: Sequence[tuple[str, str]]


class ScannerLost(Exception):
    """The process did not answer. It is gone, and the next search begins with another."""


class _Ended(Exception):
    """The process is not there any more: somebody killed it, and another may do better."""


class Scanner:
    """One search at a time, from any thread."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._used = 0.0

    def search(self, log: Path, position: int, patterns: Sequence[Pattern]) -> Findings:
        """Search the log from byte `position` on for one turn, to the end of its last whole line at most.

        A log that is not there is empty. Raises ScannerLost.
        """
        request = {
            "log": str(log),
            "from": position,
            "bytes": BYTES_A_TURN,
            "points": POINTS_A_TURN,
            "seconds": SECONDS_A_TURN,
            "patterns": [(each.name, each.expression, each.needed) for each in patterns],
        }
        with self._guard:
            answer = json.loads(self._answer(json.dumps(request).encode() + b"\n"))
        found = [Found(name, stamp / 1000, value) for name, stamp, value in answer["found"]]
        return Findings(answer["to"], found, [(name, reason) for name, reason in answer["dropped"]])

    def rest(self) -> None:
        """End the process if nothing was searched for a while. A search that comes later begins a new one."""
        with self._guard:
            if clock.monotonic() - self._used > IDLE_SECONDS:
                self._end()

    def close(self) -> None:
        """End the process. A search that comes later begins a new one."""
        with self._guard:
            self._end()

    def _answer(self, request: bytes) -> bytes:
        for _ in range(TRIES):
            try:
                return self._exchange(request)
            except _Ended:
                self._end()
            finally:
                self._used = clock.monotonic()
        raise ScannerLost("searching a log for metrics failed: the process that searches does not live")

    def _exchange(self, request: bytes) -> bytes:
        process = self._process = self._process or _start()
        assert process.stdin is not None and process.stdout is not None
        answer = b""
        try:
            process.stdin.write(request)
            while not answer.endswith(b"\n"):
                if not select.select([process.stdout], [], [], PATIENCE_SECONDS)[0]:
                    self._end()
                    raise ScannerLost(f"searching a log for metrics took more than {PATIENCE_SECONDS:.0f} seconds")
                block = os.read(process.stdout.fileno(), BLOCK)
                if not block:
                    raise _Ended
                answer += block
        except BrokenPipeError:
            raise _Ended from None
        return answer

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()


def _start() -> subprocess.Popen[bytes]:
    # a session of its own: Ctrl-C in the server's terminal is not for it
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(PROGRAM)],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
