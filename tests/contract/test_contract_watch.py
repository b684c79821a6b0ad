"""`stepwell watch` and the queue as users see them: the command line beside real boto3, one job at a time."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from served import ROLE, Server, eventually

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on which one job runs at a time."""
    started = Server(tmp_path_factory.mktemp("narrow") / "data", options=("--cpus", "1")).start()
    yield started
    started.stop()


@pytest.fixture
def sagemaker(narrow: Server) -> Any:
    narrow.client("s3").create_bucket(Bucket="watched")
    return narrow.client("sagemaker")


def watch(server: Server, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stepwell.cli.main", "watch", "--data", str(server.data), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def process(sagemaker: Any, name: str, script: str) -> str:
    cluster = {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}
    answer = sagemaker.create_processing_job(
        ProcessingJobName=name,
        ProcessingResources={"ClusterConfig": cluster},
        AppSpecification={"ImageUri": "python:3.11", "ContainerEntrypoint": ["/bin/sh", "-c", script]},
        RoleArn=ROLE,
    )
    return str(answer["ProcessingJobArn"])


def train(sagemaker: Any, name: str, script: str, **more: Any) -> str:
    answer = sagemaker.create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={
            "TrainingImage": "python:3.11",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["/bin/sh", "-c", script],
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+)"}],
        },
        OutputDataConfig={"S3OutputPath": "s3://watched/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        RoleArn=ROLE,
        **{"StoppingCondition": {"MaxRuntimeInSeconds": 600}, **more},
    )
    return str(answer["TrainingJobArn"])


def processing_step(name: str, script: str) -> dict[str, Any]:
    cluster = {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}
    arguments = {
        "ProcessingResources": {"ClusterConfig": cluster},
        "AppSpecification": {"ImageUri": "python:3.11", "ContainerEntrypoint": ["/bin/sh", "-c", script]},
        "RoleArn": ROLE,
    }
    return {"Name": name, "Type": "Processing", "Arguments": arguments}


def test_an_execution_line_by_line(narrow: Server, sagemaker: Any) -> None:
    steps = [processing_step("Good", "true"), processing_step("Bad", "exit 3")]
    definition = json.dumps({"Version": "2020-12-01", "Steps": steps})
    sagemaker.create_pipeline(PipelineName="seen", PipelineDefinition=definition, RoleArn=ROLE)
    arn = sagemaker.start_pipeline_execution(PipelineName="seen")["PipelineExecutionArn"]
    followed = watch(narrow, "seen")
    name = f"seen/{arn[-12:]}"
    assert followed.returncode == 1, followed.stdout + followed.stderr
    said = [line.partition(" s  ")[2] for line in followed.stdout.splitlines()]
    assert f"{name}: Failed" in said
    assert any(line.startswith("Bad: Failed after ") and "AlgorithmError" in line for line in said)
    assert "  next  stepwell logs pipelines-" in followed.stdout
    assert f"  next  stepwell explain {name} --data {narrow.data}" in followed.stdout
    document = json.loads(watch(narrow, arn, "--once", "--json").stdout)
    assert {step["name"]: step["status"] for step in document["steps"]} == {"Good": "Succeeded", "Bad": "Failed"}
    assert document["kind"] == "execution"
    table = watch(narrow, name, "--once")
    assert table.returncode == 1
    assert table.stdout.splitlines()[0].startswith(f"{name}  Failed")


def test_who_waits_for_what(narrow: Server, sagemaker: Any) -> None:
    holder = process(sagemaker, "holder", "sleep 600")
    waits = process(sagemaker, "waits", "true")
    train(sagemaker, "trains", "echo loss=0.5; sleep 600")

    def is_pending() -> list[dict[str, Any]] | None:
        found = sagemaker.describe_training_job(TrainingJobName="trains")
        return found["SecondaryStatusTransitions"] if found["SecondaryStatus"] == "Pending" else None

    pending = eventually(is_pending)[-1]
    assert pending["StatusMessage"].startswith(
        "Waiting for compute capacity: 1 vCPU and 8 GiB requested, 0 vCPU and "
    )
    assert pending["StatusMessage"].endswith("; another job waits too")
    described = sagemaker.describe_processing_job(ProcessingJobName="waits")
    assert described["ProcessingJobStatus"] == "InProgress"
    assert "ProcessingStartTime" not in described
    assert "ProcessingStartTime" in sagemaker.describe_processing_job(ProcessingJobName="holder")

    queue = json.loads(watch(narrow, "--once", "--json").stdout)
    assert [job["arn"] for job in queue["running"]] == [holder]
    assert [(job["name"], job["phase"]) for job in queue["waiting"]] == [("waits", "Pending"), ("trains", "Pending")]
    with urllib.request.urlopen(f"{narrow.address['endpoint']}/_stepwell/queue", timeout=30) as answer:
        page = json.load(answer)
    assert [job["arn"] for job in page["waiting"]] == [job["arn"] for job in queue["waiting"]]
    one = watch(narrow, "waits", "--once")
    assert one.returncode == 0
    assert "place 1 of 2, too few processors" in one.stdout
    assert "holder (1 vCPU and 4 GiB)" in one.stdout

    narrow.kill()
    stopped = watch(narrow, waits, "--once")
    assert "place 1 of 2" in stopped.stdout
    assert f"stepwell up --data {narrow.data}" in stopped.stdout
    narrow.start()
    fresh = narrow.client("sagemaker")
    fresh.stop_processing_job(ProcessingJobName="holder")
    followed = watch(narrow, "waits")
    assert followed.returncode == 0, followed.stdout
    assert "waits: Completed after" in followed.stdout

    def has_metric() -> bool:
        return "loss  0.5" in watch(narrow, "trains", "--once").stdout

    eventually(has_metric)
    fresh.stop_training_job(TrainingJobName="trains")
    assert watch(narrow, "trains").returncode == 1


def test_a_spot_job_that_waited_too_long(narrow: Server) -> None:
    sagemaker = narrow.client("sagemaker")
    process(sagemaker, "in-the-way", "sleep 600")
    short = {"MaxRuntimeInSeconds": 1, "MaxWaitTimeInSeconds": 2}
    train(sagemaker, "spot", "true", EnableManagedSpotTraining=True, StoppingCondition=short)
    followed = watch(narrow, "spot")
    assert followed.returncode == 1
    assert "spot: MaxWaitTimeExceeded after" in followed.stdout
    found = sagemaker.describe_training_job(TrainingJobName="spot")
    assert (found["TrainingJobStatus"], found["SecondaryStatus"]) == ("Stopped", "MaxWaitTimeExceeded")
    assert "TrainingStartTime" not in found
    assert "FailureReason" not in found
    assert [each["Status"] for each in found["SecondaryStatusTransitions"]] == [
        "Starting",
        "Pending",
        "MaxWaitTimeExceeded",
    ]
    sagemaker.stop_processing_job(ProcessingJobName="in-the-way")
    idle = watch(narrow)
    assert idle.returncode == 0
    assert idle.stdout.endswith("Nothing runs, nothing waits.\n")


@pytest.mark.parametrize(
    "words", [["nothing-of-that-name"], ["p/e"], ["arn:aws:sagemaker:us-east-1:1:training-job/x"]]
)
def test_no_such_thing(narrow: Server, words: list[str]) -> None:
    refused = watch(narrow, *words)
    assert refused.returncode == 2
    assert refused.stderr.startswith("stepwell: There is no execution, pipeline with executions, or job")


def heeds_interrupts() -> None:
    """A shell lets what it runs in the background ignore Ctrl-C, and so do the tests that run there."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_a_terminal(narrow: Server) -> None:
    """The view takes as much of the terminal as there is; Ctrl-C leaves it, and the job goes on."""
    sagemaker = narrow.client("sagemaker")
    process(sagemaker, "goes-on", "sleep 600")
    ours, its = pty.openpty()
    command = [sys.executable, "-m", "stepwell.cli.main", "watch", "--data", str(narrow.data), "goes-on"]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "60", "LINES": "20"}
    watching = subprocess.Popen(
        command, stdin=its, stdout=its, stderr=its, env=environment, preexec_fn=heeds_interrupts
    )
    os.close(its)
    shown = b""
    while b"Processing" not in shown:
        shown += os.read(ours, 65536)
    assert b"goes-on" in shown
    watching.send_signal(signal.SIGINT)
    with suppress(OSError):  # Linux's way to say that nobody writes any more
        while part := os.read(ours, 65536):
            shown += part
    os.close(ours)
    assert watching.wait(30) == 130
    assert b"no longer watching; the work goes on" in shown
    described = sagemaker.describe_processing_job(ProcessingJobName="goes-on")
    assert described["ProcessingJobStatus"] == "InProgress"
    sagemaker.stop_processing_job(ProcessingJobName="goes-on")
