"""Room images, inside the container: a process of the user's, run to its end. In: a command. Out: nothing, or
`ClientError` in the form of AWS's toolkit, with the end of what the process wrote to stderr.

stdout is handed on untouched; stderr passes through here, line by line, to be remembered. SIGTERM is handed on.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import deque
from pathlib import Path
from threading import Thread
from typing import IO

from .contract import ClientError

_REMEMBERED = 700
"""Characters of stderr in the failure text: FailureReason shows 1024, and the command should still be among them."""


def run(command: list[str], folder: Path, failure: str) -> None:
    """Run `command` in `folder`. Raises ClientError headed `failure` when it does not exit with 0."""
    lines: deque[str] = deque(maxlen=200)
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, errors="replace")
    previous = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    assert process.stderr is not None
    # A thread, and no closing of the pipe: a grandchild that holds on to stderr must not keep us waiting.
    reader = Thread(target=_pass_on, args=(process.stderr, lines), daemon=True)
    reader.start()
    code = process.wait()
    reader.join(timeout=2)
    signal.signal(signal.SIGTERM, previous)
    if code:
        raise ClientError(_report(failure, code, _end(lines), command))


def _pass_on(stream: IO[str], lines: deque[str]) -> None:
    for line in stream:
        sys.stderr.write(line)
        sys.stderr.flush()
        lines.append(line)


def _report(failure: str, code: int, message: str, command: list[str]) -> str:
    """Death by a signal is 128 + its number, as a shell says it; 137 is what the kernel does when memory ends."""
    code = code if code >= 0 else 128 - code
    extra = 'ExtraInfo "OutOfMemory: Process killed by SIGKILL (signal 9)"\n' if code == 137 else ""
    return f'{failure}:\nExitCode {code}\nErrorMessage "{message}"\n{extra}Command "{" ".join(command)}"'


def _end(lines: deque[str]) -> str:
    """The last traceback if there is one, else the last lines; never cut within a line unless it is too long."""
    found = list(lines)
    starts = [number for number, line in enumerate(found) if line.startswith("Traceback ")]
    if starts:
        found = found[starts[-1] :]
    text = "".join(found).strip()
    if len(text) <= _REMEMBERED:
        return text
    tail = text[-_REMEMBERED:]
    return tail.partition("\n")[2] or tail
