"""Room runtime: samples what the hosts of running jobs use. In: the hosts. Out: points in the database."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from stepwell.base.arn import Scope
from stepwell.container import instance_types
from stepwell.launchers import usage
from stepwell.launchers.usage import GpuUsage
from stepwell.machines import job_progress
from stepwell.runtime import job_usage
from stepwell.runtime.job_folders import folder
from stepwell.runtime.job_kinds import KINDS
from stepwell.runtime.job_usage import Host, Reading
from stepwell.services.registry import Site
from stepwell.store import metric_points
from stepwell.store.metric_points import Metric, Point
from stepwell.store.resources import Resource

SHORTEST_SPAN = 0.25
"""Two readings closer to each other say nothing: processor time is counted in hundredths of a second."""


class Sampler:
    """Remembers the last reading of each host. `memory_limit`: what a container may have at most (bytes), if any."""

    def __init__(self, site: Site, memory_limit: int | None) -> None:
        self._site = site
        self._memory_limit = memory_limit
        self._readings: dict[Path, Reading] = {}
        self._due: dict[Path, float] = {}

    def hosts_of(self, arn: str, row: Resource) -> list[Host]:
        """The hosts of the job in `row`, in its present run."""
        kind = KINDS[row.key.kind]
        attempt = job_progress.read(kind.name, row.status, row.document).attempt
        plan, place = kind.plan(row.name, arn, row.document), folder(self._site.data, arn, attempt)
        types = {name: instance_types.find(plan.group_of(name).instance_type) for name in plan.hosts}
        return [
            Host(
                Scope(row.key.account, row.key.region),
                kind.log_group,
                f"{row.name}/{name}",
                place.host(name),
                self._memory(type_.memory_bytes),
                is_accelerated=type_.is_accelerated,
                shows_disk=kind.word != "Transform",
            )
            for name, type_ in types.items()
        ]

    def sample(self, hosts: Sequence[Host], now: float) -> None:
        """Keep points of those whose time it is. `hosts` are all that run: others are forgotten."""
        folders = {host.folder for host in hosts}
        self._readings = {place: reading for place, reading in self._readings.items() if place in folders}
        self._due = {place: due for place, due in self._due.items() if place in folders}
        due = [host for host in hosts if self._due.get(host.folder, 0.0) <= now]
        gpus = usage.read_gpus() if any(host.is_accelerated for host in due) else None
        batches: dict[Scope, list[tuple[Metric, Point]]] = {}
        for host in due:
            batches.setdefault(host.scope, []).extend(self._look(host, now, gpus))
        if any(batches.values()):
            with self._site.database.write() as transaction:
                for scope, batch in batches.items():
                    metric_points.add(transaction, scope, batch)

    def _look(self, host: Host, now: float, gpus: GpuUsage | None) -> list[tuple[Metric, Point]]:
        began = usage.began(host.folder)
        used = usage.read(host.folder, host.memory_bytes)
        if began is None or used is None:
            return []
        before = self._readings.get(host.folder) or _first(began, now)
        if before is not None and now - before.moment < SHORTEST_SPAN:
            return []
        disk = shutil.disk_usage(host.folder)
        reading = Reading(now, used.cpu_seconds, used.memory_bytes, 100 * disk.used / disk.total, gpus)
        self._readings[host.folder] = reading
        self._due[host.folder] = now + job_usage.next_look(now - began)
        return job_usage.points(host, before, reading) if before is not None else []

    def _memory(self, of_type: int | None) -> int:
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return min(each for each in (machine, of_type, self._memory_limit) if each is not None)


def _first(began: float, now: float) -> Reading | None:
    """What a host that has just begun had used when it began: nothing. None when its beginning was missed."""
    return Reading(began, 0.0, 0, 0.0) if now - began < job_usage.LONGEST_INTERVAL else None
