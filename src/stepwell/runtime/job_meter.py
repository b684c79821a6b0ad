"""Room runtime: watches all running jobs. In: the database, logs and processes. Out: points of metrics.

One thread looks every second which jobs run, reads on in logs that have grown, and samples what hosts use. It keeps
nothing that could be lost: what was read of a log stands in the database (store/metric_tails.py), and a sample that
was missed is missed. When a job is over, what is left of its log is read, and the row of its progress goes.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from stepwell.base import clock
from stepwell.container.metric_scanner import Scanner, ScannerLost
from stepwell.machines import job_progress
from stepwell.runtime import job_metrics, job_records
from stepwell.runtime.job_kinds import KINDS
from stepwell.runtime.job_metrics import Source
from stepwell.runtime.job_sampling import Sampler
from stepwell.runtime.job_usage import Host
from stepwell.services.registry import Site
from stepwell.store import metric_points, metric_tails, resources, running_jobs
from stepwell.store.resources import Resource

log = logging.getLogger(__name__)

MACHINE = "job"
LOOK_EVERY_SECONDS = 1.0
SOON_SECONDS = 0.02
"""When to look again while a log has more to read."""
TURNS_AT_THE_END = 64
"""Turns in one look at the log of a job that is over, which nobody waits for."""
RETENTION_SECONDS = 455 * 86400.0
"""How long points are kept: AWS's longest (GetMetricStatistics); here at full resolution all the time."""
FORGET_EVERY_SECONDS = 3600.0
SERIES_A_PAGE = 500


@dataclass(slots=True)
class _Running:
    """What is remembered of a job that runs, as long as its row stays as it is."""

    stamp: float
    created: float
    sources: list[Source] = field(default_factory=list)
    hosts: list[Host] = field(default_factory=list)
    sizes: dict[Path, int] = field(default_factory=dict)
    """Of each log: how large it was when it had been read to its end."""


class JobMeter:
    """The thread. `memory_limit`: what one container may have at most (bytes); None: what the machine has."""

    def __init__(self, site: Site, scanner: Scanner, memory_limit: int | None = None) -> None:
        self._site = site
        self._scanner = scanner
        self._sampler = Sampler(site, memory_limit)
        self._jobs: dict[str, _Running] = {}
        self._forget_at = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stepwell-meter", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        pause = 0.0
        while not self._stopping.wait(pause):
            try:
                pause = SOON_SECONDS if self.look(clock.now()) else LOOK_EVERY_SECONDS
            except Exception:  # a bug with one job's log must not end the metrics of all others
                log.exception("looking at running jobs failed")
                pause = LOOK_EVERY_SECONDS

    def look(self, now: float) -> bool:
        """Do everything that is due; whether there is more to read at once."""
        with self._site.database.read() as connection:
            # in this order: what has a tail and is not under way afterwards is over for good
            tails = metric_tails.jobs(connection)
            arns = running_jobs.under_way(connection, MACHINE)
        self._jobs = self._refreshed(arns)
        has_more = False
        for running in self._jobs.values():
            for source in running.sources:
                has_more |= self._read(running, source)
        self._sampler.sample([host for running in self._jobs.values() for host in running.hosts], now)
        for arn, created in tails:
            if arn not in self._jobs or self._jobs[arn].created != created:
                has_more |= self._close(arn, created)
        self._scanner.rest()
        if now >= self._forget_at:
            self._forget_at = now + FORGET_EVERY_SECONDS
            self.forget(now - RETENTION_SECONDS)
        return has_more

    def forget(self, before: float) -> None:
        """Delete the points from before that moment (epoch seconds)."""
        last = 0
        while not self._stopping.is_set():
            with self._site.database.read() as connection:
                old = metric_points.outdated(connection, before, last, SERIES_A_PAGE)
            if not old:
                return
            last = old[-1]
            with self._site.database.write() as transaction:
                for series in old:
                    metric_points.forget(transaction, series, before)

    def _refreshed(self, arns: Iterable[str]) -> dict[str, _Running]:
        """What is known of the jobs under way; rows that have not changed are not read again."""
        found: dict[str, _Running] = {}
        for arn in arns:
            key = job_records.key_of(arn)
            known = self._jobs.get(arn)
            with self._site.database.read() as connection:
                stamp = running_jobs.stamp(connection, key)
                if known is not None and known.stamp == stamp:
                    found[arn] = known
                    continue
                row = resources.find(connection, key)
            if row is not None:
                found[arn] = self._taken_up(arn, row)
        return found

    def _taken_up(self, arn: str, row: Resource) -> _Running:
        kind = KINDS.get(row.key.kind)
        running = _Running(row.modified, row.created)
        if kind is not None and job_progress.read(kind.name, row.status, row.document).phase == "Running":
            running.sources = job_metrics.sources(self._site, arn, row)
            running.hosts = self._sampler.hosts_of(arn, row)
        return running

    def _read(self, running: _Running, source: Source) -> bool:
        """Read on in a log that has grown; whether there is more to read at once."""
        try:
            size = source.path.stat().st_size
        except FileNotFoundError:
            return False
        if size == running.sizes.get(source.path, 0):
            return False
        try:
            if job_metrics.read_on(self._site, self._scanner, source):
                return True
        except ScannerLost as problem:
            log.warning("the log of %s was not searched for metrics: %s", source.log.job, problem)
            return False
        running.sizes[source.path] = size
        return False

    def _close(self, arn: str, created: float) -> bool:
        """Read the rest of the logs of a job that is over, then forget how far it was read; whether more is left."""
        with self._site.database.read() as connection:
            row = resources.find(connection, job_records.key_of(arn))
        if row is not None and row.created == created and not job_progress.is_deleted(row.document):
            try:
                if self._has_rest(job_metrics.sources(self._site, arn, row)):
                    return True
            except ScannerLost as problem:
                log.warning("the end of the log of %s was not searched for metrics: %s", arn, problem)
        with self._site.database.write() as transaction:
            metric_tails.remove(transaction, arn, created)
        return False

    def _has_rest(self, logs: Iterable[Source]) -> bool:
        """Read some turns of logs that have ended; whether they have more."""
        turns = 0
        for source in logs:
            while source.path.exists() and job_metrics.read_on(self._site, self._scanner, source):
                turns += 1
                if turns == TURNS_AT_THE_END:
                    return True
        return False
