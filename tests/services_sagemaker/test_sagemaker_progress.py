"""How things stand, and the line of jobs, as rows tell it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.machines import job_progress
from stepwell.machines.job import Job, Phase
from stepwell.machines.job_queue import Claim, JobQueue, Room
from stepwell.machines.job_waiting import Wait
from stepwell.services.registry import Door, Site
from stepwell.services.sagemaker import job_lines, job_sights, progress
from stepwell.services.sagemaker.job_sights import JobSight
from stepwell.services.sagemaker.progress import ExecutionSight, TuningSight
from stepwell.store import metric_points, resources, steps
from stepwell.store.metric_points import Metric, Point
from stepwell.store.resources import Resource
from stepwell.store.steps import Step

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
MACHINE = Room(8, 32)
Begin = Callable[..., str]


@pytest.fixture
def begin(site: Site, door: Door, scope: Scope) -> Begin:
    """Makes a training job that stands in a phase; answers its ARN."""

    def made(name: str, phase: Phase, owner: str = "", cpus: float = 4, at: float = 0.0, **members: object) -> str:
        arn = str(
            door.call(
                scope,
                "sagemaker",
                "CreateTrainingJob",
                {
                    "TrainingJobName": name,
                    "AlgorithmSpecification": {
                        "TrainingImage": "python:3.11",
                        "TrainingInputMode": "File",
                        "MetricDefinitions": [
                            {"Name": "loss", "Regex": "loss=(.*)"},
                            {"Name": "unseen", "Regex": "x=(.*)"},
                        ],
                    },
                    "RoleArn": ROLE,
                    "OutputDataConfig": {"S3OutputPath": "s3://b/out"},
                    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
                    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
                },
            )["TrainingJobArn"]
        )
        claim, wait = Claim(arn, owner, Room(cpus, 1)), Wait(at) if phase == "Queued" else None
        stands = job_progress.written(Job("training", phase, claim=claim, wait=wait))
        started = {"TrainingStartTime": at} if phase != "Queued" else {}
        with site.database.write() as transaction:
            row = resources.find(transaction.connection, resources.key(scope, "training-job", name))
            assert row is not None
            changes: Document = {job_progress.MEMBER: stands, **started, **members}
            resources.save(transaction, row.with_changes(row.modified, **changes))
        return arn

    return made


def line(site: Site) -> job_lines.Line:
    with site.database.read() as connection:
        return job_lines.read(connection)


@pytest.mark.parametrize("room", [MACHINE, None])
def test_the_machines_room_is_remembered(site: Site, room: Room | None) -> None:
    with site.database.write() as transaction:
        assert job_lines.room(transaction.connection) is None
        job_lines.remember_room(transaction, Room(1, 1))
        job_lines.remember_room(transaction, room)
        assert job_lines.room(transaction.connection) == room


def test_the_line_is_that_of_the_queue_that_wrote_it(site: Site, begin: Begin) -> None:
    with site.database.write() as transaction:
        job_lines.remember_room(transaction, MACHINE)
    runs = begin("runs", "Running", "a", 8, at=5.0)
    begin("over", "Cleaning", "a", 8)
    begin("new", "Arriving", "a", 8)
    asked = [("a2", "a", 3.0), ("a1", "a", 2.0), ("b1", "b", 4.0)]
    arns = {name: begin(name, "Queued", owner, 4, at) for name, owner, at in asked}
    lived = JobQueue(MACHINE)
    for name, owner in (("a1", "a"), ("a2", "a"), ("b1", "b")):
        lived.waits(Claim(arns[name], owner, Room(4, 1)))
    lived.runs(Claim(runs, "a", Room(8, 1)))
    found = line(site)
    assert list(found.standings.values()) == lived.line()
    assert [arn.rpartition("/")[2] for arn in found.standings] == ["b1", "a1", "a2"]
    assert found.queue.taken == Room(8, 1)
    lived.withdraw(runs)
    found.queue.withdraw(runs)
    assert found.queue.admit() == lived.admit() == [arns["b1"], arns["a1"]]


@pytest.mark.parametrize(
    ("phase", "status", "seen"),
    [
        ("Arriving", "InProgress", "Starting"),
        ("Queued", "InProgress", "Pending"),
        ("Queued", "Stopping", "Stopping"),
        ("Preparing", "InProgress", "Starting"),
        ("Downloading", "InProgress", "Downloading"),
        ("Launching", "InProgress", "Starting"),
        ("Running", "InProgress", "Training"),
        ("Uploading", "InProgress", "Uploading"),
        ("Cleaning", "Stopped", "MaxWaitTimeExceeded"),
    ],
)
def test_phases_in_the_services_words(
    site: Site, scope: Scope, begin: Begin, phase: Phase, status: str, seen: str
) -> None:
    begin("j", phase, SecondaryStatus="MaxWaitTimeExceeded")
    with site.database.read() as connection:
        row = resources.find(connection, resources.key(scope, "training-job", "j"))
    assert row is not None
    assert job_sights.phase_of(replace(row, status=status), Job("training", phase)) == seen


def test_what_a_job_prints_and_uses(site: Site, scope: Scope, begin: Begin) -> None:
    arn = begin("j", "Running")
    place = (("Host", "j/algo-1"),)
    with site.database.write() as transaction:
        for value in (0.5, 0.25):
            points = [
                (Metric("/aws/sagemaker/TrainingJobs", "loss", (("TrainingJobName", "j"),)), Point(10.0, value)),
                (Metric("/aws/sagemaker/TrainingJobs", "CPUUtilization", place), Point(10.0, value * 100)),
            ]
            metric_points.add(transaction, scope, points)
    with site.database.read() as connection:
        found = progress.see(connection, arn)
    assert isinstance(found, JobSight)
    assert found.metrics == (("loss", 0.25),)
    assert (found.cpu_percent, found.memory_percent) == (25.0, None)


def test_why_a_job_waits(site: Site, begin: Begin) -> None:
    with site.database.write() as transaction:
        job_lines.remember_room(transaction, MACHINE)
    begin("small", "Running", cpus=1)
    begin("large", "Running", cpus=7)
    arn = begin("waits", "Queued")
    with site.database.read() as connection:
        found = progress.see(connection, arn)
    assert isinstance(found, JobSight) and found.waiting is not None
    assert (found.waiting.ahead, found.waiting.others, found.waiting.short) == (0, 0, ("processors",))
    assert [(holder.job, holder.room.cpus) for holder in found.waiting.holders] == [("large", 7), ("small", 1)]


DEFINITION = {
    "Version": "2020-12-01",
    "Steps": [{"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": "x"}} for name in ("A", "B", "C")],
}


def test_an_execution_and_its_names(site: Site, door: Door, scope: Scope, begin: Begin) -> None:
    made = {"PipelineName": "p", "PipelineDefinition": json.dumps(DEFINITION), "RoleArn": ROLE}
    door.call(scope, "sagemaker", "CreatePipeline", {**made, "ClientRequestToken": "c" * 32})
    starts = ({"PipelineName": "p", "ClientRequestToken": letter * 32} for letter in "xy")
    older, arn = (
        str(door.call(scope, "sagemaker", "StartPipelineExecution", start)["PipelineExecutionArn"])
        for start in starts
    )
    job = begin("train", "Running", owner=arn)
    with site.database.write() as transaction:
        steps.save_all(
            transaction,
            [
                Step(arn, "A", "Succeeded", 1, 10.0, 20.0, source=older),
                Step(arn, "B", "Executing", 2, 20.0, metadata={"TrainingJob": {"Arn": job}}),
            ],
        )
    with site.database.read() as connection:
        names = {
            text: progress.resolve(connection, scope, text) for text in (arn, "p", "p/" + arn[-12:], "train", job)
        }
        assert names == {arn: arn, "p": arn, "p/" + arn[-12:]: arn, "train": job, job: job}
        assert progress.resolve(connection, scope, arn.partition("/execution/")[0]) == arn
        found = progress.see(connection, arn)
        assert isinstance(found, ExecutionSight)
        first, second = found.steps
        assert (first.is_cached, first.has_ended, first.job) == (True, True, None)
        assert isinstance(second.job, JobSight) and second.job.phase == "Training"
        assert found.left == (("C", "Fail"),)
        here = progress.machine(connection, scope)
        assert here.executions == ("p/" + arn[-12:], "p/" + older[-12:])
        assert here.owners == {job: "p/" + arn[-12:]}
        assert not here.has_ended


def test_a_tuning_job(site: Site, door: Door, scope: Scope, begin: Begin) -> None:
    specification = {
        "TrainingImage": "python:3.11",
        "TrainingInputMode": "File",
        "MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.*)"}],
    }
    request = {
        "HyperParameterTuningJobName": "tuned",
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 6, "MaxParallelTrainingJobs": 3},
            "ParameterRanges": {
                "ContinuousParameterRanges": [{"Name": "rate", "MinValue": "0.01", "MaxValue": "0.5"}]
            },
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": specification,
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": "s3://b/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
    }
    arn = str(door.call(scope, "sagemaker", "CreateHyperParameterTuningJob", request)["HyperParameterTuningJobArn"])
    begin("tuned-001", "Running")
    best: Document = {
        "TrainingJobName": "tuned-000",
        "TunedHyperParameters": {"rate": "0.1"},
        "FinalHyperParameterTuningJobObjectiveMetric": {"MetricName": "loss", "Value": 0.25},
    }
    with site.database.read() as connection:
        before = progress.see(connection, arn)
    assert isinstance(before, TuningSight)
    assert (before.best, before.running, before.most) == (None, (), 6)
    with site.database.write() as transaction:
        for name, status in (("tuned-000", "Completed"), ("tuned-001", "InProgress"), ("tuned-002", "InProgress")):
            trial = Resource(resources.key(scope, "tuning-trial", name, "tuned"), status, 1.0, 1.0, {})
            resources.add(transaction, trial)
        row = resources.find(transaction.connection, resources.key(scope, "hyper-parameter-tuning-job", "tuned"))
        assert row is not None
        resources.save(transaction, row.with_changes(2.0, BestTrainingJob=best))
    with site.database.read() as connection:
        assert progress.resolve(connection, scope, "tuned") == arn
        found = progress.see(connection, arn)
    assert isinstance(found, TuningSight)
    assert (found.objective, found.best, found.best_parameters) == (
        "Minimize loss",
        ("tuned-000", 0.25),
        {"rate": "0.1"},
    )
    assert [job.name for job in found.running] == ["tuned-001"], "the row of 002 is not written yet"


@pytest.mark.parametrize(
    "text", ["nothing", "p/nothing", "arn:aws:sagemaker:eu-west-1:123456789012:model/train", "", "arn:x", "/"]
)
def test_there_is_no_such_thing(site: Site, scope: Scope, begin: Begin, text: str) -> None:
    begin("train", "Running")
    with site.database.read() as connection, pytest.raises(Fault, match="There is no execution, pipeline"):
        progress.resolve(connection, scope, text)


def test_a_name_that_is_nearly_right(site: Site, scope: Scope, begin: Begin) -> None:
    begin("train-model", "Running")
    with site.database.read() as connection, pytest.raises(Fault, match="Did you mean 'train-model'"):
        progress.resolve(connection, scope, "trian-model")
