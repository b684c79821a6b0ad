"""Room runtime: lets jobs wait until this machine has room for them. In: a Look. Out: whether its job may begin.

The line itself is `machines/job_queue.py`; here it meets the threads and the database. Who was let in stands in the
job's row (it has left Preparing and Queued), so a new process knows the same line again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence

from stepwell.container.instance_types import InstanceTypes
from stepwell.container.plan import Plan, Refusal
from stepwell.machines import job_progress
from stepwell.machines.job_queue import Claim, JobQueue, Room
from stepwell.runtime import job_records
from stepwell.runtime.job_containers import Surroundings
from stepwell.runtime.job_looks import Look
from stepwell.runtime.job_records import Record
from stepwell.store import resources, tags, work
from stepwell.store.database import Connection, Database

EXECUTION_TAG = "sagemaker:pipeline-execution-arn"
OUTSIDE = frozenset({"Preparing", "Queued", "Cleaning", "Over"})
"""Phases of jobs that take no room."""


class Admission:
    """The line of jobs of one process. Thread-safe."""

    def __init__(self, database: Database, surroundings: Surroundings, wake: Callable[[Sequence[str]], None]) -> None:
        """`wake`: have the machine of jobs look at these."""
        self._database = database
        self._surroundings = surroundings
        self._wake = wake
        self._guard = threading.Lock()
        self._queue = JobQueue(surroundings.room) if surroundings.room is not None else None

    def recall(self, machine: str) -> None:
        """Take notice of the jobs that run already, before the first look of a new process."""
        if self._queue is None:
            return
        with self._database.read() as connection:
            for subject in work.subjects(connection, machine):
                row = resources.find(connection, job_records.key_of(subject))
                if row is None or job_progress.read("processing", row.status, row.document).phase in OUTSIDE:
                    continue
                record = job_records.record(subject, row)
                try:
                    plan = record.kind.plan(record.name, record.arn, record.document)
                except Refusal:
                    continue
                self._queue.runs(self._claim(connection, record, plan))

    def ask(self, look: Look) -> bool:
        """Whether the job may begin. If not, it is woken when it may. Raises Refusal."""
        if self._queue is None:
            return True
        with self._database.read() as connection:
            claim = self._claim(connection, look.record, look.plan())
        with self._guard:
            return self._queue.ask(claim)

    def leave(self, arns: Iterable[str]) -> None:
        """These jobs have ended: others may have room now."""
        if self._queue is None:
            return
        with self._guard:
            for arn in arns:
                self._queue.withdraw(arn)
            admitted = self._queue.admit()
        if admitted:
            self._wake(admitted)

    def waiting(self) -> list[str]:
        """The jobs that wait for room."""
        with self._guard:
            return self._queue.waiting() if self._queue is not None else []

    def _claim(self, connection: Connection, record: Record, plan: Plan) -> Claim:
        owner = tags.of(connection, record.arn).get(EXECUTION_TAG, "")
        return Claim(record.arn, owner, claimed(plan, self._surroundings.instances, self._surroundings))


def claimed(plan: Plan, instances: InstanceTypes, surroundings: Surroundings) -> Room:
    """What all hosts of the plan have together; a type that nobody knows is the whole machine."""
    room = Room(0.0, 0.0)
    for group in plan.groups:
        found = instances.find(group.instance_type)
        memory = found.memory_bytes if found.memory_bytes is not None else float("inf")
        each = Room(
            found.cpus if found.cpus is not None else float("inf"),
            min(memory, surroundings.memory_bytes or float("inf")),
        )
        room = Room(
            room.cpus + len(group.hosts) * each.cpus, room.memory_bytes + len(group.hosts) * each.memory_bytes
        )
    return room
