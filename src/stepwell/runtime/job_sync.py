"""Room runtime: takes outputs of running jobs to S3 while they run. In: the database and trees of jobs. Out: objects.

One thread looks which jobs run and uploads what has changed of their continuous outputs: checkpoints, TensorBoard
data and processing outputs with S3UploadMode Continuous. What it knows of a job is only what need not be looked at
again; a new server compares with what is in S3. When the containers have ended, `job_end.upload` takes everything
once more: from then on nothing is uploaded here (`exclusively`), so that an older copy never replaces the last one.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from stepwell.base import clock
from stepwell.container import live_files, notices
from stepwell.container.live_files import LiveFile, Stamp
from stepwell.container.objects import Objects, StorageRefused
from stepwell.container.plan import Output, Plan, Refusal
from stepwell.launchers.launcher import Launcher, Running
from stepwell.machines import job_progress
from stepwell.runtime import job_folders, job_records
from stepwell.runtime.job_folders import JobFolder
from stepwell.runtime.job_records import Record
from stepwell.runtime.job_sparing import SparingObjects
from stepwell.runtime.job_tools import Tools
from stepwell.services.registry import Site
from stepwell.store import resources, running_jobs

log = logging.getLogger(__name__)

MACHINE = "job"
LOOK_EVERY_SECONDS = 1.0
EVERY_SECONDS = 5.0
"""How often a job's outputs are looked at."""
SHARE = 10.0
"""Looking at them takes at most one part in so many of the time."""
MOST_FILES = 100_000
"""So many files of an output are kept an eye on; the others are uploaded at the end."""


@contextmanager
def exclusively(place: JobFolder) -> Iterator[None]:
    """Nobody else uploads outputs of that attempt of the job meanwhile, on any server."""
    place.scratch.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(place.scratch / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@dataclass(slots=True)
class Synced:
    """What is known of a running job. `due` is a monotonic time."""

    record: Record
    plan: Plan
    place: JobFolder
    due: float = 0.0
    files: dict[tuple[str, str], dict[str, Stamp]] = field(default_factory=dict)
    """Of each (output, host): what was uploaded, by path."""
    told: set[str] = field(default_factory=set)
    """What its log says already."""


class JobSync:
    """The thread."""

    def __init__(self, site: Site, tools: Tools) -> None:
        self._site = site
        self._tools = tools
        self._jobs: dict[str, tuple[float | None, Synced | None]] = {}
        """By ARN: the stamp of the row, and what is known of a job with continuous outputs that runs."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stepwell-sync", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_EVERY_SECONDS):
            try:
                self.look()
            except Exception:  # a bug with one job's files must not end the uploads of all others
                log.exception("looking at outputs of running jobs failed")

    def look(self) -> None:
        """Upload what has changed of the jobs that are due."""
        self._jobs = self._under_way()
        for _stamp, job in self._jobs.values():
            begun = clock.monotonic()
            if job is None or job.due > begun or self._stopping.is_set():
                continue
            upload_changes(job, self._tools.launcher, self._tools.objects(job.record.scope), self._stopping.is_set)
            job.due = clock.monotonic() + max(EVERY_SECONDS, SHARE * (clock.monotonic() - begun))

    def _under_way(self) -> dict[str, tuple[float | None, Synced | None]]:
        """What is known of the jobs under way; rows that have not changed are not read again."""
        found: dict[str, tuple[float | None, Synced | None]] = {}
        with self._site.database.read() as connection:
            for arn in running_jobs.under_way(connection, MACHINE):
                key = job_records.key_of(arn)
                stamp, (known_stamp, known) = running_jobs.stamp(connection, key), self._jobs.get(arn, (None, None))
                if stamp is not None and stamp == known_stamp:
                    found[arn] = (stamp, known)
                elif (row := resources.find(connection, key)) is not None:
                    found[arn] = (row.modified, self._taken_up(job_records.record(arn, row), known))
        return found

    def _taken_up(self, record: Record, known: Synced | None) -> Synced | None:
        if job_progress.read(record.kind.name, record.resource.status, record.document).phase != "Running":
            return None
        try:
            plan = record.kind.plan(record.name, record.arn, record.document)
        except Refusal:
            return None
        if not any(output.continuous for output in plan.outputs):
            return None
        place = job_folders.folder(self._site.data, record.arn, record.job.attempt)
        if known is not None and known.place == place:
            return known
        return Synced(record, plan, place)


def upload_changes(job: Synced, launcher: Launcher, objects: Objects, is_over: Callable[[], bool]) -> None:
    """Upload what has changed since the last time; `is_over` says that nobody wants it any more."""
    sparing = SparingObjects(objects)
    for output in job.plan.outputs:
        for host in job.plan.hosts if output.continuous else ():
            known = job.files.setdefault((output.name, host), {})
            try:
                for found in live_files.changed(job.place.opt_ml(host), output, known):
                    if is_over():
                        return
                    if len(known) >= MOST_FILES and found.relative not in known:
                        _tell(job, f'Output "{output.name}" has many files; the others are uploaded at the end.')
                        break
                    if not _upload(job, host, output, found, launcher, sparing):
                        return
                    known[found.relative] = found.stamp
            except StorageRefused as error:
                _tell(job, f'Output "{output.name}" cannot be uploaded yet: {error.code}: {error.message}')
            except FileNotFoundError:
                return  # the job is over and tidied up
            except UnicodeEncodeError:
                _tell(job, f'Output "{output.name}" has a file whose name is not UTF-8.')
            except OSError as error:
                _tell(job, f'Output "{output.name}" cannot be uploaded yet: {error.strerror}')


def _upload(
    job: Synced, host: str, output: Output, found: LiveFile, launcher: Launcher, objects: SparingObjects
) -> bool:
    """Upload one file, unless the container has ended: then everything is uploaded by others, and the answer is
    False."""
    where = output.location.below(found.relative)
    where.key.encode()
    with exclusively(job.place):
        if not isinstance(launcher.observe(job.place.host(host)), Running):
            return False
        copy = job.place.scratch / "copy"
        found.copy(copy)
        objects.give(where.bucket, where.key, copy)
        copy.unlink(missing_ok=True)
    return True


def _tell(job: Synced, text: str) -> None:
    """Say it in the log of every host, once."""
    if text not in job.told:
        job.told.add(text)
        for host in job.plan.hosts:
            notices.write(job.place.host(host), text, clock.now())
