"""A small world of objects, uploads, jobs and packages over a real database and real blobs, and what it needs.

What the world needs is noted here as things happen, apart from the rows: `missing` compares it with the files.
Time passes by everything growing older.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import update

from stepwell.base import clock
from stepwell.base.arn import Scope
from stepwell.blobs.folder import Blobs
from stepwell.machines.garbage import Reason
from stepwell.services.sagemaker import garbage
from stepwell.services.sagemaker.garbage import DAY
from stepwell.store import blob_references, buckets, job_manifests, objects, resources, uploads, work
from stepwell.store import tables as tables  # every table is declared before the database is made
from stepwell.store.buckets import Bucket
from stepwell.store.database import Database
from stepwell.store.job_manifests import Piece
from stepwell.store.objects import Version
from stepwell.store.resources import Resource
from stepwell.store.uploads import Upload, UploadedPart

SCOPE = Scope("123456789012", "eu-west-1")
KEEP_DAYS = 30.0


@dataclass(slots=True)
class RunningJob:
    """A job that has looked at what it will read."""

    arn: str
    row: Resource
    listed: dict[str, str]
    """Blob by key."""
    ancestors: set[str] = field(default_factory=set)


class World:
    """One bucket, one part of one upload a key, jobs by number."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(folder / "stepwell.db")
        self.blobs = Blobs(folder / "blobs")
        with self.database.write() as transaction:
            self.bucket = buckets.add(transaction, Bucket("b", SCOPE.account, SCOPE.region, 0.0))
        self.lying: dict[str, str] = {}
        """Blob by key: what objects hold now."""
        self.parts: dict[str, str] = {}
        self.arriving: list[tuple[str, str, int]] = []
        """Bytes that are kept already, of objects whose row is not written yet: key, blob, size."""
        self.running: list[RunningJob] = []
        self.writers: dict[tuple[str, str], str] = {}
        """The last job that wrote these bytes to that key."""
        self.of_job: dict[str, set[str]] = {}
        """Blobs that a job that ended read and wrote."""
        self.age: dict[str, float] = {}
        """Seconds since a job ended."""
        self.ancestors: dict[str, set[str]] = {}
        self.packaged: set[str] = set()
        """Jobs that packages descend from."""
        self.count = 0

    def close(self) -> None:
        self.database.close()

    def receive(self, key: str, data: bytes) -> None:
        """The bytes of an object are there, and its row is still to come."""
        blob = self.blobs.put(data)
        self.arriving.append((key, blob.hash, blob.size))

    def copy(self, source: str, key: str) -> None:
        """A copy has read the row of its source, and its own is still to come."""
        if source in self.lying:
            blob = self.lying[source]
            self.arriving.append((key, blob, self.blobs.path(blob).stat().st_size))

    def arrive(self) -> None:
        """The rows of objects that have arrived are written."""
        with self.database.write() as transaction:
            for key, blob, size in self.arriving:
                objects.put(transaction, self.bucket, Version(key, blob, size, "", clock.now()))
                self.lying[key] = blob
        self.arriving.clear()

    def put(self, key: str, data: bytes) -> str:
        """A whole object; what its bytes are named."""
        self.receive(key, data)
        self.arrive()
        return self.lying[key]

    def delete(self, key: str) -> None:
        with self.database.write() as transaction:
            objects.remove(transaction, self.bucket, key, clock.now())
        self.lying.pop(key, None)

    def send_part(self, key: str, data: bytes) -> None:
        """The first part of the upload of that name, once more if there was one."""
        blob = self.blobs.put(data)
        with self.database.write() as transaction:
            if key not in self.parts:
                uploads.add(transaction, self.bucket, Upload(key, key, clock.now(), ""))
            uploads.put_part(transaction, key, UploadedPart(1, blob.hash, blob.size, "", clock.now()))
        self.parts[key] = blob.hash

    def complete(self, key: str) -> None:
        """The upload becomes an object of the one part's bytes."""
        blob = self.parts.pop(key)
        with self.database.write() as transaction:
            objects.put(transaction, self.bucket, Version(key, blob, 0, "", clock.now()))
            uploads.remove(transaction, key)
        self.lying[key] = blob

    def abort(self, key: str) -> None:
        del self.parts[key]
        with self.database.write() as transaction:
            uploads.remove(transaction, key)

    def start(self, keys: list[str]) -> RunningJob:
        """A job begins, and sees what lies there."""
        self.count += 1
        name = f"j{self.count}"
        arn, now = SCOPE.arn("sagemaker", f"training-job/{name}"), clock.now()
        with self.database.write() as transaction:
            key = resources.key(SCOPE, "training-job", name)
            row = resources.add(transaction, Resource(key, "InProgress", now, now, {}))
            work.wake(transaction, "job", arn, now)
        job = RunningJob(arn, row, {key: self.lying[key] for key in keys if key in self.lying})
        for place in job.listed.items():
            if place in self.writers:
                writer = self.writers[place]
                job.ancestors |= {writer, *self.ancestors[writer]}
        self.running.append(job)
        return job

    def stage(self, job: RunningJob) -> None:
        """The job has its data. Raises FileNotFoundError when some is gone."""
        for blob in job.listed.values():
            self.blobs.open(blob).close()
        with self.database.write() as transaction:
            job_manifests.begin(transaction, job.arn, "", self._pieces(job.listed))

    def end(self, job: RunningJob, outputs: dict[str, bytes]) -> None:
        """The job puts what it made, and ends."""
        self.stage(job)
        written = {key: self.put(key, data) for key, data in outputs.items()}
        with self.database.write() as transaction:
            job_manifests.end(transaction, job.arn, self._pieces(written))
            now = clock.now()
            resources.save(transaction, job.row.with_changes(now, status="Completed"))
            transaction.connection.execute(work.table.delete().where(work.table.c.subject == job.arn))
        self.running.remove(job)
        self.of_job[job.arn] = {*job.listed.values(), *written.values()}
        self.age[job.arn], self.ancestors[job.arn] = 0.0, job.ancestors
        self.writers.update(dict.fromkeys(written.items(), job.arn))

    def register(self, key: str) -> None:
        """A model package of what lies there."""
        self.count += 1
        now, name = clock.now(), f"g/{self.count}"
        document = {"InferenceSpecification": {"Containers": [{"ModelDataUrl": f"s3://b/{key}"}]}}
        with self.database.write() as transaction:
            package = Resource(resources.key(SCOPE, "model-package", name, "g"), "Completed", now, now, document)
            resources.add(transaction, package)
        writer = self.writers.get((key, self.lying.get(key, "")))
        if writer is not None:
            self.packaged |= {writer, *self.ancestors[writer]}

    def pass_time(self, seconds: float) -> None:
        """Everything is older by so much."""
        for kept in self.blobs.kept():
            path = self.blobs.path(kept.name)
            os.utime(path, (kept.wanted - seconds, kept.wanted - seconds))
        with self.database.write() as transaction:
            for table, columns in (
                (blob_references.table, ("moment",)),
                (resources.table, ("created", "modified")),
            ):
                values = {name: table.c[name] - seconds for name in columns}
                transaction.connection.execute(update(table).values(values))
        for job in self.running:
            job.row = self._row(job)
        for arn in self.age:
            self.age[arn] += seconds

    def collecting(self, keep_days: float = KEEP_DAYS) -> Iterator[tuple[Reason, int]]:
        """A collection that goes on as far as it is asked to."""
        plan = garbage.plan(self.database, self.blobs, clock.now(), keep_days)
        return garbage.collect(self.database, self.blobs, plan)

    def collect(self, keep_days: float = KEEP_DAYS) -> int:
        """A whole collection; how many blobs went."""
        return len(list(self.collecting(keep_days)))

    def needed(self) -> set[str]:
        """The blobs that must be there."""
        found = {*self.lying.values(), *self.parts.values(), *(blob for _, blob, _ in self.arriving)}
        for job in self.running:
            found |= set(job.listed.values())
        for arn, blobs in self.of_job.items():
            if arn in self.packaged or self.age[arn] < KEEP_DAYS * DAY:
                found |= blobs
        return found

    def kept(self) -> set[str]:
        """The blobs that are there."""
        return {kept.name for kept in self.blobs.kept()}

    def missing(self) -> set[str]:
        """What must be there and is not."""
        return self.needed() - self.kept()

    def _row(self, job: RunningJob) -> Resource:
        with self.database.read() as connection:
            found = resources.find_id(connection, job.row.id)
        assert found is not None
        return found

    def _pieces(self, objects_by_key: dict[str, str]) -> list[Piece]:
        sizes = {blob: self.blobs.path(blob).stat().st_size for blob in objects_by_key.values()}
        return [Piece("data", "b", key, sizes[blob], blob) for key, blob in objects_by_key.items()]
