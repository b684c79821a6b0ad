"""Jobs for real: through the door and the loop, as processes of this machine, with S3 and the Logs API."""

from __future__ import annotations

import io
import os
import select
import tarfile
from collections.abc import Iterator

import pytest
from job_installation import PATIENCE_SECONDS, Installation

from stepwell.base import clock
from stepwell.base.documents import Document
from stepwell.runtime import jobs as job_machine
from stepwell.runtime.job_folders import folder
from stepwell.store import credentials, tags


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    installation = Installation(tmp_path_factory.mktemp("data"))
    yield installation
    installation.stop()
    installation.database.close()


def model(here: Installation, name: str, archive: str = "model") -> dict[str, str]:
    data = here.get(f"models/{name}/output/{archive}.tar.gz")
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as packed:
        return {m.name: (packed.extractfile(m) or io.BytesIO()).read().decode() for m in packed if m.isfile()}


def test_a_processing_job(here: Installation) -> None:
    script = (
        "cp -r /opt/ml/processing/in/* /opt/ml/processing/out/; pwd; echo all good > /opt/ml/output/message;"
        'python3 -c \'import json; print(json.load(open("/opt/ml/config/resourceconfig.json"))["current_host"])\';'
        "echo $AWS_REGION $AWS_ENDPOINT_URL ${AWS_SESSION_TOKEN:0:4} $FROM_THE_SERVER"
    )
    arn = here.process("plain", script)
    job = here.processed("plain")
    assert (job["ProcessingJobStatus"], job.get("FailureReason")) == ("Completed", None)
    assert job["ExitMessage"] == "all good\n"
    assert job["CreationTime"] <= job["ProcessingStartTime"] <= job["ProcessingEndTime"] == job["LastModifiedTime"]
    assert here.keys("plain") == ["/a.csv", "/sub/b.csv"]
    assert here.get("plain/sub/b.csv") == b"3,4\n"
    lines = here.log("plain", "Processing")
    assert lines[0] == "The environment python-3.11 is the Python of this machine."
    assert lines[1:] == ["/", "algo-1", "eu-west-1 http://127.0.0.1:9 IQoJ yes"]
    assert folder(here.site.data, arn, 1).job.parent.stat().st_mode & 0o077 == 0


def test_a_training_job(here: Installation) -> None:
    script = (
        "mkdir /opt/ml/model/code; echo $TRAINING_JOB_NAME > /opt/ml/model/code/name; "
        "echo more > /opt/ml/output/data/x;"
        "cat /opt/ml/input/data/train/a.csv; cat /opt/ml/input/config/hyperparameters.json; echo;"
        "echo loss=0.5; echo loss=0.25"
    )
    here.train("learn", script, HyperParameters={"rounds": "7"})
    job = here.trained("learn")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Completed", "Completed")
    assert job["ModelArtifacts"] == {"S3ModelArtifacts": "s3://data/models/learn/output/model.tar.gz"}
    assert model(here, "learn") == {"code/name": "learn\n"}
    assert model(here, "learn", "output") == {"x": "more\n"}
    assert '{"rounds": "7"}' in here.log("learn", "Training")
    (metric,) = job["FinalMetricDataList"]
    assert (metric["MetricName"], metric["Value"]) == ("loss", 0.25)
    assert job["TrainingTimeInSeconds"] == job["BillableTimeInSeconds"] == 1
    assert [entry["Status"] for entry in job["SecondaryStatusTransitions"]] == [
        "Starting", "Downloading", "Training", "Uploading", "Completed",
    ]  # fmt: skip


def test_a_large_output_goes_in_parts(here: Installation) -> None:
    here.process("large", "head -c 13000000 /dev/zero > /opt/ml/processing/out/zeros")
    assert here.processed("large")["ProcessingJobStatus"] == "Completed"
    assert here.get("large/zeros") == bytes(13_000_000)


@pytest.mark.parametrize(
    ("name", "script", "reason"),
    [
        (
            "fails",
            "echo 'No such luck' > /opt/ml/output/failure; exit 3",
            "AlgorithmError: No such luck, exit code: 3",
        ),
        ("silent", "exit 7", "AlgorithmError: , exit code: 7"),
        ("signalled", "kill -11 $$", "AlgorithmError: , exit code: 139"),
        (
            "memory",
            "python3 -c 'x = bytearray(10**9); print(len(x))'",
            "ClientError: Please use an instance type with more memory, or reduce the size of job data processed on "
            "an instance.",
        ),
    ],
)
def test_a_training_job_that_fails(here: Installation, name: str, script: str, reason: str) -> None:
    here.train(name, f"echo x > /opt/ml/output/data/partial; echo y > /opt/ml/model/m; {script}")
    job = here.trained(name)
    assert (job["TrainingJobStatus"], job["FailureReason"]) == ("Failed", reason)
    assert here.keys(f"models/{name}") == ["/output/output.tar.gz"]
    assert "ModelArtifacts" not in job


def test_a_processing_job_that_fails(here: Installation) -> None:
    here.process("unlucky", "echo partial > /opt/ml/processing/out/x; echo why > /opt/ml/output/message; exit 1")
    job = here.processed("unlucky")
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert job["ExitMessage"] == "why\n"
    assert here.keys("unlucky") == ["/x"]


def test_a_stopped_job_may_save_its_work(here: Installation) -> None:
    script = "trap 'echo saved > /opt/ml/model/m; exit 0' TERM; echo ready; while true; do sleep 0.05; done"
    here.train("stopped", script)
    here.wait_for_log("stopped", "Training", "ready")
    here.call("sagemaker", "StopTrainingJob", TrainingJobName="stopped")
    here.call("sagemaker", "StopTrainingJob", TrainingJobName="stopped")
    job = here.trained("stopped")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert [entry["Status"] for entry in job["SecondaryStatusTransitions"]][-3:] == [
        "Stopping",
        "Uploading",
        "Stopped",
    ]
    assert model(here, "stopped") == {"m": "saved\n"}


def test_a_job_over_its_time_is_stopped_with_its_work(here: Installation) -> None:
    here.train("slow", "echo half > /opt/ml/model/m; exec sleep 600", StoppingCondition={"MaxRuntimeInSeconds": 1})
    job = here.trained("slow")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert model(here, "slow") == {"m": "half\n"}


def test_jobs_go_on_and_are_found_again(here: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """One ends while no server runs, the other after the new one has begun; neither runs twice."""
    monkeypatch.setattr(job_machine, "LOOK_AGAIN_SECONDS", 0.2)
    wait = "while [ ! -e /opt/ml/processing/go ]; do sleep 0.02; done"
    script = f"echo run >> /opt/ml/processing/out/runs; echo ready; {wait}"
    arns = {name: here.process(name, script) for name in ("early", "late")}
    for name in arns:
        here.wait_for_log(name, "Processing", "ready")
    go = {name: folder(here.site.data, arn, 1).opt_ml("algo-1") / "processing" / "go" for name, arn in arns.items()}
    early = folder(here.site.data, arns["early"], 1).host("algo-1")
    here.stop()
    ending = here.launcher.watch(early)
    go["early"].touch()
    assert ending is not None
    _wait_readable(ending)
    assert (
        here.call("sagemaker", "DescribeProcessingJob", ProcessingJobName="early")["ProcessingJobStatus"]
        == "InProgress"
    )
    here.start()
    assert here.processed("early")["ProcessingJobStatus"] == "Completed"
    go["late"].touch()
    assert here.processed("late")["ProcessingJobStatus"] == "Completed"
    assert [here.get(f"{name}/runs") for name in arns] == [b"run\n", b"run\n"]


def _wait_readable(descriptor: int) -> None:
    select.select([descriptor], [], [], PATIENCE_SECONDS)
    os.close(descriptor)


@pytest.mark.parametrize(
    ("name", "more", "reason"),
    [
        (
            "unknown-image",
            {"AppSpecification": {"ImageUri": "example.com/no/such:image"}},
            "ClientError: no environment is known for image 'example.com/no/such:image'.",
        ),
        (
            "accelerated",
            {
                "ProcessingResources": {
                    "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.p3.2xlarge", "VolumeSizeInGB": 1}
                }
            },
            "CapacityError: Unable to provision requested ML compute capacity.",
        ),
        (
            "no-command",
            {"AppSpecification": {"ImageUri": "python:3.11", "ContainerEntrypoint": ["no-such-program"]}},
            "ClientError: CannotStartContainerError.",
        ),
        (
            "no-data",
            {
                "ProcessingInputs": [
                    {
                        "InputName": "in",
                        "S3Input": {
                            "S3Uri": "s3://data/nothing",
                            "LocalPath": "/opt/ml/processing/in",
                            "S3DataType": "S3Prefix",
                        },
                    }
                ]
            },
            'ClientError: Data download failed:No S3 objects found under S3 URL "s3://data/nothing"',
        ),
        (
            "crowd",
            {
                "ProcessingResources": {
                    "ClusterConfig": {"InstanceCount": 17, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
                }
            },
            "CapacityError: Unable to provision requested ML compute capacity.",
        ),
        ("bad-variable", {"Environment": {"A": "x\0y"}}, "ClientError: The environment variable 'A' cannot be set"),
    ],
)
def test_what_cannot_run_says_why(here: Installation, name: str, more: Document, reason: str) -> None:
    here.process(name, "true", **more)
    job = here.processed(name)
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(reason)
    assert here.keys(name) == []
    if name not in ("no-command", "bad-variable"):
        assert any(reason.removeprefix("ClientError: ")[:40] in line for line in here.log(name, "Processing"))


def test_an_output_bucket_that_is_missing_fails_the_job(here: Installation) -> None:
    target = {"S3Uri": "s3://no-such-bucket/x", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    outputs = {"Outputs": [{"OutputName": "out", "S3Output": target}]}
    here.process("no-bucket", "echo x > /opt/ml/processing/out/x", ProcessingOutputConfig=outputs)
    job = here.processed("no-bucket")
    assert "NoSuchBucket" in job["FailureReason"]


def test_outputs_that_point_elsewhere_take_nothing_of_this_machine(here: Installation) -> None:
    here.process(
        "tricks",
        "rm -r /opt/ml/processing/out; ln -s /etc /opt/ml/processing/out; ln -s /etc/passwd /opt/ml/output/message",
    )
    job = here.processed("tricks")
    assert job["ProcessingJobStatus"] == "Completed"
    assert "ExitMessage" not in job
    assert here.keys("tricks") == []
    assert "is not a directory" in here.log("tricks", "Processing")[-1]


def test_hosts_run_side_by_side_and_fail_together(here: Installation) -> None:
    cluster = {"InstanceCount": 3, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    resources = {"ClusterConfig": cluster}
    here.process(
        "three",
        "cp /etc/hostname /opt/ml/processing/out/x 2>/dev/null; hostname > /opt/ml/processing/out/$(hostname)",
        ProcessingResources=resources,
    )
    assert here.processed("three")["ProcessingJobStatus"] == "Completed"
    assert {"/algo-1", "/algo-2", "/algo-3"} <= set(here.keys("three"))
    here.process(
        "one-fails", "if [ $(hostname) = algo-2 ]; then exit 9; fi; exec sleep 600", ProcessingResources=resources
    )
    assert here.processed("one-fails")["FailureReason"] == "AlgorithmError: See job logs for more information"


def test_an_isolated_job_has_no_keys_and_no_network(here: Installation) -> None:
    script = "env | grep -c AWS_SECRET; tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '"
    here.process("isolated", script, NetworkConfig={"EnableNetworkIsolation": True})
    assert here.processed("isolated")["ProcessingJobStatus"] == "Completed"
    assert here.log("isolated", "Processing")[-2:] == ["0", "lo"]


def test_the_jobs_keys_are_those_of_its_role(here: Installation) -> None:
    here.process("keys", "echo $AWS_ACCESS_KEY_ID > /opt/ml/processing/out/id")
    here.processed("keys")
    with here.database.read() as connection:
        found = credentials.find(connection, here.get("keys/id").decode().strip())
    assert found is not None
    assert found.principal == "arn:aws:sts::123456789012:assumed-role/SageMakerRole/SageMaker"


def test_an_image_that_is_not_what_its_tag_says_is_marked(here: Installation) -> None:
    arn = here.process("nearly", "true", AppSpecification={"ImageUri": "python:3.9", "ContainerEntrypoint": ["true"]})
    assert here.processed("nearly")["ProcessingJobStatus"] == "Completed"
    said = "Python 3.9 is not installable here; this job runs Python 3.10."
    assert here.log("nearly", "Processing")[0] == said
    with here.database.read() as connection:
        assert tags.of(connection, arn) == {"stepwell:image-substitution": said}


def test_a_deleted_job_leaves_no_file(here: Installation) -> None:
    arn = here.process("deleted", "true")
    here.processed("deleted")
    here.call("sagemaker", "DeleteProcessingJob", ProcessingJobName="deleted")
    give_up = clock.monotonic() + PATIENCE_SECONDS
    while folder(here.site.data, arn, 1).job.exists() and clock.monotonic() < give_up:
        clock.sleep(0.005)
    assert not folder(here.site.data, arn, 1).job.exists()
