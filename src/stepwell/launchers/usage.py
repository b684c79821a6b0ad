"""What a container uses at this moment, read from /proc and, for accelerators, from nvidia-smi.

In: the folder of its launch. Out: processor seconds so far and memory, of its whole tree of processes. The same
figures whatever keeps the limits: control groups count processor time only in some versions and setups. What an
engine runs is no child of ours, so the engine is asked.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from stepwell.launchers import docker_order, docker_usage, processes, records

TICKS = os.sysconf("SC_CLK_TCK")
GPU_DEVICE = Path("/dev/nvidia0")
GPU_QUERY = ("nvidia-smi", "--query-gpu=utilization.gpu,memory.used,memory.total", "--format=csv,noheader,nounits")
GPU_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Usage:
    """Of all processes of a container: `cpu_seconds` since it began, those of its dead included."""

    cpu_seconds: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class GpuUsage:
    """Percent, summed over the accelerators of this machine: each adds up to 100."""

    compute: float
    memory: float


def read(folder: Path, memory_limit: int | None = None) -> Usage | None:
    """What the container launched in `folder` uses; None when it does not run.

    Memory that processes share is counted once only where the plain sum is above `memory_limit`.
    """
    supervisor = records.supervisor(folder)
    if supervisor is None:
        return None
    standing = docker_order.read(folder)
    if standing is not None:
        found = docker_usage.read(standing)
        return Usage(*found) if found is not None else None
    inside = processes.tree(supervisor)[1:]
    if not inside:
        return None
    seconds = _times(supervisor)[1] + sum(sum(_times(pid)) for pid in inside)
    return Usage(seconds, processes.memory_bytes(inside, memory_limit))


def began(folder: Path) -> float | None:
    """When the container launched in `folder` began (epoch seconds); None when none did."""
    try:
        return (folder / records.STARTED).stat().st_mtime
    except FileNotFoundError:
        return None


def read_gpus() -> GpuUsage | None:
    """What all containers together use of this machine's accelerators; None when it has none that tell."""
    if not GPU_DEVICE.exists():
        return None
    try:
        done = subprocess.run(GPU_QUERY, capture_output=True, text=True, timeout=GPU_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_gpus(done.stdout)


def parse_gpus(table: str) -> GpuUsage | None:
    """The sums over the lines `utilisation, memory used, memory total`; None when no line can be read."""
    found = []
    for line in table.splitlines():
        try:
            compute, used, total = (float(field) for field in line.split(","))
        except ValueError:
            continue
        found.append((compute, 100 * used / total if total else 0.0))
    return GpuUsage(sum(each[0] for each in found), sum(each[1] for each in found)) if found else None


def _times(pid: int) -> tuple[float, float]:
    """Seconds of a process itself, and of its dead children (proc(5), fields 14 to 17 of stat); 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return 0.0, 0.0
    user, system, dead_user, dead_system = (int(field) for field in fields[11:15])
    return (user + system) / TICKS, (dead_user + dead_system) / TICKS
