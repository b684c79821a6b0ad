"""A tuning job in a world where nothing runs: its training jobs are the real noun, and end when the test says so."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from stepwell.base import clock
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.blobs.folder import Blobs
from stepwell.runtime import loop
from stepwell.runtime.tuning import TuningMachine
from stepwell.services.registry import Door, Site
from stepwell.store import resources, tables, work
from stepwell.store.database import Database
from stepwell.store.resources import Query, Resource

__all__ = ["tables"]

SCOPE = Scope("123456789012", "us-east-1", "arn:aws:sts::123456789012:assumed-role/SageMakerRole/test")
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
FINAL = ("Completed", "Failed", "Stopped")

Objective = Callable[[dict[str, str]], float | None]
"""Hyperparameters of a training job -> the value of its metric; None: it emits none."""


def definition(**more: Any) -> Document:
    """A TrainingJobDefinition whose metric is `loss`."""
    return {
        "StaticHyperParameters": {"fixed": "1"},
        "AlgorithmSpecification": {
            "TrainingImage": "python:3.11",
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+)"}],
        },
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        **more,
    }


def continuous(name: str = "x", low: str = "0", high: str = "1", scale: str = "Linear") -> Document:
    return {"Name": name, "MinValue": low, "MaxValue": high, "ScalingType": scale}


def config(most: int | None = 4, parallel: int = 2, **more: Any) -> Document:
    """A HyperParameterTuningJobConfig that looks for the least `loss` over x from 0 to 1."""
    limits = {"MaxParallelTrainingJobs": parallel, **({} if most is None else {"MaxNumberOfTrainingJobs": most})}
    return {
        "Strategy": "Random",
        "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
        "ResourceLimits": limits,
        "ParameterRanges": {"ContinuousParameterRanges": [continuous()]},
        **more,
    }


class World:
    """One installation. `emitted` is what training jobs have said so far, by their ARN."""

    def __init__(self, folder: Path, database: Database | None = None) -> None:
        self.database = database or Database(folder / "db")
        self.site = Site(folder, SCOPE.account, "http://none", self.database, Blobs(folder / "blobs"))
        self.door = Door(self.site)
        self.emitted: dict[str, list[float]] = {}
        self.machine = self.process()

    def process(self) -> TuningMachine:
        """What a new server looks at tuning jobs with."""
        return TuningMachine(self.door, lambda arn, _metric: self.emitted.get(arn, []))

    def call(self, operation: str, **params: Any) -> Document:
        return self.door.call(SCOPE, "sagemaker", operation, params)

    def create(self, name: str = "tune", **request: Any) -> str:
        answer = self.call("CreateHyperParameterTuningJob", HyperParameterTuningJobName=name, **request)
        return str(answer["HyperParameterTuningJobArn"])

    def describe(self, name: str = "tune") -> Document:
        return self.call("DescribeHyperParameterTuningJob", HyperParameterTuningJobName=name)

    def listed(self, name: str = "tune", **more: Any) -> list[Document]:
        operation = "ListTrainingJobsForHyperParameterTuningJob"
        found: list[Document] = self.call(operation, HyperParameterTuningJobName=name, MaxResults=100, **more)[
            "TrainingJobSummaries"
        ]
        return found

    def look(self, arn: str) -> bool:
        """One look at the tuning job, if it is due ever; whether it was."""
        now = clock.now() + 100
        with self.database.write() as transaction:
            work.take_over(transaction, now)
        with self.database.write() as transaction:
            held = work.lease(transaction, arn, str(now), now, now + 30)
        if held is not None:
            loop.look(self.database, self.machine, held, threading.Event())
        return held is not None

    def jobs(self, *statuses: str) -> list[Resource]:
        """The training jobs there are, of these statuses, oldest first."""
        with self.database.read() as connection:
            query = Query("training-job", SCOPE, sort_by="name", descending=False, limit=1000)
            found, _ = resources.page(connection, query)
        return [row for row in found if not statuses or row.status in statuses]

    def end(self, job: Resource, value: float | None = None, status: str = "Completed", reason: str = "") -> None:
        """Let a training job end, with this value of its metric."""
        members: Document = {"TrainingStartTime": job.created, "TrainingEndTime": job.created + 1}
        if value is not None:
            members["FinalMetricDataList"] = [{"MetricName": "loss", "Value": value, "Timestamp": job.created}]
        if reason:
            members["FailureReason"] = reason
        with self.database.write() as transaction:
            fresh = resources.find(transaction.connection, job.key)
            assert fresh is not None
            resources.save(transaction, fresh.with_changes(clock.now(), status=status, **members))

    def run(self, arn: str, objective: Objective, most: int = 200) -> Document:
        """Look, and let everything that runs end, until the tuning job is over."""
        name = arn.rpartition("/")[2]
        for _ in range(most):
            if not self.look(arn):
                break
            for job in self.jobs("InProgress"):
                self.end(job, objective(job.document["HyperParameters"]))
            for job in self.jobs("Stopping"):
                self.end(job, status="Stopped")
        found = self.describe(name)
        assert found["HyperParameterTuningJobStatus"] in FINAL, found
        return found

    def say(self, job: Resource, values: Sequence[float]) -> None:
        """A running training job emits these values of its metric, and no others so far."""
        with self.database.write() as transaction:
            fresh = resources.find(transaction.connection, job.key)
            assert fresh is not None
            resources.save(transaction, fresh.with_changes(clock.now(), TrainingStartTime=job.created))
        self.emitted[SCOPE.arn("sagemaker", f"training-job/{job.name}")] = list(values)
