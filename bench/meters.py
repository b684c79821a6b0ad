"""How much a process costs: processor time, memory, and the middle of many measurements.

In: process ids of servers that the benchmark itself started. Out: seconds and bytes, read from the Linux kernel; the
servers are not changed and do not know that they are watched.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path


def middle(values: list[float]) -> float:
    """The median; NaN when there is nothing to measure."""
    return statistics.median(values) if values else float("nan")


def tree(process: int) -> Iterator[int]:
    """`process` and everything below it that lives now."""
    yield process
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            found = children.read_text().split()
        except OSError:
            continue
        for child in found:
            yield from tree(int(child))


def cpu_seconds(process: int) -> float:
    """Processor time that `process` and its living descendants have used, to the nanosecond.

    The kernel gives every process a clock of its own; its id is the complement of the process id shifted by three
    bits, with 2 for "time spent running" (clock_getcpuclockid(3)). /proc/<pid>/stat counts in ticks of 10 ms, too
    coarse for calls of less than one.
    """
    total = 0.0
    for each in tree(process):
        try:
            total += time.clock_gettime((~each << 3) | 2)
        except OSError:
            continue
    return total


def memory_bytes(process: int) -> tuple[int, int]:
    """Resident and proportional (shared pages divided among their users) memory of the process tree."""
    resident = proportional = 0
    for each in tree(process):
        try:
            lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()[1:]
        except OSError:
            continue
        kilobytes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
        resident += kilobytes["Rss"] * 1024
        proportional += kilobytes["Pss"] * 1024
    return resident, proportional
