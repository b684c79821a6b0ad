"""What goes wrong, as a user meets it: a clear AWS-shaped answer, and nothing half-made."""

from __future__ import annotations

import io
import socket
import tarfile
import threading
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from served import FINAL, ROLE, Server, eventually

pytestmark = pytest.mark.contract

IMAGE = "python:3.11"
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
BUCKET = "bad-input"


@pytest.fixture(scope="module")
def bucket(server: Server) -> str:
    server.client("s3").create_bucket(Bucket=BUCKET)
    return BUCKET


@pytest.fixture
def sagemaker(server: Server, bucket: str) -> Any:
    return server.client("sagemaker")


def process(sagemaker: Any, name: str, script: str, **members: Any) -> dict[str, Any]:
    """Run a shell script as a processing job; its description at the end."""
    sagemaker.create_processing_job(**processing_request(name, script, **members))
    return ended_processing(sagemaker, name)


def processing_request(name: str, script: str, **members: Any) -> dict[str, Any]:
    return {
        "ProcessingJobName": name,
        "RoleArn": ROLE,
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}
        },
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["/bin/sh", "-c", script]},
        **members,
    }


def ended_processing(sagemaker: Any, name: str) -> dict[str, Any]:
    def look() -> Any:
        found = sagemaker.describe_processing_job(ProcessingJobName=name)
        return found if found["ProcessingJobStatus"] in FINAL else None

    return dict(eventually(look))


def train(sagemaker: Any, name: str, script: str, **members: Any) -> dict[str, Any]:
    """Run a shell script as a training job; its description at the end."""
    request = {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["/bin/sh", "-c", script],
        },
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        **members,
    }
    sagemaker.create_training_job(**request)

    def look() -> Any:
        found = sagemaker.describe_training_job(TrainingJobName=name)
        return found if found["TrainingJobStatus"] in FINAL else None

    return dict(eventually(look))


def channel(uri: str) -> list[dict[str, Any]]:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}]


def s3_input(uri: str, local: str = "/opt/ml/processing/in") -> list[dict[str, Any]]:
    place = {"S3Uri": uri, "LocalPath": local, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return [{"InputName": "in", "S3Input": place}]


def s3_output(local: str) -> dict[str, Any]:
    place = {"S3Uri": f"s3://{BUCKET}/out", "LocalPath": local, "S3UploadMode": "EndOfJob"}
    return {"Outputs": [{"OutputName": "out", "S3Output": place}]}


def refusal(call: Any, *arguments: Any, **members: Any) -> dict[str, Any]:
    """The error of a call that must be refused."""
    with pytest.raises(ClientError) as refused:
        call(*arguments, **members)
    return dict(refused.value.response["Error"])


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("sagemaker", "list_pipelines", "InvalidSignatureException"),
        ("sts", "get_caller_identity", "SignatureDoesNotMatch"),
        ("s3", "list_buckets", "SignatureDoesNotMatch"),
    ],
)
def test_a_wrong_secret_is_refused(server: Server, service: str, operation: str, code: str) -> None:
    assert refusal(getattr(server.client(service, secret="wrong"), operation))["Code"] == code


def test_an_unknown_key_is_refused(server: Server) -> None:
    stranger = server.client("sagemaker", key="AKIAUNKNOWNUNKNOWN12")
    assert refusal(stranger.list_pipelines)["Code"] == "UnrecognizedClientException"


def test_all_violations_are_said_at_once(sagemaker: Any) -> None:
    error = refusal(sagemaker.create_pipeline, PipelineName="a b", PipelineDefinition="{}", RoleArn="x" * 3000)
    assert error["Code"] == "ValidationException"
    assert error["Message"].startswith("2 validation errors detected: ")
    for part in ("'pipelineName' failed to satisfy", "'roleArn' failed to satisfy", "less than or equal to 2048"):
        assert part in error["Message"]


@pytest.mark.parametrize(
    ("local", "said"),
    [
        ("/opt/ml/processing/../../../etc", "/opt/ml/processing"),
        ("/etc", "/opt/ml/processing"),
        ("opt/ml/processing/in", "/opt/ml/processing"),
    ],
)
def test_paths_that_lead_out_are_refused_at_creation(sagemaker: Any, local: str, said: str) -> None:
    request = processing_request("path-trick", "true", ProcessingInputs=s3_input(f"s3://{BUCKET}/x", local))
    assert said in refusal(sagemaker.create_processing_job, **request)["Message"]
    request = processing_request("path-trick", "true", ProcessingOutputConfig=s3_output(local))
    assert said in refusal(sagemaker.create_processing_job, **request)["Message"]
    refusal(sagemaker.describe_processing_job, ProcessingJobName="path-trick")


def test_an_output_that_links_elsewhere_uploads_nothing_of_it(server: Server, sagemaker: Any) -> None:
    script = "cd /opt/ml/processing/out && ln -s /etc/hosts link && ln -s /etc folder && echo x > real"
    ended = process(sagemaker, "link-trick", script, ProcessingOutputConfig=s3_output("/opt/ml/processing/out"))
    assert ended["ProcessingJobStatus"] == "Completed", ended.get("FailureReason")
    found = server.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="out/")["Contents"]
    assert [item["Key"] for item in found] == ["out/real"]


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        (f"s3://{BUCKET}/nothing/here/", "No S3 objects found under S3 URL"),
        ("s3://no-such-bucket-at-all/x", "no-such-bucket-at-all"),
    ],
)
def test_data_that_is_not_there_fails_the_job(sagemaker: Any, uri: str, said: str, request: Any) -> None:
    name = f"no-data-{request.node.callspec.indices['uri']}"
    ended = train(sagemaker, name, "true", InputDataConfig=channel(uri))
    assert ended["TrainingJobStatus"] == "Failed"
    assert ended["FailureReason"].startswith("ClientError: ")
    assert said in ended["FailureReason"]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 3", "AlgorithmError: , exit code: 3"),
        ("kill -SEGV $$", "exit code: 139"),
        ("echo -n 'the reason' > /opt/ml/output/failure; exit 1", "AlgorithmError: the reason, exit code: 1"),
        ("exec /no/such/program", "exit code: 127"),
        ("mkdir /opt/ml/output/failure; exit 4", "AlgorithmError: , exit code: 4"),
        ("mkfifo /opt/ml/output/failure; exit 5", "AlgorithmError: , exit code: 5"),
    ],
)
def test_a_failing_training_says_how(sagemaker: Any, script: str, reason: str, request: Any) -> None:
    ended = train(sagemaker, f"fails-{request.node.callspec.indices['script']}", script)
    assert ended["TrainingJobStatus"] == "Failed"
    assert reason in ended["FailureReason"]


def test_a_job_that_fills_its_memory_is_told_so(sagemaker: Any) -> None:
    resources = {"ClusterConfig": {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}}
    fill = "python3 -c 'x = bytearray(6 << 30); print(sum(x[::4096]))'"
    ended = process(sagemaker, "memory", fill, ProcessingResources=resources)
    assert ended["ProcessingJobStatus"] == "Failed"
    assert "memory" in ended["FailureReason"]


def test_a_job_over_its_time_is_stopped_and_keeps_its_model(server: Server, sagemaker: Any) -> None:
    script = "echo partial > /opt/ml/model/m; trap 'exit 0' TERM; while :; do sleep 0.05; done"
    ended = train(sagemaker, "too-long", script, StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert (ended["TrainingJobStatus"], ended["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    server.client("s3").head_object(Bucket=BUCKET, Key="models/too-long/output/model.tar.gz")


@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.05, 0.1, 0.3])
def test_a_job_can_be_stopped_in_every_phase(sagemaker: Any, seconds: float, request: Any) -> None:
    name = f"stopped-{request.node.callspec.indices['seconds']}"
    sagemaker.create_processing_job(**processing_request(name, "sleep 30"))
    threading.Event().wait(seconds)
    sagemaker.stop_processing_job(ProcessingJobName=name)
    assert ended_processing(sagemaker, name)["ProcessingJobStatus"] == "Stopped"


def test_of_two_creates_at_once_one_wins(server: Server, sagemaker: Any) -> None:
    outcomes: list[str] = []

    def create() -> None:
        try:
            server.client("sagemaker").create_processing_job(**processing_request("twice", "true"))
            outcomes.append("created")
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=create) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["ResourceInUse"] * 5 + ["created"]
    assert ended_processing(sagemaker, "twice")["ProcessingJobStatus"] == "Completed"


def test_source_archives_that_lead_out_are_refused(server: Server, sagemaker: Any) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for member in ("train.py", "../../../../tmp/escaped"):
            entry = tarfile.TarInfo(member)
            entry.size = 1
            archive.addfile(entry, io.BytesIO(b"#"))
    server.client("s3").put_object(Bucket=BUCKET, Key="code/bad.tar.gz", Body=packed.getvalue())
    specification = {"TrainingImage": XGBOOST, "TrainingInputMode": "File"}
    hyperparameters = {
        "sagemaker_program": '"train.py"',
        "sagemaker_submit_directory": f'"s3://{BUCKET}/code/bad.tar.gz"',
    }
    ended = train(sagemaker, "archive", "", AlgorithmSpecification=specification, HyperParameters=hyperparameters)
    assert ended["TrainingJobStatus"] == "Failed"
    assert "escaped" in ended["FailureReason"]


def test_an_image_nobody_provides_fails_with_how_to_add_it(sagemaker: Any) -> None:
    application = {"ImageUri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1", "ContainerEntrypoint": ["x"]}
    ended = process(sagemaker, "no-image", "", AppSpecification=application)
    assert ended["FailureReason"].startswith("ClientError: ")
    assert "mine:1" in ended["FailureReason"] and "STEPWELL_IMAGES" in ended["FailureReason"]


def test_a_client_that_leaves_mid_upload_leaves_nothing(server: Server, bucket: str) -> None:
    s3 = server.client("s3", config={"signature_version": "s3v4"})
    url = urlsplit(s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "half"}))
    with socket.create_connection((url.hostname, url.port)) as connection:
        request = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: 1000000\r\n\r\n"
        connection.sendall(request.encode() + b"x" * 300_000)
    assert refusal(s3.head_object, Bucket=bucket, Key="half")["Code"] == "404"
    incoming = server.data / "blobs" / "incoming"
    eventually(lambda: not list(incoming.iterdir()), 20)


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        ("arn:aws:sagemaker:us-east-1:123456789012:pipeline/none/execution/abcdefghijkl", "ResourceNotFound"),
        ("not-an-arn", "ValidationException"),
    ],
)
def test_executions_that_are_not_there(sagemaker: Any, arn: str, code: str) -> None:
    assert refusal(sagemaker.describe_pipeline_execution, PipelineExecutionArn=arn)["Code"] == code
