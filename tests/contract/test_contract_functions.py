"""Functions as jobs, as users of the SDK know them: @step, @remote; notebook jobs and framework processors."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from served import ROLE, Server
from stepwell.cli import connection, demo_client

pytestmark = [pytest.mark.contract, pytest.mark.timeout(600)]

USER = Path(__file__).with_name("functions_user.py")
EXAMPLE = Path(__file__).parents[2] / "examples" / "functions" / "pipeline.py"


@pytest.fixture(scope="module")
def client() -> Path:
    """The Python of the examples' client environment: SageMaker SDK 2."""
    return demo_client.client_python(Console(quiet=True), Path.home() / ".cache" / "stepwell" / "clients")


def ran(server: Server, command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """A user's command in `folder`, after `eval "$(stepwell env)"`."""
    reached = connection.access(server.data)
    assert reached
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STEPWELL_"))}
    environment = {**own, **connection.variables(server.data, reached, own)}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=500, check=False
    )


def user(server: Server, client: Path, folder: Path, what: str) -> dict[str, Any]:
    """What the user's script found."""
    done = ran(server, [str(client), str(USER), what, ROLE], folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_the_example(server: Server, client: Path, tmp_path: Path) -> None:
    done = ran(server, [str(client), str(EXAMPLE)], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "y = 2.99 x + 2.07"


def test_step_functions_in_a_pipeline(server: Server, client: Path, tmp_path: Path) -> None:
    found = user(server, client, tmp_path, "piped")
    steps = found["steps"]
    assert {name: step["StepStatus"] for name, step in steps.items()} == dict.fromkeys(
        ("prepare", "score", "decide", "look"), "Succeeded"
    ), steps
    assert steps["prepare"]["StepDisplayName"] == "Prepare, then count"
    assert found["prepared"] == {
        "rows": [4, 8],
        "colour": "blue",
        "before": "before",
        "execution": found["execution"],
        "shouted": "WORD",
        "tabulate": "0.9.0",
        "files": ["config.yaml", "look.py", "pre_exec.sh", "requirements.txt", "words.py"],
    }
    assert found["scored"] == [2.4, {"auc": 0.75}]
    assert found["low"]["low"]["FailureReason"] == "too low: 0.6"
    assert found["selected"]["prepare"]["SelectiveExecutionResult"]
    assert found["rescored"] == [0.6, {"auc": 0.75}]
    assert described(server, steps["prepare"])["ResourceConfig"]["KeepAlivePeriodInSeconds"] == 60
    assert any("requirements.txt are there from an earlier job" in line for line in log_of(server, steps["score"]))


def test_a_failed_function_says_what_the_sdk_says(server: Server, client: Path, tmp_path: Path) -> None:
    found = user(server, client, tmp_path, "failing")
    for name, said in {
        "raised": "AlgorithmError: KeyError('lost'), exit code: 1",
        "changed": "DeserializationError('Integrity check for the serialized function or data failed.",
        "python": "Python version found in the container is '3.11' which does not match python version '3.7'",
        "conda": "Neither conda nor mamba is installed on the image",
    }.items():
        assert said in found[name], found


def test_remote_functions(server: Server, client: Path, tmp_path: Path) -> None:
    found = user(server, client, tmp_path, "remote")
    assert found["half"] == 0.5
    assert found["wrong"] == "ZeroDivisionError('division by zero')"
    assert found["never"].startswith("RuntimeEnvironmentError(")
    assert "Encountered error while running pre-execution commands. Reason: no" in found["never"]
    assert found["kept"] == ["results/metadata.json", "results/payload.pkl"]


def test_notebook_jobs(server: Server, client: Path, tmp_path: Path) -> None:
    steps = user(server, client, tmp_path, "notebooks")["steps"]
    assert {name: step["StepStatus"] for name, step in steps.items()} == {
        "answer": "Succeeded",
        "outer": "Succeeded",
        "broken": "Failed",
    }, steps
    reason = steps["broken"]["FailureReason"]
    assert "Error with executing notebook" in reason
    assert "ZeroDivisionError" in reason
    files = executed(server, steps["outer"])
    assert set(files) == {"outer.ipynb", "sagemaker_job_execution.log", output_notebook(server, steps["outer"])}
    text = files[output_notebook(server, steps["outer"])]
    assert "amazon answered scripted" in text
    assert "inner amazon" in text


def described(server: Server, step: dict[str, Any]) -> dict[str, Any]:
    job = step["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
    return dict(server.client("sagemaker").describe_training_job(TrainingJobName=job))


def log_of(server: Server, step: dict[str, Any]) -> list[str]:
    """The first lines of a step's log."""
    logs, group = server.client("logs"), "/aws/sagemaker/TrainingJobs"
    name = described(server, step)["TrainingJobName"]
    (stream,) = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
    found = logs.get_log_events(
        logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True, limit=20
    )
    return [event["message"] for event in found["events"]]


def output_notebook(server: Server, step: dict[str, Any]) -> str:
    return str(described(server, step)["Environment"]["SM_OUTPUT_NOTEBOOK_NAME"])


def executed(server: Server, step: dict[str, Any]) -> dict[str, str]:
    """The files in the output archive of a notebook job."""
    job = described(server, step)
    bucket, _, prefix = job["OutputDataConfig"]["S3OutputPath"].removeprefix("s3://").partition("/")
    key = f"{prefix}/{job['TrainingJobName']}/output/output.tar.gz"
    body = server.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        files = [(member.name, archive.extractfile(member)) for member in archive if member.isfile()]
        return {name: content.read().decode() for name, content in files if content}


def test_a_framework_processor(server: Server, client: Path, tmp_path: Path) -> None:
    found = user(server, client, tmp_path, "framework")
    assert found["steps"]["go"]["StepStatus"] == "Succeeded", found
    body = server.client("s3").get_object(Bucket=found["bucket"], Key="framework/said.txt")["Body"].read()
    assert body.decode() == "['--word', 'two words'] beside 0.9.0 1.2.1"
