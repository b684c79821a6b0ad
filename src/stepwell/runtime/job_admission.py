"""Room runtime: lets jobs wait until this machine has room for them. In: a Look. Out: whether its job may begin.

The line itself is `machines/job_queue.py`; here it meets the threads and the database. Who was let in and who waits
since when stands in the jobs' rows, so a new process knows the same line again, and so does who only reads
(`services/sagemaker/job_lines.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence

from stepwell.container.instance_types import InstanceTypes
from stepwell.container.plan import Plan
from stepwell.machines import job_waiting
from stepwell.machines.job import Admitted, Event, Queued
from stepwell.machines.job_queue import Claim, JobQueue, Room
from stepwell.machines.job_waiting import Wait
from stepwell.runtime import job_containers
from stepwell.runtime.job_containers import Surroundings
from stepwell.runtime.job_looks import Look
from stepwell.runtime.job_records import Record
from stepwell.services.sagemaker import job_lines
from stepwell.store import tags
from stepwell.store.database import Connection, Database

EXECUTION_TAG = "sagemaker:pipeline-execution-arn"


class Admission:
    """The line of jobs of one process. Thread-safe."""

    def __init__(self, database: Database, surroundings: Surroundings, wake: Callable[[Sequence[str]], None]) -> None:
        """`wake`: have the machine of jobs look at these."""
        self._database = database
        self._surroundings = surroundings
        self._wake = wake
        self._guard = threading.Lock()
        self._queue = JobQueue(surroundings.room) if surroundings.room is not None else None

    def recall(self) -> None:
        """Take up the line that stands in the jobs' rows, before the first look of a new process."""
        room = self._surroundings.room
        with self._database.write() as transaction:
            job_lines.remember_room(transaction, room)
            if room is not None:
                self._queue = job_lines.queue_of(job_lines.read(transaction.connection).jobs, room)

    def ask(self, look: Look, now: float) -> Event | None:
        """Whether the job may begin; None: it waits as before. It is woken when it may. Raises Refusal."""
        if self._queue is None:
            return Admitted()
        plan = look.plan()
        if job_containers.capacity_problem(plan):
            return Admitted()  # it will be refused, and should hear it now
        with self._database.read() as connection:
            claim = self._queue.clipped(self._claim(connection, look.record, plan))
        with self._guard:
            is_let_in = self._queue.ask(claim)
            # of a line that was taken up, who is behind may have asked before
            others = self._queue.admit() if is_let_in else []
            message = job_waiting.message(claim, self._queue.free, self._queue.waiting() - 1)
        if others:
            self._wake(others)
        if is_let_in:
            return Admitted(claim)
        return None if look.job.phase == "Queued" else Queued(claim, self._wait(look, plan, now), message)

    def _wait(self, look: Look, plan: Plan, now: float) -> Wait:
        types = [self._surroundings.instances.find(group.instance_type) for group in plan.groups]
        is_accelerated = any(each.is_accelerated for each in types)
        row = look.record.resource
        return job_waiting.begun(row.document, row.created, now, is_accelerated=is_accelerated)

    def inherit(self, pool: str, look: Look) -> Event:
        """The job begins in the room that a warm pool has kept for it. Raises Refusal."""
        if self._queue is None:
            return Admitted()
        with self._database.read() as connection:
            claim = self._queue.clipped(self._claim(connection, look.record, look.plan()))
        with self._guard:
            self._queue.withdraw(pool)
            self._queue.runs(claim)
        return Admitted(claim)

    def waiting(self) -> list[str]:
        """Who waits: a warm pool may be for one of them."""
        if self._queue is None:
            return []
        with self._guard:
            return [standing.claim.subject for standing in self._queue.line()]

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
