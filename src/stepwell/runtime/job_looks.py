"""Room runtime: one job in one look: how far it has come, and what of that is not written yet.

In: a leased row. Out: a Look, which takes events and answers the row that they make. Phases that take no time are
gone through in memory and written together; whoever changes the row meanwhile is not overwritten (`rebase`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

from stepwell.base.arn import Scope
from stepwell.container.layout import Access
from stepwell.container.plan import Plan
from stepwell.images.catalog import Image
from stepwell.images.environments import Environment
from stepwell.machines import job as machine
from stepwell.machines.job import Event, Job
from stepwell.runtime import job_folders, job_records
from stepwell.runtime.job_folders import JobFolder
from stepwell.runtime.job_records import Record
from stepwell.runtime.job_tools import Tools
from stepwell.store.job_manifests import Piece
from stepwell.store.resources import Resource
from stepwell.store.work import Lease

Rest: TypeAlias = Literal["write", "wait", "over", "alone", "lost"]
"""Why a look does not go on: what happened must be written first; nothing is due before `due`; nothing is left ever;
the next effect takes long, so that no other job should wait for it; somebody else holds the lease."""


@dataclass(frozen=True, slots=True)
class Common:
    """What jobs that are looked at together need alike: looked up once for all of them."""

    data: Path
    tools: Tools
    image: Callable[[str], Image]
    """What an image is here. Raises what `images` raises."""
    _environments: dict[str, Environment] = field(default_factory=dict)

    def environment(self, recipe: str) -> Environment | None:
        """The environment of that recipe, if it is made."""
        found = self._environments.get(recipe) or self.tools.environments.find(recipe)
        if found is not None:
            self._environments[recipe] = found
        return found


@dataclass(slots=True)
class Look:
    """One job. `stored` is its row as the database has it, `record` the job with every event since."""

    common: Common
    held: Lease
    stored: Resource
    record: Record
    events: list[tuple[Event, float]] = field(default_factory=list)
    changes: list[Resource] = field(default_factory=list)
    """The row each time that its status, as an event tells it, became another."""
    rest: Rest = "write"
    due: float | None = None
    access: Access | None = None
    """Keys for its containers; made in the transaction that comes before the launch."""
    environment: Environment | None = None
    reads: tuple[Piece, ...] = ()
    writes: tuple[Piece, ...] = ()
    """Objects of its inputs and outputs, from when they were moved until that is written."""
    _plan: Plan | None = None
    _place: JobFolder | None = None

    @property
    def job(self) -> Job:
        return self.record.job

    @property
    def has_ended(self) -> bool:
        """Whether it has its final status."""
        return self.record.resource.status in job_records.FINAL

    @property
    def scope(self) -> Scope:
        return self.record.scope

    def plan(self) -> Plan:
        """What the job is to run. Raises Refusal."""
        if self._plan is None:
            state = self.record
            self._plan = state.kind.plan(state.name, state.arn, state.document)
        return self._plan

    def image(self) -> Image:
        """What its image is here. Raises Refusal, and what `images` raises."""
        return self.common.image(self.plan().image)

    @property
    def place(self) -> JobFolder:
        """Where its present attempt lives."""
        if self._place is None:
            self._place = job_folders.folder(self.common.data, self.record.arn, self.job.attempt)
        return self._place

    def note(self, event: Event, now: float) -> None:
        """Something happened: in memory at once, in the database with the next transaction."""
        before = self.record
        after = machine.evolve(before.job, event)
        moved = job_records.moved(before, after, event, now)
        if _shown(moved) != _shown(before.resource):
            self.changes.append(moved)
        self.events.append((event, now))
        self.record = Record(before.arn, moved, before.kind, after)
        if after.attempt != before.job.attempt:
            self.access = self._place = None

    def rebase(self, row: Resource) -> None:
        """The row was changed by somebody else: what happened since happens to that one."""
        events, self.events, self.changes = self.events, [], []
        self.record = job_records.record(self.held.subject, row)
        for event, now in events:
            self.note(event, now)

    def written(self, saved: Resource) -> None:
        """Everything is in the database, as this row."""
        self.stored, self.record = saved, replace(self.record, resource=saved)
        self.events, self.changes = [], []

    def rest_until(self, due: float | None) -> None:
        self.rest, self.due = "wait", due


def look(common: Common, held: Lease, row: Resource) -> Look:
    """The beginning of a look at the job of that row."""
    return Look(common, held, row, job_records.record(held.subject, row))


def _shown(row: Resource) -> tuple[str, object]:
    """What an event tells of: status and secondary status."""
    return row.status, row.document.get("SecondaryStatus")
