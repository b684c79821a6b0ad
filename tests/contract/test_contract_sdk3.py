"""The SageMaker SDK 3 as users know it: the churn example, ModelTrainer, processors, models, functions as steps."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from served import Server
from stepwell.cli import connection, demo_client
from stepwell.images import catalog
from stepwell.images.environments import BuildFailed, Environments

pytestmark = [pytest.mark.contract, pytest.mark.timeout(900)]

USER = Path(__file__).with_name("sdk3_user.py")
EXAMPLE = Path(__file__).parents[2] / "examples" / "churn_v3"
ENVIRONMENTS = Path("~/.cache/stepwell-tests/environments").expanduser()
IMAGES = """\
[[image]]
repository = "functions"
[[image.version]]
tag = "*"
recipe = "functions"

[recipe.functions]
python = "3.11"
requirements = ["sagemaker-core==2.27.0"]
"""


@pytest.fixture(scope="module")
def client() -> Path:
    """The Python of a client's environment with SageMaker SDK 3; skips where it cannot be installed."""
    cache = Path.home() / ".cache" / "stepwell" / "clients"
    try:
        return demo_client.client_python(Console(quiet=True), cache, demo_client.SDK_3)
    except demo_client.Disproof as problem:
        pytest.skip(str(problem))


def run(server: Server, command: list[str]) -> subprocess.CompletedProcess[str]:
    """A command in a user's environment after `eval "$(stepwell env)"`."""
    reached = connection.access(server.data)
    assert reached
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STEPWELL_"))}
    environment = {**own, **connection.variables(server.data, reached, own)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)


def user(server: Server, client: Path, *what: str) -> dict[str, Any]:
    """What the user's script found."""
    done = run(server, [str(client), str(USER), *what])
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    return {**json.loads(done.stdout.splitlines()[-1]), "printed": done.stdout + done.stderr}


def read(server: Server, uri: str, *members: str) -> bytes:
    """The bytes of an object; with a member's name, those of this file in the archive that it is."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    body = bytes(server.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    for member in members:
        with tarfile.open(fileobj=io.BytesIO(body)) as archive:
            extracted = archive.extractfile(member)
            assert extracted
            body = extracted.read()
    return body


def test_the_churn_example_registers_a_model(server: Server, client: Path) -> None:
    done = run(server, [str(client), str(EXAMPLE / "pipeline.py"), "--max-depth", "3"])
    assert done.returncode == 0, done.stdout + done.stderr
    sagemaker = server.client("sagemaker")
    (package,) = sagemaker.list_model_packages(ModelPackageGroupName="churn-v3")["ModelPackageSummaryList"]
    described = sagemaker.describe_model_package(ModelPackageName=package["ModelPackageArn"])
    report = json.loads(read(server, described["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]))
    assert 0.74 < report["binary_classification_metrics"]["auc"]["value"] < 0.8
    (container,) = described["InferenceSpecification"]["Containers"]
    assert read(server, container["ModelDataUrl"], "xgboost-model")
    (job,) = sagemaker.list_training_jobs(NameContains="-Train-", SortBy="CreationTime", MaxResults=1)[
        "TrainingJobSummaries"
    ]
    trained = sagemaker.describe_training_job(TrainingJobName=job["TrainingJobName"])
    assert trained["HyperParameters"]["max-depth"] == "3"
    assert {each["MetricName"] for each in trained["FinalMetricDataList"]} == {"train:auc", "validation:auc"}


def test_the_churn_example_says_why_a_model_is_too_weak(server: Server, client: Path) -> None:
    done = run(server, [str(client), str(EXAMPLE / "pipeline.py"), "--auc-threshold", "0.99"])
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("TooWeak")]
    assert "The model's AUC is 0.7" in line
    assert line.endswith("- wanted 0.99")


def test_a_model_trainer_alone(server: Server, client: Path) -> None:
    found = user(server, client, "alone")
    assert found["status"] == "Completed"
    assert found["metrics"] == {"loss": pytest.approx(0.2)}
    assert found["transitions"][-1] == "Completed"
    assert found["boosted"] == ["train:logloss"]
    assert "AlgorithmError: , exit code: 3" in found["refusal"]
    assert found["name"] in found["listed"]
    assert "loss=0.2" in found["printed"], "logs=True shows what the job prints"
    assert read(server, found["model"], "rate.txt") == b"0.5"
    seen = json.loads(read(server, found["output"], "found.json"))
    assert seen["hps"] == {"rate": 0.5, "label": "a b", "sizes": [1, 2], "deep": True}
    assert (seen["label"], seen["sizes"], seen["deep"]) == ("a b", [1, 2], "true")
    assert (seen["colour"], seen["rows"]) == ("green", "1,2\n")


@pytest.fixture
def torch() -> None:
    """Skips where torch's build for processors cannot be had."""
    try:
        Environments(ENVIRONMENTS, catalog.load(None).recipes).prepare("pytorch-2.13.0", lambda _: None)
    except BuildFailed as failure:
        pytest.skip(str(failure))


@pytest.mark.usefixtures("torch")
def test_a_model_trainer_with_torchrun_on_two_hosts(server: Server, client: Path) -> None:
    found = user(server, client, "spread")
    assert found["status"] == "Completed"
    assert read(server, found["model"], "sum.txt") == b"100.0 of 4"


def test_a_framework_processor_and_the_roles_of_all_that_the_sdk_does(server: Server, client: Path) -> None:
    found = user(server, client, "processed")
    assert found["status"] == "Completed"
    assert read(server, f"{found['output']}/said.txt") == b"well done"
    assert found["roles"] == ["arn:aws:iam::123456789012:role/SageMakerRole"]


def test_a_pipeline_trains_tunes_creates_and_registers(server: Server, client: Path) -> None:
    found = user(server, client, "piped")
    assert set(found["steps"].values()) == {"Succeeded"}, found["steps"]
    assert len(found["models"]) == 1
    assert found["packages"] == ["Approved"]
    sagemaker = server.client("sagemaker")
    (package,) = sagemaker.list_model_packages(ModelPackageGroupName="sdk3")["ModelPackageSummaryList"]
    described = sagemaker.describe_model_package(ModelPackageName=package["ModelPackageArn"])
    archive = described["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    assert read(server, archive, "rate.txt") == b"0.5"
    assert b"def model_fn" in read(server, archive, "code/inference.py")


@pytest.fixture
def images_server(tmp_path: Path) -> Iterator[Server]:
    """A server that knows an image with the SDK in it, as the SDK's functions need one."""
    file = tmp_path / "images.toml"
    file.write_text(IMAGES)
    try:
        Environments(ENVIRONMENTS, catalog.load(file).recipes).prepare("functions", lambda _: None)
    except BuildFailed as failure:
        pytest.skip(str(failure))
    started = Server(tmp_path / "data", options=("--images", str(file))).start()
    yield started
    assert started.stop() == 0


def test_functions_as_jobs_and_as_steps(images_server: Server, client: Path) -> None:
    found = user(images_server, client, "functions", "functions:1")
    assert found["quotient"] == {"quotient": 0.5}
    assert found["steps"] == {"squares": "Succeeded", "total": "Succeeded"}
    assert found["result"] == 140
