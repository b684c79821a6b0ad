"""A whole server whose jobs are images, run by a real engine: what a user of `--launcher docker` has."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from docker_daemon import IMAGE, docker, import_images, running_daemon

from served import FINAL, ROLE, Server, eventually
from stepwell.launchers.docker_engine import Engine
from stepwell.runtime import job_hosts

LARGE = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
ENDED_SECONDS = 90.0


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("docker")
    with running_daemon(folder) as engine:
        import_images(engine, folder)
        yield engine


@pytest.fixture
def server(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("DOCKER_HOST", engine.address)
    started = Server(tmp_path / "data", options=("--launcher", "docker")).start()
    yield started
    started.stop()


def training(name: str, script: str, **changes: Any) -> dict[str, Any]:
    algorithm = {
        "TrainingImage": IMAGE,
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["/bin/bash", "-c"],
        "ContainerArguments": [script],
        "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+)"}],
    }
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": algorithm,
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": "s3://results/out"},
        "ResourceConfig": LARGE,
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "HyperParameters": {"depth": "3"},
        **changes,
    }


def ended(server: Server, name: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = server.client("sagemaker").describe_training_job(TrainingJobName=name)
        return found if found["TrainingJobStatus"] in FINAL else None

    return dict(eventually(look, ENDED_SECONDS))


def said(server: Server, name: str) -> list[str]:
    """The lines of all its logs."""
    logs, group = server.client("logs"), "/aws/sagemaker/TrainingJobs"
    events = logs.filter_log_events(logGroupName=group, logStreamNamePrefix=name)["events"]
    return [event["message"] for event in events]


def test_two_hosts_survive_the_server_and_leave_a_model(server: Server) -> None:
    """The server is killed while they run; the data, the names of the hosts, metrics and the model are all right."""
    server.client("s3").create_bucket(Bucket="results")
    server.client("s3").put_object(Bucket="results", Key="in/a.csv", Body=b"1,2\n")
    channel = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://results/in"}}}
    script = (
        'cat /opt/ml/input/data/train/a.csv; grep -o \'"depth": *"3"\' /opt/ml/input/config/hyperparameters.json; '
        'server=${AWS_ENDPOINT_URL#http://}; exec 3<>/dev/tcp/${server%:*}/${server#*:} && echo "reached"; '
        "grep -o '^127.* algo-[12]$' /etc/hosts | cut -d' ' -f1; "
        "(i=0; while test $i -lt 300000; do i=$((i+1)); done); echo running; sleep 5; "
        "echo loss=0.25; hostname > /opt/ml/model/$(hostname)"
    )
    request = training("both", "source /opt/ml/input/data/train/run.sh", ResourceConfig={**LARGE, "InstanceCount": 2})
    server.client("s3").put_object(Bucket="results", Key="in/run.sh", Body=script.encode())
    request["InputDataConfig"] = [{"ChannelName": "train", **channel}]
    server.client("sagemaker").create_training_job(**request)
    eventually(lambda: said(server, "both").count("running") == 2, ENDED_SECONDS)
    server.kill()
    server.start()
    found = ended(server, "both")
    assert found["TrainingJobStatus"] == "Completed", found
    assert [each["Value"] for each in found["FinalMetricDataList"]] == [0.25]
    lines = said(server, "both")
    addresses = [job_hosts.address(found["TrainingJobArn"], number) for number in (1, 2)]
    for line in ("1,2", '"depth": "3"', "reached", "running", *addresses):
        assert lines.count(line) == 2, lines
    used = _usage(server, "both/algo-1")
    assert used["CPUUtilization"] > 0 and used["MemoryUtilization"] > 0, used
    artifacts = found["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://results/")
    archive = server.client("s3").get_object(Bucket="results", Key=artifacts)["Body"].read()
    with tarfile.open(fileobj=BytesIO(archive)) as members:
        assert {"algo-1", "algo-2"} <= {name.rpartition("/")[2] for name in members.getnames()}
    assert not (server.data / "environments").exists(), "an environment was built for an image"


def _usage(server: Server, host: str) -> dict[str, float]:
    """The largest value of each metric of a host."""
    found = server.client("cloudwatch").get_metric_data(
        MetricDataQueries=[
            {
                "Id": name.lower(),
                "MetricStat": {
                    "Metric": {
                        "Namespace": "/aws/sagemaker/TrainingJobs",
                        "MetricName": name,
                        "Dimensions": [{"Name": "Host", "Value": host}],
                    },
                    "Period": 60,
                    "Stat": "Maximum",
                },
            }
            for name in ("CPUUtilization", "MemoryUtilization")
        ],
        StartTime=0,
        EndTime=4_000_000_000,
    )
    return {each["Label"]: max(each["Values"], default=0) for each in found["MetricDataResults"]}


def test_a_stop_is_a_signal_that_the_container_may_answer(server: Server) -> None:
    server.client("s3").create_bucket(Bucket="results")
    sagemaker = server.client("sagemaker")
    sagemaker.create_training_job(**training("waits", "trap 'echo saved; exit 0' TERM; echo up; sleep 60 & wait"))
    eventually(lambda: "up" in said(server, "waits"), ENDED_SECONDS)
    sagemaker.stop_training_job(TrainingJobName="waits")
    assert ended(server, "waits")["TrainingJobStatus"] == "Stopped"
    assert "saved" in said(server, "waits")


def test_an_image_that_does_not_exist(server: Server) -> None:
    server.client("s3").create_bucket(Bucket="results")
    request = training("none", "true")
    request["AlgorithmSpecification"]["TrainingImage"] = "127.0.0.1:9/no/such:1"
    server.client("sagemaker").create_training_job(**request)
    found = ended(server, "none")
    assert found["TrainingJobStatus"] == "Failed"
    assert found["FailureReason"].startswith("ClientError: ")
    assert "127.0.0.1:9/no/such:1" in found["FailureReason"]


def test_images_and_environments_in_one_pipeline(
    tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A catalog line gives one image to Docker; the other step is a process, and reads what the image made."""
    monkeypatch.setenv("DOCKER_HOST", engine.address)
    lines = tmp_path / "images.toml"
    lines.write_text('[[image]]\nrepository = "stepwell/programs"\nlauncher = "docker"\n')
    server = Server(tmp_path / "data", options=("--images", str(lines))).start()
    try:
        server.client("s3").create_bucket(Bucket="between")
        document = {"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": _steps()}
        sagemaker = server.client("sagemaker")
        sagemaker.create_pipeline(PipelineName="mixed", PipelineDefinition=json.dumps(document), RoleArn=ROLE)
        arn = sagemaker.start_pipeline_execution(PipelineName="mixed")["PipelineExecutionArn"]

        def look() -> Any:
            status = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"]
            return status if status in FINAL else None

        steps = sagemaker.list_pipeline_execution_steps
        assert eventually(look) == "Succeeded", steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
        body = server.client("s3").get_object(Bucket="between", Key="last/b")["Body"].read()
        assert body == b"made by an image\nread by a process\n"
    finally:
        server.stop()


def _steps() -> list[dict[str, Any]]:
    made = "echo made by an image > /opt/ml/processing/out/a; test ! -e /usr/bin/apt-get"
    read = (
        "cat /opt/ml/processing/in/a > /opt/ml/processing/out/b; echo read by a process >> /opt/ml/processing/out/b"
    )
    reading = {
        "InputName": "in",
        "S3Input": {
            "S3Uri": "s3://between/first/",
            "LocalPath": "/opt/ml/processing/in",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
        },
    }
    second = _step("Process", "python:3.11", read, "last", [reading])
    return [_step("Image", IMAGE, made, "first", []), {**second, "DependsOn": ["Image"]}]


def _step(name: str, image: str, script: str, prefix: str, inputs: list[dict[str, Any]]) -> dict[str, Any]:
    output = {
        "S3Uri": f"s3://between/{prefix}",
        "LocalPath": "/opt/ml/processing/out",
        "S3UploadMode": "EndOfJob",
    }
    arguments = {
        "ProcessingResources": {"ClusterConfig": LARGE},
        "AppSpecification": {"ImageUri": image, "ContainerEntrypoint": ["/bin/sh", "-c", script]},
        "RoleArn": ROLE,
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": output}]},
    }
    return {"Name": name, "Type": "Processing", "Arguments": arguments}


def test_without_an_engine_the_server_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none")
    command = [sys.executable, "-m", "stepwell.cli.main", "up", "--data", str(tmp_path / "data"), "--port", "0"]
    done = subprocess.run([*command, "--launcher", "docker"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "No Docker-compatible engine answers" in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_is_left_at_the_engine(engine: Engine) -> None:
    eventually(lambda: docker(engine, "ps", "--all", "--quiet") == "", ENDED_SECONDS)
