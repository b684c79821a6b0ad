"""Random jobs, ends, stops and crashes: the machine of jobs in one thread over a real database.

A crash strikes before an effect, after it, inside the transaction that applies it, or behind that; then a new
process takes over. The containers live on, as under their supervisors. The invariants are the assertions below.
"""

from __future__ import annotations

import errno
import itertools
import os
import random
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.blobs.folder import Blobs
from stepwell.container.objects import StoredObject
from stepwell.images import catalog
from stepwell.launchers.launcher import Exited, Lost
from stepwell.machines import job as machine
from stepwell.machines.job import Effect, Event
from stepwell.runtime import job_start
from stepwell.runtime.job_folders import folder
from stepwell.runtime.job_looks import Look
from stepwell.runtime.jobs import JobMachine, Tools
from stepwell.services.registry import Door, Site
from stepwell.services.sts import sessions
from stepwell.store import work
from stepwell.store.database import Database
from stepwell.testing.folder_objects import FolderObjects
from stepwell.testing.host_environments import HostEnvironments
from stepwell.testing.scripted_launcher import EXITED, ScriptedLauncher

SCOPE = Scope("123456789012", "us-east-1", "arn:aws:sts::123456789012:assumed-role/SageMakerRole/test")
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
EXECUTION = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/p/execution/"
FAR = 4e9
NUMBERS = itertools.count()
CATALOG = catalog.load(None)
ENDS: dict[str, Exited | Lost] = {
    "good": EXITED,
    "code 3": replace(EXITED, code=3),
    "signal": replace(EXITED, code=None, signal=11),
    "memory": replace(EXITED, code=None, signal=9, out_of_memory=True),
    "deadline": replace(EXITED, code=None, signal=15, timed_out=True),
    "lost": Lost("the machine was restarted"),
}
EXPECTED = {
    "good": ("Completed", ""),
    "code 3": ("Failed", "AlgorithmError: , exit code: 3"),
    "signal": ("Failed", "AlgorithmError: , exit code: 139"),
    "memory": ("Failed", "ClientError: Please use an instance type with more memory"),
    "deadline": ("Stopped", ""),
    "lost": ("Failed", "InternalServerError: "),
}


class Crash(BaseException):
    """The process dies here."""


class Crashing(JobMachine):
    """The machine in a process that may die around every effect."""

    def __init__(self, site: Site, tools: Tools, chance: random.Random, probability: float) -> None:
        super().__init__(site, tools)
        self._chance = chance
        self.probability = probability
        self.meanwhile: Callable[[Effect], None] = lambda _effect: None
        """What somebody else does during a look, after the effect."""

    def _maybe(self) -> None:
        if self._chance.random() < self.probability:
            raise Crash

    def perform(self, look: Look, effect: Effect, now: float) -> Event | None:
        self._maybe()
        event = super().perform(look, effect, now)
        self.meanwhile(effect)
        self._maybe()
        return event

    def write(self, looks: Iterable[Look]) -> None:
        with self._site.database.write():
            super().write(looks)
            self._maybe()
        self._maybe()


class World:
    """One training job. What a crash does not take: the database, the objects, the containers."""

    def __init__(self, site: Site, name: str, seed: int, crashes: float) -> None:
        self.site = site
        self.name = name
        self.execution = EXECUTION + name
        self.chance = random.Random(seed)
        self.crashes = crashes
        self.database = site.database
        self.door = Door(site)
        self.objects = FolderObjects(site.data / "objects" / name)
        self.objects.add("b", "train/data.csv", b"1,2")
        self.launcher = ScriptedLauncher()
        self.tools = Tools(self.launcher, CATALOG, HostEnvironments(), lambda _scope: self.objects, sessions.issue)
        self.machine = self._process()

    def _process(self) -> Crashing:
        return Crashing(self.site, self.tools, self.chance, self.crashes)

    def close(self) -> None:
        self.machine.close()
        self.launcher.close()

    def call(self, operation: str, **params: object) -> Document:
        return self.door.call(SCOPE, "sagemaker", operation, {"TrainingJobName": self.name, **params})

    def create(self, hosts: int, retries: int) -> str:
        more = {"RetryStrategy": {"MaximumRetryAttempts": retries}} if retries else {}
        answer = self.call(
            "CreateTrainingJob",
            AlgorithmSpecification={"TrainingImage": "python:3.11", "TrainingInputMode": "File"},
            RoleArn=ROLE,
            InputDataConfig=[
                {
                    "ChannelName": "train",
                    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/train"}},
                }
            ],
            OutputDataConfig={"S3OutputPath": "s3://b/out"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": hosts, "VolumeSizeInGB": 1},
            Tags=[{"Key": "sagemaker:pipeline-execution-arn", "Value": self.execution}],
            **more,
        )
        return str(answer["TrainingJobArn"])

    def look(self, arn: str) -> bool:
        """One look at the job, by a process that may die on the way; whether it is due ever again."""
        return self.look_at([arn])

    def look_at(self, arns: Sequence[str]) -> bool:
        """The same for several jobs at once."""
        with self.database.write() as transaction:
            work.take_over(transaction, 0.0)
            leases = [work.lease(transaction, arn, f"token of {arn}", FAR, FAR) for arn in arns]
        held = [lease for lease in leases if lease is not None]
        if not held:
            return False
        try:
            for alone in self.machine.look_at(held, threading.Event()):
                assert len(held) > 1
                assert not self.machine.look_at([alone], threading.Event())
        except Crash:
            self.machine.close()
            self.machine = self._process()
        return True

    def describe(self) -> Document:
        return self.call("DescribeTrainingJob")

    def wakes_of(self, subject: str) -> bool:
        with self.database.read() as connection:
            return subject in dict(work.ready(connection, FAR, 10_000))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One installation for all examples; each has a job of its own."""
    data = tmp_path_factory.mktemp("data")
    database = Database(data / "stepwell.db")
    yield Site(data, SCOPE.account, "http://127.0.0.1:0", database, Blobs(data / "blobs"))
    database.close()


@contextmanager
def a_world(site: Site, seed: int, crashes: float) -> Iterator[World]:
    world = World(site, f"job-{next(NUMBERS)}", seed, crashes)
    try:
        yield world
    finally:
        world.close()


def live(world: World, arn: str, ends: list[str], stop_at: int | None) -> tuple[list[str], bool]:
    """Look until nothing is due; containers end as `ends` says, attempt by attempt.

    The statuses on the way, and whether the job was asked to stop before its end.
    """
    seen: list[str] = []
    asked = False
    for turn in range(400):
        if turn == 200:
            world.machine.probability = world.crashes = 0.0
        if stop_at == turn and world.describe()["TrainingJobStatus"] == "InProgress":
            world.call("StopTrainingJob")
            asked = True
        if not world.look(arn):
            return seen, asked
        seen.append(world.describe()["TrainingJobStatus"])
        # Who waits is told in the transaction that ends the job, not later.
        assert world.wakes_of(world.execution) == (seen[-1] in ("Completed", "Failed", "Stopped"))
        for host in world.launcher.running():
            if world.chance.random() < 0.5:
                attempt = int(host.parent.name)
                world.launcher.finish(host, ENDS[ends[min(attempt, len(ends)) - 1]])
    raise AssertionError(f"never over: {world.describe()}")


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**9),
    crashes=st.sampled_from([0.0, 0.1, 0.4]),
    hosts=st.integers(1, 3),
    end=st.sampled_from(list(ENDS)),
    stop_at=st.none() | st.integers(0, 12),
)
def test_jobs_survive_crashes(
    site: Site, seed: int, crashes: float, hosts: int, end: str, stop_at: int | None
) -> None:
    with a_world(site, seed, crashes) as world:
        arn = world.create(hosts, 0)
        seen, asked = live(world, arn, [end], stop_at)
        final = world.describe()

        # Nothing runs twice, whatever happened.
        assert all(count == 1 for count in world.launcher.launches.values())
        assert len(world.launcher.launches) <= hosts
        # The end is the one that the containers had, or the one that was asked for.
        status, reason = EXPECTED[end]
        assert final["TrainingJobStatus"] in ({status, "Stopped"} if asked else {status})
        if final["TrainingJobStatus"] == "Failed":
            assert final["FailureReason"].startswith(reason)
        # A final status is never left; a stop is never forgotten.
        first = next(number for number, each in enumerate(seen) if each in ("Completed", "Failed", "Stopped"))
        assert set(seen[first:]) == {final["TrainingJobStatus"]}
        if "Stopping" in seen:
            assert "InProgress" not in seen[seen.index("Stopping") :]
        # The model is there if and only if the job says so.
        ran = bool(world.launcher.launches)
        assert (f"out/{world.name}/output/model.tar.gz" in world.objects.keys("b")) == (
            ran and final["TrainingJobStatus"] != "Failed"
        )
        # The history is whole: in order, without gaps, ended.
        history = final["SecondaryStatusTransitions"]
        assert history[0]["Status"] == "Starting"
        assert [entry["EndTime"] for entry in history[:-1]] == [entry["StartTime"] for entry in history[1:]]
        assert history[-1]["Status"] == final["SecondaryStatus"]
        if final["SecondaryStatus"] != final["TrainingJobStatus"]:
            assert (final["TrainingJobStatus"], final["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
            assert end == "deadline"
        elif end == "deadline":
            assert asked
        # Nothing is left but the log, and the world of a job that failed.
        assert not world.wakes_of(arn)
        place = folder(site.data, arn, 1)
        assert not place.is_kept or final["TrainingJobStatus"] == "Failed"
        left = [path.name for path in place.job.rglob("*") if path.is_file() and not place.is_kept]
        assert set(left) <= {"log"}


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**9), crashes=st.sampled_from([0.0, 0.3]), losses=st.integers(0, 3))
def test_only_a_lost_machine_is_tried_again(site: Site, seed: int, crashes: float, losses: int) -> None:
    with a_world(site, seed, crashes) as world:
        arn = world.create(1, 2)
        live(world, arn, ["lost"] * losses + ["good"], None)
        final = world.describe()
        assert final["TrainingJobStatus"] == ("Completed" if losses <= 2 else "Failed")
        assert len(world.launcher.launches) == min(losses, 2) + 1
        assert all(count == 1 for count in world.launcher.launches.values())
        restarts = [entry for entry in final["SecondaryStatusTransitions"] if entry["Status"] == "Restarting"]
        assert len(restarts) == min(losses, 2)


def test_a_stop_ends_a_long_download(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_start, "ASK_SECONDS", 0.0)
    with a_world(site, 1, 0.0) as world:
        for number in range(20):
            world.objects.add("b", f"train/{number}", b"x")
        placed: list[Path] = []
        place, first, stopped = world.objects.place, threading.Lock(), threading.Event()

        def place_and_stop(item: StoredObject, target: Path) -> None:
            if first.acquire(blocking=False):
                world.call("StopTrainingJob")
                stopped.set()
            assert stopped.wait(20), "several are placed at once: the others wait until the stop is written"
            place(item, target)
            placed.append(target)

        monkeypatch.setattr(world.objects, "place", place_and_stop)
        live(world, world.create(1, 0), ["good"], None)
        assert world.describe()["TrainingJobStatus"] == "Stopped"
        assert len(placed) < 20
        assert world.launcher.launches == {}


@pytest.mark.parametrize(("where", "doing"), [("place", "Data download"), ("put", "Artifact upload")])
def test_a_full_disk_fails_the_job_and_shows_no_path(
    site: Site, monkeypatch: pytest.MonkeyPatch, where: str, doing: str
) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/a/path/of/the/host")

    with a_world(site, 1, 0.0) as world:
        monkeypatch.setattr(world.objects, where, full)
        live(world, world.create(1, 0), ["good"], None)
        assert world.describe()["FailureReason"] == (
            f"ClientError: {doing} failed:Insufficient disk space. The disk of this machine is full: make room on "
            "it, or let the job write less."
        )


@pytest.mark.parametrize("crashes", [0.0, 0.4])
def test_a_deleted_job_leaves_nothing(site: Site, crashes: float) -> None:
    with a_world(site, 7, crashes) as world:
        arn = world.create(1, 0)
        live(world, arn, ["good"], None)
        world.call("DeleteTrainingJob")
        while world.look(arn):
            pass
        assert not folder(site.data, arn, 1).job.exists()
        listed = world.door.call(SCOPE, "sagemaker", "ListTrainingJobs", {"NameContains": world.name})
        assert listed["TrainingJobSummaries"] == []
        world.create(1, 0)


@pytest.mark.parametrize("during", [machine.Prepare, machine.Download, machine.Launch, machine.Observe])
def test_a_stop_during_a_look_is_heard(site: Site, during: type[Effect]) -> None:
    """The row changes between the moment it was read and the moment it is written."""
    with a_world(site, 3, 0.0) as world:
        arn = world.create(1, 0)
        asked: list[Effect] = []

        def stop(effect: Effect) -> None:
            if isinstance(effect, during) and not asked:
                asked.append(effect)
                world.call("StopTrainingJob")

        world.machine.meanwhile = stop
        seen, _ = live(world, arn, ["good"], None)
        assert seen[-1] == "Stopped"
        statuses = [entry["Status"] for entry in world.describe()["SecondaryStatusTransitions"]]
        assert [each for each in statuses if each != "Uploading"][-2:] == ["Stopping", "Stopped"]
        assert all(count == 1 for count in world.launcher.launches.values())


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**9), crashes=st.sampled_from([0.0, 0.05]), count=st.integers(2, 12))
def test_jobs_that_are_looked_at_together_keep_apart(site: Site, seed: int, crashes: float, count: int) -> None:
    """Each ends as its own container did, and each is launched once, whatever dies in between."""
    with a_world(site, seed, crashes) as world:
        ends = [world.chance.choice(["good", "code 3", "memory"]) for _ in range(count)]
        base, arns = world.name, []
        for number in range(count):
            world.name = f"{base}-{number}"
            arns.append(world.create(1, 0))
        places = {folder(site.data, arn, 1).host("algo-1"): end for arn, end in zip(arns, ends, strict=True)}
        for turn in range(300):
            if turn == 200:
                world.machine.probability = world.crashes = 0.0
            for place in world.launcher.running():
                world.launcher.finish(place, ENDS[places[place]])
            if not world.look_at(arns):
                break
        for number, end in enumerate(ends):
            world.name = f"{base}-{number}"
            assert world.describe()["TrainingJobStatus"] == EXPECTED[end][0]
        assert world.launcher.launches == dict.fromkeys(places, 1)
