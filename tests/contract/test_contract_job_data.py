"""Data of jobs through real clients: what a request says is shown again, and what goes in and out of containers."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from served import ROLE, Server, eventually
from stepwell.cli import connection, demo_client

pytestmark = [pytest.mark.contract, pytest.mark.timeout(600)]

USER = Path(__file__).with_name("job_data_user.py")
TRAINING: dict[str, Any] = {
    "AlgorithmSpecification": {
        "TrainingImage": "python:3.11",
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["true"],
        "EnableSageMakerMetricsTimeSeries": True,
    },
    "RoleArn": ROLE,
    "OutputDataConfig": {"S3OutputPath": "s3://job-data/models", "KmsKeyId": "key-of-the-output"},
    "ResourceConfig": {
        "InstanceType": "ml.m5.large",
        "InstanceCount": 1,
        "VolumeSizeInGB": 1,
        "VolumeKmsKeyId": "key-of-the-volume",
    },
    "StoppingCondition": {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 1200},
    "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1", "subnet-2"]},
    "EnableManagedSpotTraining": True,
    "EnableInterContainerTrafficEncryption": True,
    "CheckpointConfig": {"S3Uri": "s3://job-data/points", "LocalPath": "/opt/ml/checkpoints"},
    "DebugHookConfig": {"S3OutputPath": "s3://job-data/debug", "HookParameters": {"save_interval": "7"}},
    "DebugRuleConfigurations": [{"RuleConfigurationName": "vanishing", "RuleEvaluatorImage": "example.com/rules"}],
    "TensorBoardOutputConfig": {"S3OutputPath": "s3://job-data/board"},
    "ProfilerConfig": {"S3OutputPath": "s3://job-data/profile", "ProfilingIntervalInMilliseconds": 500},
    "ProfilerRuleConfigurations": [{"RuleConfigurationName": "report", "RuleEvaluatorImage": "example.com/rules"}],
    "ExperimentConfig": {"ExperimentName": "e", "TrialName": "t"},
    "RetryStrategy": {"MaximumRetryAttempts": 2},
    "Environment": {"A": "b"},
    "HyperParameters": {"rounds": "7"},
}
PROCESSING: dict[str, Any] = {
    "AppSpecification": {"ImageUri": "python:3.11", "ContainerEntrypoint": ["true"], "ContainerArguments": ["x"]},
    "ProcessingResources": {
        "ClusterConfig": {
            "InstanceType": "ml.m5.large",
            "InstanceCount": 1,
            "VolumeSizeInGB": 1,
            "VolumeKmsKeyId": "key-of-the-volume",
        }
    },
    "ProcessingOutputConfig": {"Outputs": [], "KmsKeyId": "key-of-the-output"},
    "NetworkConfig": {
        "EnableNetworkIsolation": False,
        "EnableInterContainerTrafficEncryption": True,
        "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
    },
    "RoleArn": ROLE,
    "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    "ExperimentConfig": {"ExperimentName": "e", "TrialName": "t"},
    "Environment": {"A": "b"},
}


@pytest.fixture(autouse=True)
def bucket(server: Server) -> None:
    server.client("s3").create_bucket(Bucket="job-data")


@pytest.fixture(scope="module")
def trial(server: Server) -> None:
    """What the jobs' ExperimentConfig names."""
    sagemaker = server.client("sagemaker")
    sagemaker.create_experiment(ExperimentName="e")
    sagemaker.create_trial(TrialName="t", ExperimentName="e")


def ended(server: Server, kind: str, name: str) -> dict[str, Any]:
    describe = getattr(server.client("sagemaker"), f"describe_{kind.lower()}_job")

    def look() -> Any:
        job = describe(**{f"{kind}JobName": name})
        return job if job[f"{kind}JobStatus"] not in ("InProgress", "Stopping") else None

    return dict(eventually(look))


def said(server: Server, name: str) -> list[str]:
    """What the hosts of a training job printed."""
    logs, group = server.client("logs"), "/aws/sagemaker/TrainingJobs"
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
    events = [logs.get_log_events(logGroupName=group, logStreamName=each["logStreamName"]) for each in streams]
    return [event["message"] for each in events for event in each["events"]]


def covers(shown: Any, asked: Any) -> bool:
    """Whether everything that was asked is shown as it was asked."""
    if isinstance(asked, dict):
        return isinstance(shown, dict) and all(name in shown and covers(shown[name], asked[name]) for name in asked)
    return bool(shown == asked)


@pytest.mark.usefixtures("trial")
def test_a_training_job_shows_everything_it_was_asked(server: Server) -> None:
    server.client("sagemaker").create_training_job(TrainingJobName="shown", **TRAINING)
    job = ended(server, "Training", "shown")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert {name for name, value in TRAINING.items() if not covers(job.get(name), value)} == set()
    assert job["BillableTimeInSeconds"] == job["TrainingTimeInSeconds"] >= 1
    assert job["ProfilingStatus"] == "Enabled"
    (rule,) = job["DebugRuleEvaluationStatuses"]
    assert (rule["RuleConfigurationName"], rule["RuleEvaluationStatus"]) == ("vanishing", "Stopped")


@pytest.mark.usefixtures("trial")
def test_a_processing_job_shows_everything_it_was_asked(server: Server) -> None:
    server.client("sagemaker").create_processing_job(ProcessingJobName="shown", **PROCESSING)
    job = ended(server, "Processing", "shown")
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert {name for name, value in PROCESSING.items() if not covers(job.get(name), value)} == set()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 600}}, "Invalid MaxWaitTimeInSeconds"),
        (
            {"StoppingCondition": {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 599}},
            "greater than or equal to MaxRuntimeInSeconds",
        ),
        (
            {
                "InputDataConfig": [
                    {
                        "ChannelName": "train",
                        "DataSource": {
                            "S3DataSource": {
                                "S3DataType": "S3Prefix",
                                "S3Uri": "s3://job-data/in",
                                "InstanceGroupNames": ["nobody"],
                            }
                        },
                    }
                ]
            },
            "names the instance group 'nobody'",
        ),
    ],
)
def test_what_cannot_be_is_refused_at_once(server: Server, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ClientError, match=told) as refused:
        server.client("sagemaker").create_training_job(TrainingJobName="refused", **{**TRAINING, **changes})
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_a_stream_goes_on_after_kill_9(own_server: Server) -> None:
    s3 = own_server.client("s3")
    s3.create_bucket(Bucket="job-data")
    for name in ("a", "b"):
        s3.put_object(Bucket="job-data", Key=f"in/{name}", Body=name.encode() * 300_000)
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://job-data/in"}
    data, wait = "/opt/ml/input/data", "while [ ! -e /opt/ml/go ]; do sleep 0.05; done"
    script = (
        f"exec 3<{data}/train_0; head -c 5 <&3 >/dev/null; touch /opt/ml/half; {wait}; cat <&3 | wc -c; exec 3<&-"
    )
    script += f"; cat {data}/train_1 | wc -c"
    own_server.client("sagemaker").create_training_job(
        TrainingJobName="streams",
        AlgorithmSpecification={
            "TrainingImage": "python:3.11",
            "TrainingInputMode": "Pipe",
            "ContainerEntrypoint": ["bash", "-c", f"({script}) > /opt/ml/output/data/sizes"],
        },
        RoleArn=ROLE,
        InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        OutputDataConfig={"S3OutputPath": "s3://job-data/models", "CompressionType": "NONE"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 300},
    )
    (half,) = eventually(lambda: list(own_server.data.glob("jobs/*/1/algo-1/opt-ml/half")))
    own_server.kill()
    own_server.start()
    half.with_name("go").touch()
    assert ended(own_server, "Training", "streams")["TrainingJobStatus"] == "Completed"
    shown = own_server.client("s3").get_object(Bucket="job-data", Key="models/streams/output/output/sizes")
    assert shown["Body"].read().split() == [b"599995", b"600000"]


def test_the_sdks_inputs_and_outputs(server: Server) -> None:
    client = demo_client.client_python(Console(quiet=True), Path.home() / ".cache" / "stepwell" / "clients")
    reached = connection.access(server.data)
    assert reached
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STEPWELL_"))}
    environment = {**own, **connection.variables(server.data, reached, own)}
    command = [str(client), str(USER), ROLE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["processed"] == {"algo-1": "a argument", "algo-2": "b argument"}
    assert found["trained"]["model"] == "output/model/"
    files = found["trained"]["files"]
    assert files["streamed"] in ("a b ", "b a ")
    assert (files["wrapped"].split(), files["restored"]) == (["0a", "23", "d7", "ce"], "saved")
    assert found["trained"]["points"] == ["new", "old"]


ALL_REDUCE = """
import json, os, torch, torch.distributed as distributed
config = json.load(open("/opt/ml/input/config/resourceconfig.json"))
hosts = sorted(config["hosts"])
os.environ.update(MASTER_ADDR=hosts[0], MASTER_PORT="29511", GLOO_SOCKET_IFNAME=config["network_interface_name"])
distributed.init_process_group("gloo", rank=hosts.index(config["current_host"]), world_size=len(hosts))
value = torch.tensor([10.0 ** distributed.get_rank()])
distributed.all_reduce(value)
distributed.barrier()
open("/opt/ml/output/data/" + config["current_host"], "w").write(str(value.item()))
distributed.destroy_process_group()
"""


def test_an_all_reduce_over_two_hosts(server: Server) -> None:
    shared = Path("~/.cache/stepwell-tests/environments").expanduser()
    environments = Path(os.environ.get("STEPWELL_ENVIRONMENTS") or shared)
    if not any(environments.glob("pytorch-*/lib/python*/site-packages/torch")):
        pytest.skip("no environment with PyTorch has been made here")
    s3 = server.client("s3")
    s3.put_object(Bucket="job-data", Key="code/reduce.py", Body=ALL_REDUCE.encode())
    image = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.5-cpu-py311"
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://job-data/code"}
    server.client("sagemaker").create_training_job(
        TrainingJobName="reduces",
        AlgorithmSpecification={
            "TrainingImage": image,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python3", "/opt/ml/input/data/code/reduce.py"],
        },
        RoleArn=ROLE,
        InputDataConfig=[{"ChannelName": "code", "DataSource": {"S3DataSource": source}}],
        OutputDataConfig={"S3OutputPath": "s3://job-data/models", "CompressionType": "NONE"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 300},
    )
    job = ended(server, "Training", "reduces")
    assert job["TrainingJobStatus"] == "Completed", said(server, "reduces")
    for host in ("algo-1", "algo-2"):
        reduced = s3.get_object(Bucket="job-data", Key=f"models/reduces/output/output/{host}")["Body"].read()
        assert reduced == b"11.0"
