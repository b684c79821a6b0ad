"""Room runtime: where a job lives on this machine: `<data>/jobs/<id>/<attempt>/<host>/`.

The id derives from the ARN, so every server finds the same folder. A host's folder is the launcher's; beside its
files lie `opt-ml` (the container's /opt/ml) and `python` (the container's own Python packages). Folders are made by
who first has something to put there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stepwell.base import ids
from stepwell.container import notices, tidying

JOBS = "jobs"
OPT_ML = "opt-ml"
PYTHON = "python"
WORLD = "world.json"
"""In the folder of an attempt: its world is kept, and what it was."""
KEPT = "kept"
"""Beside the jobs' folders: an entry for each world that is kept, called `<id>-<attempt>`."""


@dataclass(frozen=True, slots=True)
class JobFolder:
    """The folders of one attempt of a job."""

    job: Path
    attempt: int

    @property
    def root(self) -> Path:
        return self.job / str(self.attempt)

    @property
    def scratch(self) -> Path:
        """For archives on their way to S3."""
        return self.root / "scratch"

    @property
    def repack(self) -> Path:
        """The code of a repacking job that is done without a container (job_repack.py)."""
        return self.root / "repack.tar.gz"

    @property
    def warm(self) -> Path:
        """What the job has of an earlier one's warm pool, and has not used yet (job_warm.py)."""
        return self.root / "warm"

    @property
    def staged(self) -> Path:
        """Says which files were staged, and how they looked then (job_warm.py)."""
        return self.root / "staged.json"

    def host(self, host: str) -> Path:
        """The launcher's folder of `host`."""
        return self.root / host

    def opt_ml(self, host: str) -> Path:
        """What the container of `host` sees as /opt/ml."""
        return self.host(host) / OPT_ML

    def python(self, host: str) -> Path:
        """The layer that the container's own packages go to."""
        return self.host(host) / PYTHON

    def log(self, host: str) -> Path:
        """The log of `host`."""
        return self.host(host) / notices.NAME

    @property
    def world(self) -> Path:
        """Says that the world of this attempt is kept (job_worlds.py)."""
        return self.root / WORLD

    @property
    def is_kept(self) -> bool:
        """Whether its world is kept."""
        return self.world.exists()

    @property
    def kept_entry(self) -> Path:
        """The entry of this attempt among the worlds that are kept."""
        return self.job.parent / KEPT / f"{self.job.name}-{self.attempt}"

    def empty(self) -> None:
        """Remove everything of every attempt but the logs, and what is kept."""
        tidying.remove(self.scratch)
        tidying.remove(self.warm)
        for file in (self.repack, self.staged):
            file.unlink(missing_ok=True)
        for attempt in _entries(self.job):
            for host in _entries(attempt) if not (attempt / WORLD).exists() else ():
                tidying.remove_all_but(host, notices.NAME)

    def erase(self) -> None:
        """Remove everything, logs and what is kept too."""
        self.kept_entry.unlink(missing_ok=True)
        tidying.remove(self.job)


def make_room(data: Path) -> None:
    """Make the folder of all jobs; nobody but the server's user may look into it."""
    (data / JOBS).mkdir(mode=0o700, parents=True, exist_ok=True)


def folder(data: Path, arn: str, attempt: int) -> JobFolder:
    """The folders of that attempt of the job of `arn`, below the server's `data`."""
    return JobFolder(data / JOBS / ids.derived(20, arn, alphabet=ids.LOWER), attempt)


def _entries(path: Path) -> list[Path]:
    return [entry for entry in path.iterdir() if entry.is_dir()] if path.is_dir() else []
