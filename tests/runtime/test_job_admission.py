"""Who is let in: over the rows that a process left, what the next one does."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.container.instance_types import InstanceType, InstanceTypes
from stepwell.images import catalog
from stepwell.machines import job_progress
from stepwell.machines.job import Admitted, Event, Job, Phase, Queued
from stepwell.machines.job_queue import Claim, Room
from stepwell.machines.job_waiting import Wait
from stepwell.runtime import job_looks
from stepwell.runtime.job_admission import Admission
from stepwell.runtime.job_containers import MOST_HOSTS, Surroundings
from stepwell.runtime.job_tools import Tools
from stepwell.services.registry import Door, Site
from stepwell.services.sagemaker import job_lines
from stepwell.services.sts import sessions
from stepwell.store import resources
from stepwell.store.work import Lease
from stepwell.testing.folder_objects import FolderObjects
from stepwell.testing.host_environments import HostEnvironments
from stepwell.testing.scripted_launcher import ScriptedLauncher

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
MACHINE = Room(4, 64)
HALF = Room(2, 8)
TYPES = InstanceTypes({"ml.m5.large": InstanceType("ml.m5.large", 2, 8, is_accelerated=False)})


class World:
    """Training jobs, and one process after another that lets them in."""

    def __init__(self, site: Site, door: Door, scope: Scope, folder: Path) -> None:
        self.site, self.door, self.scope = site, door, scope
        objects = FolderObjects(folder)
        self.tools = Tools(
            ScriptedLauncher(), catalog.load(None), HostEnvironments(), lambda _scope: objects, sessions.issue
        )
        self.woken: list[str] = []

    def process(self, room: Room | None = MACHINE) -> Admission:
        admission = Admission(self.site.database, Surroundings(instances=TYPES, room=room), self.woken.extend)
        admission.recall()
        return admission

    def create(self, name: str, hosts: int = 1) -> str:
        request = {
            "TrainingJobName": name,
            "AlgorithmSpecification": {"TrainingImage": "python:3.11", "TrainingInputMode": "File"},
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": "s3://b/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": hosts, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        }
        return str(self.door.call(self.scope, "sagemaker", "CreateTrainingJob", request)["TrainingJobArn"])

    def stands(self, arn: str, phase: Phase, since: float = 0.0) -> None:
        """What an earlier process wrote of it."""
        claim = Claim(arn, "", HALF)
        job = Job("training", phase, claim=claim, wait=Wait(since) if phase == "Queued" else None)
        with self.site.database.write() as transaction:
            row = resources.find(transaction.connection, self._key(arn))
            assert row is not None
            members: Document = {job_progress.MEMBER: job_progress.written(job), "TrainingStartTime": since}
            resources.save(transaction, row.with_changes(row.modified, **members))

    def ask(self, admission: Admission, arn: str) -> Event | None:
        with self.site.database.read() as connection:
            row = resources.find(connection, self._key(arn))
        assert row is not None
        common = job_looks.Common(self.site.data, self.tools, self.tools.catalog.resolve)
        return admission.ask(job_looks.look(common, Lease(arn, "job", "token", 1), row), row.created + 10)

    def _key(self, arn: str) -> resources.Key:
        return resources.key(self.scope, "training-job", arn.rpartition("/")[2])


@pytest.fixture
def world(site: Site, door: Door, scope: Scope, tmp_path: Path) -> World:
    return World(site, door, scope, tmp_path / "objects")


def test_who_finds_no_room_hears_what_is_there(world: World) -> None:
    admission = world.process()
    first, second, third = (world.create(name) for name in "abc")
    assert world.ask(admission, first) == Admitted(Claim(first, "", HALF))
    assert world.ask(admission, second) == Admitted(Claim(second, "", HALF))
    found = world.ask(admission, third)
    assert isinstance(found, Queued)
    assert found.claim == Claim(third, "", HALF)
    assert found.wait.until is None
    assert found.message.startswith("Waiting for compute capacity: 2 vCPU and 7.45e-09 GiB requested, 0 vCPU and")
    world.stands(third, "Queued")
    assert world.ask(admission, third) is None
    admission.leave([first])
    assert world.woken == [third]
    assert world.ask(admission, third) == Admitted(Claim(third, "", HALF))


def test_a_new_process_takes_up_the_line_whoever_asks_first(world: World) -> None:
    runs, late, early = (world.create(name) for name in ("runs", "late", "early"))
    world.stands(runs, "Running")
    world.stands(late, "Queued", since=2.0)
    world.stands(early, "Queued", since=1.0)
    admission = world.process()
    assert world.ask(admission, late) is None
    assert world.ask(admission, early) == Admitted(Claim(early, "", HALF))
    assert world.ask(admission, late) is None
    admission.leave([runs])
    assert world.woken == [late]


def test_who_asked_too_early_is_woken_when_who_was_before_it_comes_in(world: World) -> None:
    late, early = (world.create(name) for name in ("late", "early"))
    world.stands(late, "Queued", since=2.0)
    world.stands(early, "Queued", since=1.0)
    admission = world.process()
    assert world.ask(admission, late) is None
    assert isinstance(world.ask(admission, early), Admitted)
    assert world.woken == [late], "there is room for both"
    assert isinstance(world.ask(admission, late), Admitted)


def test_without_a_queue_all_begin_and_nothing_is_claimed(world: World) -> None:
    admission = world.process(room=None)
    assert [world.ask(admission, world.create(name)) for name in "abc"] == [Admitted()] * 3
    with world.site.database.read() as connection:
        assert job_lines.room(connection) is None


def test_what_cannot_run_here_does_not_wait_to_hear_it(world: World) -> None:
    admission = world.process()
    assert isinstance(world.ask(admission, world.create("large", hosts=MOST_HOSTS)), Admitted)
    assert isinstance(world.ask(admission, world.create("waits")), Queued)
    assert world.ask(admission, world.create("too-large", hosts=MOST_HOSTS + 1)) == Admitted()
