"""Warm pools through boto3: what is kept of a training job, for whom, and for how long."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from served import ROLE, Server, eventually

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]

SCRIPT = """\
cache="$SAGEMAKER_MANAGED_WARMPOOL_CACHE_DIRECTORY"
ls "$cache" > /opt/ml/model/found
touch "$cache/$TRAINING_JOB_NAME"
cd /opt/ml/input/data/train
stat -c '%n %i' * > /opt/ml/model/inodes
cat * > /opt/ml/model/texts
"""


@pytest.fixture
def pooled(own_server: Server) -> Server:
    s3 = own_server.client("s3")
    s3.create_bucket(Bucket="pools")
    for key in ("a", "b"):
        s3.put_object(Bucket="pools", Key=f"in/{key}", Body=key.encode())
    return own_server


def create(server: Server, name: str, seconds: int | None = 600, script: str = SCRIPT, **more: Any) -> None:
    config = {"InstanceType": "ml.m5.24xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1}
    if seconds is not None:
        config["KeepAlivePeriodInSeconds"] = seconds
    config.update(more.pop("ResourceConfig", {}))
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://pools/in/"}
    server.client("sagemaker").create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={
            "TrainingImage": "python:3.11",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["sh", "-c", 'eval "$SCRIPT"'],
        },
        RoleArn=more.pop("RoleArn", ROLE),
        InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        OutputDataConfig={"S3OutputPath": "s3://pools/out"},
        ResourceConfig=config,
        StoppingCondition={"MaxRuntimeInSeconds": 600},
        Environment={"SCRIPT": script},
        **more,
    )


def described(server: Server, name: str) -> dict[str, Any]:
    return dict(server.client("sagemaker").describe_training_job(TrainingJobName=name))


def pool(server: Server, name: str) -> dict[str, Any]:
    return dict(described(server, name).get("WarmPoolStatus", {}))


def ended(server: Server, name: str) -> dict[str, Any]:
    eventually(lambda: described(server, name)["TrainingJobStatus"] not in ("InProgress", "Stopping"))
    return described(server, name)


def run(server: Server, name: str, *args: Any, **more: Any) -> dict[str, str]:
    """What the job left as its model."""
    create(server, name, *args, **more)
    job = ended(server, name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    data = server.client("s3").get_object(Bucket="pools", Key=f"out/{name}/output/model.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(data)) as members:
        return {each.name: members.extractfile(each).read().decode() for each in members}  # type: ignore[union-attr]


def test_a_matching_job_finds_data_and_cache(pooled: Server) -> None:
    first = run(pooled, "first")
    assert first["found"] == ""
    assert pool(pooled, "first")["Status"] == "Available"
    pooled.client("s3").put_object(Bucket="pools", Key="in/b", Body=b"changed")
    second = run(pooled, "second")
    assert second["found"] == "first\n"
    assert second["texts"] == "achanged"
    before, after = (dict(line.split() for line in each["inodes"].splitlines()) for each in (first, second))
    assert after["a"] == before["a"], "what did not change is not staged again"
    assert pool(pooled, "first")["Status"] == "Reused"
    assert pool(pooled, "first")["ReusedByJob"] == "second"
    assert pool(pooled, "second")["Status"] == "Available"
    assert "ReusedByJob" not in pool(pooled, "second")
    third = run(pooled, "third", None)  # without a period of its own: the pool ends with it
    assert pool(pooled, "second")["ReusedByJob"] == "third"
    assert "WarmPoolStatus" not in described(pooled, "third")
    assert third["texts"] == "achanged"


def test_data_that_a_job_changed_is_staged_again(pooled: Server) -> None:
    run(pooled, "changes", 600, f"{SCRIPT}\nprintf x > a; rm b; touch -d @0 a")
    assert run(pooled, "reads")["texts"] == "ab"


def test_links_in_a_pool_lead_nowhere(pooled: Server, tmp_path: Path) -> None:
    secret = tmp_path / "warmpoolcache" / "secret"
    secret.parent.mkdir()
    secret.touch()
    run(pooled, "links", 600, f"{SCRIPT}\nrm -r /opt/ml/sagemaker; ln -s {tmp_path} /opt/ml/sagemaker")
    found = run(pooled, "follows")
    assert (found["found"], found["texts"]) == ("", "ab")
    assert secret.exists()


def test_another_job_waits_until_the_pool_ends_and_a_matching_one_does_not(pooled: Server) -> None:
    run(pooled, "holder")
    create(pooled, "stranger", None, EnableNetworkIsolation=True)
    eventually(lambda: described(pooled, "stranger")["SecondaryStatus"] == "Pending")
    run(pooled, "friend")
    assert described(pooled, "stranger")["SecondaryStatus"] == "Pending"
    listed = pooled.client("sagemaker").list_training_jobs(WarmPoolStatusEquals="Available")
    assert [each["TrainingJobName"] for each in listed["TrainingJobSummaries"]] == ["friend"]
    pooled.client("sagemaker").update_training_job(
        TrainingJobName="friend", ResourceConfig={"KeepAlivePeriodInSeconds": 0}
    )
    assert ended(pooled, "stranger")["TrainingJobStatus"] == "Completed"
    found = pool(pooled, "friend")
    assert found["Status"] == "Terminated"
    assert found["ResourceRetainedBillableTimeInSeconds"] >= 0
    with pytest.raises(ClientError, match="Terminated"):
        pooled.client("sagemaker").update_training_job(
            TrainingJobName="friend", ResourceConfig={"KeepAlivePeriodInSeconds": 60}
        )


def test_a_pool_ends_in_time_and_outlives_a_kill(pooled: Server) -> None:
    run(pooled, "short", 1)
    eventually(lambda: pool(pooled, "short")["Status"] == "Terminated")
    run(pooled, "long", 4)
    assert pool(pooled, "long")["Status"] == "Available"
    pooled.kill()
    pooled.start()
    create(pooled, "waits", None, EnableNetworkIsolation=True)
    eventually(lambda: pool(pooled, "long")["Status"] == "Terminated")
    assert ended(pooled, "waits")["TrainingJobStatus"] == "Completed"
    assert not list((pooled.data / "jobs").glob("*/*/warm")), "nothing is left of a pool"


def test_a_job_that_fails_by_its_own_fault_leaves_a_pool(pooled: Server) -> None:
    create(pooled, "fails", 600, "exit 3")
    assert ended(pooled, "fails")["TrainingJobStatus"] == "Failed"
    assert pool(pooled, "fails")["Status"] == "Available"
    assert run(pooled, "after")["texts"] == "ab"
    assert pool(pooled, "fails")["Status"] == "Reused"


@pytest.mark.parametrize(
    "wrong",
    [
        {"EnableManagedSpotTraining": True, "StoppingCondition": {"MaxWaitTimeInSeconds": 9}},
        {"seconds": 30_000},
    ],
    ids=str,
)
def test_what_cannot_be_kept_is_refused(server: Server, wrong: dict[str, Any]) -> None:
    seconds = wrong.pop("seconds", 60)
    wrong.pop("StoppingCondition", None)
    with pytest.raises(ClientError, match="ValidationException"):
        create(server, "refused", seconds, **wrong)
