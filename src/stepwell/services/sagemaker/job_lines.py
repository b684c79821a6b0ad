"""Who runs on this machine, and who waits in which place: the line of jobs, as the jobs' rows tell it.

No operation of AWS answers this, so none is registered here. The server takes up its line from here when it starts;
`stepwell watch` and the server's own page only read it, and it is there when no server runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stepwell.base import arn as arns
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.machines import job_progress
from stepwell.machines.job import Job
from stepwell.machines.job_outcomes import Kind
from stepwell.machines.job_queue import JobQueue, Room, Standing
from stepwell.services.sagemaker.jobs import MACHINE
from stepwell.store import resources, running_jobs
from stepwell.store.database import Connection, Transaction
from stepwell.store.resources import Key, Resource

HOST = Key("host", "", "", "this machine")
OUTSIDE = frozenset({"Arriving", "Queued", "Cleaning", "Over"})
"""Phases of jobs that take no room."""
ENDLESS = Room(float("inf"), float("inf"))
KINDS: dict[str, Kind] = {"processing-job": "processing", "training-job": "training"}
STARTED = {"processing-job": "ProcessingStartTime", "training-job": "TrainingStartTime"}


@dataclass(frozen=True, slots=True)
class Line:
    """Every job under way by its ARN, in no order, and the queue that they make. `room`: what the machine has for
    jobs; None: nobody waits for room."""

    jobs: dict[str, tuple[Resource, Job]]
    queue: JobQueue
    room: Room | None
    standings: dict[str, Standing]
    """Who waits, in the order of the line."""


def remember_room(transaction: Transaction, room: Room | None) -> None:
    """Write down what the machine has for jobs."""
    document: Document = {"cpus": room.cpus, "memory_bytes": room.memory_bytes} if room is not None else {}
    found = resources.find(transaction.connection, HOST)
    if found is None:
        resources.add(transaction, Resource(HOST, "", 0.0, 0.0, document))
    else:
        resources.save(transaction, Resource(HOST, "", 0.0, 0.0, document, found.id))


def room(connection: Connection) -> Room | None:
    """What the machine had for jobs when a server last began."""
    found = resources.find(connection, HOST)
    return Room(**found.document) if found is not None and found.document else None


def read(connection: Connection) -> Line:
    """The line as it stands."""
    whole = room(connection)
    found = dict(_under_way(connection))
    queue = queue_of(found, whole or ENDLESS)
    return Line(found, queue, whole, {each.claim.subject: each for each in queue.line()})


def queue_of(found: dict[str, tuple[Resource, Job]], whole: Room) -> JobQueue:
    """The queue that these jobs make, in the order in which they came to wait or were let in."""
    queue = JobQueue(whole)
    moves = []
    for row, job in found.values():
        if job.claim is None:
            continue
        if job.phase == "Queued" and job.wait is not None:
            moves.append((job.wait.since, row.id, queue.waits, job.claim))
        elif job.phase not in OUTSIDE:
            moves.append((_begun(row), row.id, queue.runs, job.claim))
    for _at, _id, move, claim in sorted(moves, key=lambda each: each[:2]):
        move(claim)
    return queue


def _under_way(connection: Connection) -> Iterator[tuple[str, tuple[Resource, Job]]]:
    for arn in running_jobs.under_way(connection, MACHINE):
        parsed = arns.parse(arn)
        if parsed is None:
            continue
        scope = Scope(parsed.account, parsed.region)
        row = resources.find(connection, resources.key(scope, parsed.kind, parsed.name))
        if row is not None:
            yield arn, (row, job_progress.read(KINDS[row.key.kind], row.status, row.document))


def _begun(row: Resource) -> float:
    """When it was let in, or soon after."""
    return float(row.document.get(STARTED[row.key.kind], row.modified))
