"""A sealed place: a data folder of its own in which jobs run again with exactly the bytes they had. In: a plan, and
the blobs. Out: what each job left.

Same account, region, buckets, keys and names as then, so that nothing a job can see of its surroundings differs; and
nothing else is there. Before each job the objects are made what its manifest says: data that a job of the plan made
is taken from its new run, all other from the blobs. Environments are shared with the data folder that they came from.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stepwell.base import arn as arns
from stepwell.base import clock, ids
from stepwell.base.arn import Scope
from stepwell.blobs.folder import Blobs
from stepwell.cli import connection, sealed_experiments
from stepwell.cli.run import server
from stepwell.container import tidying
from stepwell.machines import reproduction
from stepwell.machines.reproduction import Held, NotedJob, Plan
from stepwell.settings import Settings
from stepwell.store import buckets, job_manifests, object_listing, objects, resources, tables
from stepwell.store.buckets import Bucket
from stepwell.store.database import Database, Transaction
from stepwell.store.objects import Version
from stepwell.store.resources import Resource

__all__ = ["CannotRun", "Outcome", "Run", "Tell", "place", "run", "tables"]

PREFIX = "stepwell-reproduction-"
"""Sealed places are in the data folder: blobs can be cloned within one file system."""
LOOK_SECONDS = 0.05
STOP_SECONDS = 20.0
"""How long is waited for a job that is stopped because the command was."""
FINAL = ("Completed", "Failed", "Stopped")
PASSED_ON = ("images", "instances", "launcher", "isolation", "accelerators", "strict", "memory", "cpus")
"""Settings that decide what a job runs in."""

Tell = Callable[[NotedJob, str, float], None]
"""Told how a job stands, and since how many seconds it runs."""


class CannotRun(Exception):
    """A job could not be set going; the message says why."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job went this time. The outputs' bytes are in the blobs of the run."""

    status: str
    reason: str
    began: float
    ended: float
    environment: str
    outputs: tuple[Held, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a plan: what came of each job, by ARN, and the blobs."""

    outcomes: Mapping[str, Outcome]
    blobs: Blobs


@contextmanager
def place(data: Path, keep: Path | None) -> Iterator[Path]:
    """A new folder, removed at the end unless it is one to `keep`. What a killed command left is removed first."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True, mode=0o700)
        yield keep
        return
    whole = data if data.exists() else Path(tempfile.gettempdir())
    folder, lock = _begun(whole)
    try:
        yield folder
    finally:
        with suppress(OSError):  # a container that does not end yet: the next command removes the rest
            tidying.remove(folder)
        os.close(lock)


def _begun(whole: Path) -> tuple[Path, int]:
    """A new place and the lock that says that it is in use. One command at a time looks for what others left."""
    alone = os.open(whole, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(alone, fcntl.LOCK_EX)
        for left in whole.glob(f"{PREFIX}*"):
            with suppress(OSError):
                _remove_if_left(left)
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=whole))
        lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return folder, lock
    finally:
        os.close(alone)


def _remove_if_left(folder: Path) -> None:
    """Remove a place whose command is gone. Raises OSError for one that is in use, or another user's."""
    lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        tidying.remove(folder)
    finally:
        os.close(lock)


def run(plan: Plan, source: Blobs, folder: Path, set_up: Settings, tell: Tell) -> Run:
    """Run the plan in `folder`, which does not exist yet or is empty. A job that fails ends it. Raises CannotRun,
    cli.run.NotReady."""
    first = arns.parse(plan.jobs[0].arn)
    assert first is not None
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "stepwell.toml").write_text(_settings(set_up))
    options = ("--account", first.account, "--region", first.region, "--host", "127.0.0.1")
    with server(folder, *options) as access:
        database, blobs = Database(folder / "stepwell.db"), Blobs(folder / "blobs")
        try:
            sealed = _Sealed(plan, source, database, blobs, Scope(first.account, first.region))
            client = connection.client("sagemaker", access)
            for job in plan.jobs:
                outcome = sealed.run(job, client, tell)
                if outcome.status != "Completed":
                    break
            return Run(sealed.outcomes, blobs)
        finally:
            database.close()


def _settings(set_up: Settings) -> str:
    """stepwell.toml of the sealed place."""
    environments = set_up.environments or set_up.data / "environments"
    values = {"environments": str(environments.absolute()), "keep_failed": 0}
    for name in PASSED_ON:
        value = getattr(set_up, name)
        if value:
            values[name] = str(value) if isinstance(value, Path) else value
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())


class _Sealed:
    """The plan under way."""

    def __init__(self, plan: Plan, source: Blobs, database: Database, blobs: Blobs, scope: Scope) -> None:
        self._plan, self._source, self._database, self._blobs = plan, source, database, blobs
        self._scope = scope
        self._experiments: set[str] = set()
        self.outcomes: dict[str, Outcome] = {}

    def run(self, job: NotedJob, client: Any, tell: Tell) -> Outcome:
        """One job, from its data to its end."""
        self._lay_out(job, self._inputs(job))
        member = _member(job)
        try:
            sealed_experiments.ensure(client, job.request.get("ExperimentConfig") or {}, self._experiments)
            create = getattr(client, f"create_{job.kind.replace('-', '_')}")
            create(**{f"{member}Name": job.name}, **reproduction.again(job))
        except (ClientError, BotoCoreError) as error:
            raise CannotRun(f"the {job.words} {job.name} could not be created again: {error}") from error
        outcome = self._outcome(job, self._ended(job, client, tell))
        self.outcomes[job.arn] = outcome
        return outcome

    def _inputs(self, job: NotedJob) -> list[Held]:
        """What the job reads, with what the plan made again in place of what was there then. Raises CannotRun."""
        made = self._plan.made_again(job)
        found = []
        for each in job.inputs:
            if each in made:
                anew = next((out for out in self.outcomes[made[each]].outputs if out.place == each.place), None)
                if anew is None:
                    raise CannotRun(f"{each.uri}, which {job.name} reads, was not written this time")
                found.append(Held(each.channel, *each.place, anew.size, anew.blob))
            else:
                self._bring(each)
                found.append(each)
        return found

    def _bring(self, each: Held) -> None:
        """Clone a blob into the sealed place."""
        if not self._blobs.path(each.blob).exists():
            draft = self._blobs.incoming / ids.token(20)
            try:
                self._source.place(each.blob, draft)
            except FileNotFoundError as error:
                raise CannotRun(f"the bytes of {each.uri} were deleted meanwhile") from error
            draft.chmod(0o400)
            self._blobs.adopt(draft, each.blob)

    def _lay_out(self, job: NotedJob, inputs: list[Held]) -> None:
        """Make the objects exactly what the job read."""
        now = clock.now()
        wanted = {each.bucket for each in (*job.inputs, *job.outputs)} | set(reproduction.buckets(job.request))
        with self._database.write() as transaction:
            there = {name: self._bucket(transaction, name, now) for name in sorted(wanted)}
            for name in {each.bucket for outcome in self.outcomes.values() for each in outcome.outputs} - wanted:
                there[name] = self._bucket(transaction, name, now)
            for bucket in there.values():
                for row in list(object_listing.below(transaction.connection, bucket, "")):
                    objects.remove(transaction, bucket, row.key, now)
            for each in inputs:
                # the ETag is opaque to a reader; the MD5 would have every byte read once more
                version = Version(each.key, each.blob, each.size, each.blob[:32], float(int(now)))
                objects.put(transaction, there[each.bucket], version)

    def _bucket(self, transaction: Transaction, name: str, now: float) -> Bucket:
        found = buckets.find(transaction.connection, name)
        return found or buckets.add(transaction, Bucket(name, self._scope.account, self._scope.region, now))

    def _ended(self, job: NotedJob, client: Any, tell: Tell) -> Resource:
        """Wait; if the command is stopped meanwhile, so is the job."""
        key, began = resources.key(self._scope, job.kind, job.name), clock.monotonic()
        try:
            while (row := self._row(key)).status not in FINAL:
                tell(job, _phase(row), clock.monotonic() - began)
                clock.sleep(LOOK_SECONDS)
        except BaseException:
            with suppress(ClientError, BotoCoreError):
                getattr(client, f"stop_{job.kind.replace('-', '_')}")(**{f"{_member(job)}Name": job.name})
                until = clock.monotonic() + STOP_SECONDS
                while self._row(key).status not in FINAL and clock.monotonic() < until:
                    clock.sleep(LOOK_SECONDS)
            raise
        tell(job, row.status, clock.monotonic() - began)
        return row

    def _row(self, key: resources.Key) -> Resource:
        with self._database.read() as reading:
            row = resources.find(reading, key)
        if row is None:
            raise CannotRun(f"the job {key.name} has vanished from the sealed place")
        return row

    def _outcome(self, job: NotedJob, row: Resource) -> Outcome:
        with self._database.read() as reading:
            manifest = job_manifests.find(reading, job.arn)
        outputs = tuple(Held(*astuple(each)) for each in manifest.outputs) if manifest else ()
        ended = row.document.get("TrainingEndTime") or row.document.get("ProcessingEndTime") or row.modified
        return Outcome(
            row.status,
            row.document.get("FailureReason", ""),
            row.created,
            ended,
            manifest.environment if manifest else "",
            outputs,
        )


def _member(job: NotedJob) -> str:
    """TrainingJob of training-job."""
    return "".join(part.capitalize() for part in job.kind.split("-"))


def _phase(row: Resource) -> str:
    return str(row.document.get("SecondaryStatus") or row.document.get("Progress", {}).get("phase") or row.status)
