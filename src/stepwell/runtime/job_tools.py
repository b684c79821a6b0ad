"""Room runtime: what jobs are run with, and how one's log is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from stepwell.base import clock
from stepwell.base.arn import Scope
from stepwell.container import notices
from stepwell.container.metric_scanner import Scanner
from stepwell.container.objects import Objects
from stepwell.container.plan import Plan, Refusal
from stepwell.images.catalog import Catalog, StrictRefused, UnknownImage
from stepwell.images.environments import BuildFailed, Environment
from stepwell.launchers.launcher import Launcher
from stepwell.runtime.job_containers import Surroundings
from stepwell.runtime.job_folders import JobFolder
from stepwell.store.credentials import Credential
from stepwell.store.database import Transaction

IssueAccess = Callable[[Transaction, str, str, float, float], Credential]
"""New keys for (role ARN, session name), from now on, for so many seconds: services.sts.sessions.issue."""

Report = Callable[[str], None]
"""Takes a line for the log of every host."""

IMAGE_PROBLEMS = (UnknownImage, StrictRefused, BuildFailed)
"""What `images` raises with a text that is a whole FailureReason."""


class Environments(Protocol):
    """Where environments come from: images.environments.Environments."""

    @property
    def layers_folder(self) -> Path:
        """Where packages that jobs ask for besides are kept."""

    def find(self, recipe: str) -> Environment | None:
        """The environment of that recipe, if it is made."""

    def prepare(self, recipe: str, report: Report) -> Environment:
        """The environment of that recipe, made first if need be. Raises BuildFailed."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What jobs are run with."""

    launcher: Launcher
    catalog: Catalog
    environments: Environments
    objects: Callable[[Scope], Objects]
    """S3 as the caller of that scope uses it."""
    issue: IssueAccess
    surroundings: Surroundings = field(default_factory=Surroundings)
    scanner: Scanner = field(default_factory=Scanner)
    """Searches logs for metrics."""


@contextmanager
def log_of(plan: Plan, place: JobFolder) -> Iterator[Report]:
    """Writes into every host's log. What refuses the job inside the block is written there as well."""

    def report(text: str) -> None:
        for host in plan.hosts:
            notices.write(place.host(host), text, clock.now())

    try:
        yield report
    except (Refusal, *IMAGE_PROBLEMS) as refusal:
        report(str(refusal))
        raise
