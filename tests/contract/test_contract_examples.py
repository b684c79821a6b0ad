"""The examples run as they stand, in environments of their own: the SDK's, boto3's, the AWS CLI's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from served import Server
from stepwell.cli import connection, demo_client

pytestmark = [pytest.mark.contract, pytest.mark.timeout(900)]

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def client() -> Path:
    """The Python of the examples' client environment: SageMaker SDK 2, boto3, the data set."""
    return demo_client.client_python(Console(quiet=True), Path.home() / ".cache" / "stepwell" / "clients")


def environment(server: Server) -> dict[str, str]:
    """A user's environment after `eval "$(stepwell env)"`, with our `aws` on PATH."""
    reached = connection.access(server.data)
    assert reached
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STEPWELL_"))}
    path = f"{Path(sys.executable).parent}:{own['PATH']}"
    return {**own, "PATH": path, **connection.variables(server.data, reached, own)}


def run(server: Server, command: list[str], seconds: float = 600) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=environment(server), capture_output=True, text=True, timeout=seconds, check=False
    )


def test_the_demo_proves_the_main_job() -> None:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STEPWELL_"))}
    command = [sys.executable, "-m", "stepwell.cli.main", "demo"]
    done = subprocess.run(command, env=own, capture_output=True, text=True, timeout=800, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for said in ("AUC on the test set: 0.7", "model-package/churn/2", "bytes unpacked)", "RegisterModel │ Succeeded"):
        assert said in done.stdout


def test_the_same_pipeline_with_plain_boto3(server: Server, client: Path) -> None:
    done = run(server, [str(client), str(EXAMPLES / "churn_boto3" / "run.py")])
    assert done.returncode == 0, done.stdout + done.stderr
    packages = server.client("sagemaker").list_model_packages(ModelPackageGroupName="churn")
    assert packages["ModelPackageSummaryList"]


@pytest.mark.parametrize(("threshold", "code", "branch"), [("0.7", 0, "RegisterModel"), ("0.99", 1, "Fail")])
def test_the_same_pipeline_with_the_aws_cli(
    server: Server, client: Path, threshold: str, code: int, branch: str
) -> None:
    find = "import sys; sys.path.insert(0, sys.argv[1]); from dataset import purchases_file; print(purchases_file())"
    purchases = run(server, [str(client), "-c", find, str(EXAMPLES / "churn")]).stdout.strip()
    done = run(server, [str(EXAMPLES / "churn_cli" / "run.sh"), purchases, f"AucThreshold={threshold}"])
    assert done.returncode == code, done.stdout + done.stderr
    assert branch in done.stdout
