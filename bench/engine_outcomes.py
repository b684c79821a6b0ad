"""What one run of one graph cost. In: a process that the benchmark started. Out: values for the tables."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meters import tree


@dataclass(frozen=True, slots=True)
class Outcome:
    """Wall and processor seconds of a run of `steps` steps, and the most memory (bytes) it took; or an error."""

    steps: int = 0
    wall: float = float("nan")
    cpu: float = float("nan")
    memory: int = 0
    error: str = ""

    @property
    def cpu_per_step(self) -> float:
        """Seconds; NaN for a run that failed."""
        return self.cpu / self.steps if self.steps else float("nan")


def peak_memory_bytes(process: int) -> int:
    """The sum of what each process of the tree held at most; pages that they share count for each."""
    total = 0
    for each in tree(process):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{each}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    total += int(line.split()[1]) * 1024
    return total


def end_group(process: subprocess.Popen[Any]) -> None:
    """End a process that was started in a session of its own, with everything below it."""
    for number, seconds in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    if process.stdout:
        process.stdout.close()
