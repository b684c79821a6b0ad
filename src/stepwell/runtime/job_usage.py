"""Room runtime: how busy the hosts of a job are. In: two readings of a host. Out: points for CloudWatch. Pure.

Metrics, units and dimensions are those of SageMaker's job instances (AWS: "Amazon SageMaker AI metrics in Amazon
CloudWatch", job metrics): Host is `<job>/<host>`, and a processor or accelerator counts up to 100 percent each.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stepwell.base.arn import Scope
from stepwell.launchers.usage import GpuUsage
from stepwell.store.metric_points import Metric, Point

DIMENSION = "Host"
UNIT = "Percent"
LONGEST_INTERVAL = 10.0


@dataclass(frozen=True, slots=True)
class Host:
    """One host of a running job. `name` is `<job>/<host>`, `folder` that of its launch."""

    scope: Scope
    namespace: str
    name: str
    folder: Path
    memory_bytes: int
    """What it may use: that much memory is 100 percent."""
    is_accelerated: bool
    shows_disk: bool
    """Transform jobs have no DiskUtilization on AWS."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a host was seen to use at `moment` (epoch seconds)."""

    moment: float
    cpu_seconds: float
    memory_bytes: int
    disk_percent: float
    gpus: GpuUsage | None = None


def points(host: Host, before: Reading, now: Reading) -> list[tuple[Metric, Point]]:
    """What to keep of a host that was looked at twice."""
    span = now.moment - before.moment
    if span <= 0:
        return []
    percents = {
        "CPUUtilization": max(0.0, 100 * (now.cpu_seconds - before.cpu_seconds) / span),
        "MemoryUtilization": 100 * now.memory_bytes / host.memory_bytes,
    }
    if host.shows_disk:
        percents["DiskUtilization"] = now.disk_percent
    if host.is_accelerated and now.gpus is not None:
        percents["GPUUtilization"] = now.gpus.compute
        percents["GPUMemoryUtilization"] = now.gpus.memory
    place = ((DIMENSION, host.name),)
    return [
        (Metric(host.namespace, name, place), Point(now.moment, percent, UNIT)) for name, percent in percents.items()
    ]


def next_look(age: float) -> float:
    """Seconds until a host of that age (seconds) is looked at again: often at first, for the sake of short jobs."""
    return min(LONGEST_INTERVAL, max(1.0, age))
