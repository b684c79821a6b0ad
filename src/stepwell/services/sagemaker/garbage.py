"""Which blobs nothing needs any more, and their removal. In: a database, blobs. Out: what stays, what goes, and why.

The plan is made beside everything else that goes on. Whether a blob may go is asked once more under the database's
write lock, a few at a time; why that is safe is in docs/decisions/0031. Killed at any line, it leaves no more behind
than blobs that the next collection finds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

from stepwell.base import arn as arns
from stepwell.blobs.folder import Blobs, Kept
from stepwell.machines import byte_descent, garbage
from stepwell.machines.byte_descent import Job, Jobs
from stepwell.machines.garbage import NEEDED, Names, Reason
from stepwell.services.sagemaker import byte_jobs
from stepwell.services.sagemaker.jobs import MACHINE
from stepwell.services.sagemaker.model_registry import PACKAGE
from stepwell.store import all_resources, blob_references, resources, running_jobs
from stepwell.store.database import Connection, Database, Transaction

JUST_NOW = 3600.0
"""Seconds for which a blob stays that was put, or that a row let go of: somebody may be on the way to it."""
DAY = 86400.0
TOGETHER = 100
"""So many blobs are deleted under one lock: other writers wait that long."""


@dataclass(slots=True)
class Tally:
    """How many blobs, and how many bytes."""

    blobs: int = 0
    size: int = 0

    def add(self, size: int) -> None:
        """One more."""
        self.blobs += 1
        self.size += size


@dataclass(frozen=True, slots=True)
class Plan:
    """What a collection would do. `limit` is since when is just now (epoch seconds), `last` the last row of an
    object that was seen, `package` that of a model package."""

    limit: float
    last: int
    package: int
    tallies: Mapping[Reason, Tally]
    condemned: Sequence[tuple[Kept, Reason]] = field(repr=False)


def plan(database: Database, blobs: Blobs, now: float, keep_days: float) -> Plan:
    """Look at every blob. Jobs that changed within `keep_days` keep what they read and wrote."""
    with database.read() as connection:
        limit, package = _limit(connection, now), all_resources.last_id(connection, PACKAGE)
        needed, last = blob_references.of_objects(connection)
        names = _names(connection, needed, limit, now - keep_days * DAY)
    tallies: dict[Reason, Tally] = {}
    condemned = []
    for kept in blobs.kept():
        why = garbage.reason(kept.name, kept.wanted, names, limit)
        tallies.setdefault(why, Tally()).add(kept.size)
        if why not in NEEDED:
            condemned.append((kept, why))
    return Plan(limit, last, package, tallies, condemned)


def collect(database: Database, blobs: Blobs, made: Plan) -> Iterator[tuple[Reason, int]]:
    """Delete what the plan condemns and nothing names since. Yields a reason and a number of bytes for each blob
    that is gone, in batches. Ends early when a model package was made since: old jobs may be behind it."""
    last, fresh = made.last, set[str]()
    for begin in range(0, len(made.condemned), TOGETHER):
        batch = made.condemned[begin : begin + TOGETHER]
        with database.write() as transaction:
            if all_resources.last_id(transaction.connection, PACKAGE) != made.package:
                return
            came, last = blob_references.of_objects(transaction.connection, last)
            fresh |= came
            gone = _removed(transaction, blobs, batch, fresh, made.limit)
        yield from gone
    with database.write() as transaction:
        blob_references.forget_released(transaction, made.limit)


def _removed(
    transaction: Transaction, blobs: Blobs, batch: Sequence[tuple[Kept, Reason]], fresh: Set[str], limit: float
) -> list[tuple[Reason, int]]:
    """`fresh`: what objects name since the plan."""
    released = blob_references.released(transaction.connection, limit, [kept.name for kept, _ in batch])
    gone = []
    for kept, why in batch:
        if kept.name in fresh or kept.name in released:
            continue
        freed = blobs.remove(kept.name, limit)
        if freed is not None:
            gone.append((why, freed))
    return gone


def _limit(connection: Connection, now: float) -> float:
    """An hour ago, or when the oldest job under way began: it may still come for what lay there then."""
    begun = [now]
    for arn in running_jobs.under_way(connection, MACHINE):
        parsed = arns.parse(arn)
        if parsed is not None:
            found = resources.find(connection, resources.Key(parsed.kind, parsed.account, parsed.region, parsed.name))
            if found is not None:
                begun.append(found.created)
    return min(now - JUST_NOW, *begun)


def _names(connection: Connection, needed: set[str], limit: float, young: float) -> Names:
    jobs = byte_jobs.every(connection)
    behind = byte_descent.ancestors(jobs, _results(connection, jobs).values())
    recent = [job for job in jobs.by_arn.values() if job.ended >= young]
    return Names(
        needed,
        blob_references.of_uploads(connection),
        _blobs(behind.values()),
        _blobs(recent),
        blob_references.released(connection, limit),
        _blobs(jobs.by_arn.values()),
        blob_references.released(connection),
    )


def _results(connection: Connection, jobs: Jobs) -> dict[str, Job]:
    """The jobs whose results model packages name."""
    found: dict[str, Job] = {}
    for package in all_resources.of_kind(connection, PACKAGE):
        found.update(byte_jobs.of_package(connection, jobs, package.document, package.created))
    return found


def _blobs(jobs: Iterable[Job]) -> set[str]:
    return {held.blob for job in jobs for held in (*job.reads, *job.writes)}
