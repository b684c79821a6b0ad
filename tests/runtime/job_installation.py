"""A server without its gateway, for tests that run jobs: door, loop and process launcher over a data folder."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from stepwell.base import clock
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.blobs.folder import Blobs
from stepwell.images import catalog
from stepwell.launchers.isolation import NoIsolationError
from stepwell.launchers.probe import find_isolation
from stepwell.launchers.process import ProcessLauncher
from stepwell.runtime.job_containers import Surroundings
from stepwell.runtime.job_objects import SiteObjects
from stepwell.runtime.jobs import JobMachine, Tools
from stepwell.runtime.loop import Loop
from stepwell.services.registry import Door, Site
from stepwell.services.sts import sessions
from stepwell.store import reserve, tables
from stepwell.store.database import Database
from stepwell.testing.host_environments import HostEnvironments

__all__ = ["Installation", "tables"]

SCOPE = Scope("123456789012", "eu-west-1", "arn:aws:sts::123456789012:assumed-role/SageMakerRole/test")
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
MEMORY = 256 << 20
PATIENCE_SECONDS = 60.0


def _words(script: str) -> list[str]:
    """The script for `bash -c`, in words that are as short as the API wants them."""
    parts = [script[begin : begin + 200] for begin in range(0, len(script), 200)]
    return ['IFS=; script="$*"; unset IFS; eval "$script"', "bash", *parts]


class Installation:
    """A server without its gateway. After `stop` everything in memory is gone; `start` is the next process."""

    def __init__(self, data: Path) -> None:
        try:
            self.launcher = ProcessLauncher(find_isolation())
        except NoIsolationError as error:
            pytest.skip(str(error))
        self.database = Database(data / "stepwell.db", reserve=data / reserve.NAME)
        self.roused = threading.Event()
        blobs = Blobs(data / "blobs")
        self.site = Site(data, SCOPE.account, "http://127.0.0.1:9", self.database, blobs, self.roused.set)
        self.door = Door(self.site)
        self.call("s3", "CreateBucket", Bucket="data", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        self.put("in/a.csv", b"1,2\n")
        self.put("in/sub/b.csv", b"3,4\n")
        self.start()

    def start(self) -> None:
        tools = Tools(
            ProcessLauncher(find_isolation()),
            catalog.load(None),
            HostEnvironments(),
            lambda scope: SiteObjects(self.door, scope, largest_put=1 << 20, part=6 << 20),
            sessions.issue,
            Surroundings({"FROM_THE_SERVER": "yes"}, memory_bytes=MEMORY),
        )
        self.machine = JobMachine(self.site, tools)
        self.loop = Loop(self.database, {self.machine.name: self.machine}, self.roused)
        self.loop.start()

    def stop(self) -> None:
        self.loop.stop()
        self.machine.close()

    def call(self, service: str, operation: str, **params: object) -> Document:
        return self.door.call(SCOPE, service, operation, params)

    def put(self, key: str, data: bytes) -> None:
        self.call("s3", "PutObject", Bucket="data", Key=key, Body=data)

    def get(self, key: str) -> bytes:
        return SiteObjects(self.door, SCOPE).read(next(SiteObjects(self.door, SCOPE).under("data", key)))

    def keys(self, prefix: str) -> list[str]:
        return [item.key.removeprefix(prefix) for item in SiteObjects(self.door, SCOPE).under("data", prefix)]

    def process(self, name: str, script: str, **more: object) -> str:
        outputs = [
            {
                "OutputName": "out",
                "S3Output": {
                    "S3Uri": f"s3://data/{name}",
                    "LocalPath": "/opt/ml/processing/out",
                    "S3UploadMode": "EndOfJob",
                },
            }
        ]
        inputs = [
            {
                "InputName": "in",
                "S3Input": {"S3Uri": "s3://data/in", "LocalPath": "/opt/ml/processing/in", "S3DataType": "S3Prefix"},
            }
        ]
        cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        request = {
            "AppSpecification": {"ImageUri": "python:3.11", "ContainerEntrypoint": ["bash", "-c", *_words(script)]},
            "ProcessingResources": {"ClusterConfig": cluster},
            "ProcessingInputs": inputs,
            "ProcessingOutputConfig": {"Outputs": outputs},
            "RoleArn": ROLE,
            **more,
        }
        return str(
            self.call("sagemaker", "CreateProcessingJob", ProcessingJobName=name, **request)["ProcessingJobArn"]
        )

    def train(self, name: str, script: str, **more: object) -> str:
        source = {"S3DataType": "S3Prefix", "S3Uri": "s3://data/in"}
        request = {
            "AlgorithmSpecification": {
                "TrainingImage": "python:3.11",
                "TrainingInputMode": "File",
                "ContainerEntrypoint": ["bash", "-c", *_words(script)],
                "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+)"}],
            },
            "RoleArn": ROLE,
            "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
            "OutputDataConfig": {"S3OutputPath": "s3://data/models"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            **more,
        }
        return str(self.call("sagemaker", "CreateTrainingJob", TrainingJobName=name, **request)["TrainingJobArn"])

    def processed(self, name: str) -> Document:
        return self.until(
            name, "Processing", lambda job: job["ProcessingJobStatus"] not in ("InProgress", "Stopping")
        )

    def trained(self, name: str) -> Document:
        return self.until(name, "Training", lambda job: job["TrainingJobStatus"] not in ("InProgress", "Stopping"))

    def until(self, name: str, word: str, enough: Callable[[Document], bool]) -> Document:
        give_up = clock.monotonic() + PATIENCE_SECONDS
        while clock.monotonic() < give_up:
            job = self.call("sagemaker", f"Describe{word}Job", **{f"{word}JobName": name})
            if enough(job):
                return job
            clock.sleep(0.005)
        raise AssertionError(f"{name} did not get there: {job}")

    def log(self, name: str, word: str) -> list[str]:
        group = f"/aws/sagemaker/{word}Jobs"
        try:
            streams = self.call("logs", "DescribeLogStreams", logGroupName=group, logStreamNamePrefix=f"{name}/")
        except Fault as fault:
            assert fault.code == "ResourceNotFoundException", "the first job's group comes with its start"
            return []
        lines = []
        for stream in streams["logStreams"]:
            events = self.call(
                "logs", "GetLogEvents", logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
            )
            lines += [event["message"] for event in events["events"]]
        return lines

    def wait_for_log(self, name: str, word: str, text: str) -> None:
        give_up = clock.monotonic() + PATIENCE_SECONDS
        while clock.monotonic() < give_up:
            if text in self.log(name, word):
                return
            clock.sleep(0.005)
        raise AssertionError(f"{text!r} is not in {self.log(name, word)}")
