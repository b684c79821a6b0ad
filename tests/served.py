"""A real server on a port, and real clients: what contract and chaos tests stand on. Shared through conftest.py."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
FINAL = ("Succeeded", "Failed", "Stopped", "Completed")
DEADLINE_SECONDS = 240


@dataclass
class Server:
    """One `stepwell up`, which can be killed and started again on the same data."""

    data: Path
    port: int = 0
    options: tuple[str, ...] = ()
    process: subprocess.Popen[str] | None = None
    address: dict[str, Any] = field(default_factory=dict)

    def start(self) -> Server:
        command = [
            sys.executable,
            "-m",
            "stepwell.cli.main",
            "up",
            "--data",
            str(self.data),
            "--port",
            str(self.port),
        ]
        command += self.options
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "STEPWELL_"))}
        environment.setdefault(
            "STEPWELL_ENVIRONMENTS", str(Path("~/.cache/stepwell-tests/environments").expanduser())
        )
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self.process.stdout
        for line in self.process.stdout:
            if line.startswith("stepwell is ready at "):
                break
        else:
            raise AssertionError(f"the server ended with exit code {self.process.wait()}")
        self.address = json.loads((self.data / "server.json").read_text())
        self.port = int(self.address["endpoint"].rpartition(":")[2])
        return self

    def kill(self) -> None:
        """kill -9, as a power switch would."""
        assert self.process
        self.process.send_signal(signal.SIGKILL)
        self._reap()

    def stop(self) -> int:
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self._reap()

    def _reap(self) -> int:
        assert self.process and self.process.stdout
        code = self.process.wait(timeout=30)
        self.process.stdout.close()
        return code

    def client(self, service: str, region: str = "us-east-1", **options: Any) -> Any:
        retries = Config(retries={"total_max_attempts": 1}, **options.pop("config", {}))
        return boto3.client(
            service,
            endpoint_url=self.address["endpoint"],
            region_name=region,
            aws_access_key_id=options.pop("key", self.address["access_key_id"]),
            aws_secret_access_key=options.pop("secret", self.address["secret_access_key"]),
            config=retries,
            **options,
        )


def eventually(look: Callable[[], Any], seconds: float = DEADLINE_SECONDS) -> Any:
    """The first true answer of `look`; fails the test when none comes."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = look()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"nothing came of it in {seconds} s")


def ended_execution(sagemaker: Any, arn: str) -> dict[str, Any]:
    """The execution's description once it has ended."""

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        return found if found["PipelineExecutionStatus"] in FINAL else None

    return dict(eventually(look))


def steps_of(sagemaker: Any, arn: str) -> dict[str, dict[str, Any]]:
    """The steps of an execution by name."""
    listed = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn, MaxResults=100)
    return {step["StepName"]: step for step in listed["PipelineExecutionSteps"]}
