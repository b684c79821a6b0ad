"""Counting a container's processes and memory through /proc, where no control group does it.

In the supervisor's world: stdlib-only, cheap imports. In: process ids as the host sees them. Every process of a
container descends from its supervisor, because orphans become children of the PID 1 inside.
"""


# pathlib would lengthen every start of a supervisor.

from __future__ import annotations

import os

PAGE = os.sysconf("SC_PAGE_SIZE")


def children(pid: int) -> list[int]:
    """The children of `pid`, oldest first; none when it is gone."""
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            found += map(int, _read(f"/proc/{pid}/task/{task}/children").split())
    except OSError:
        pass
    return found


def tree(pid: int) -> list[int]:
    """`pid` and its descendants."""
    found = [pid]
    for each in found:
        found += children(each)
    return found


def threads(pids: list[int]) -> int:
    """How many threads `pids` have: what the limit on processes counts."""
    count = 0
    for pid in pids:
        try:
            count += len(os.listdir(f"/proc/{pid}/task"))
        except OSError:
            pass
    return count


def memory_bytes(pids: list[int], limit: int | None) -> int:
    """What `pids` hold in memory. Shared pages are told apart only above `limit`, since that reading is slow."""
    plain = sum(_resident(pid) for pid in pids)
    return plain if limit is None or plain <= limit else sum(_proportional(pid) for pid in pids)


def _resident(pid: int) -> int:
    fields = _read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * PAGE if len(fields) > 1 else 0


def _proportional(pid: int) -> int:
    """PSS (each shared page divided by its users) if we may read it, else RSS."""
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return _resident(pid)


def start_time(pid: int) -> str:
    """When `pid` started, in clock ticks since boot (proc(5), field 22 of stat): with it, a
    process id is unmistakable. Empty when there is no such process."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 else ""


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""
