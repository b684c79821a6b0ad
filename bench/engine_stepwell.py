"""Stepwell's engine: a real server over HTTP whose containers end at once (engine_server.py), driven through boto3.

In: names of workloads on the command line, when run by itself. Out: a JSON line for each; for engine.py, Outcomes. A
step is a Processing job (or a Condition, in the instant graphs) through the whole path: job row, job machine, durable
database. After the clock has stopped, all steps are listed and one job is described, so that nothing was left out.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import peers
from engine_outcomes import Outcome, end_group, peak_memory_bytes
from engine_workloads import WORKLOADS, Graph, Workload, chain
from meters import cpu_seconds

from stepwell import presence

SERVER = Path(__file__).resolve().parent / "engine_server.py"
BUCKET = "bench-engine"
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
POLL_SECONDS = 0.1
"""Asking costs the server a call; at ten a second that is about one part in a hundred."""
RUN_SECONDS = 90.0
WARMING = Workload("Warming", "one step: the environment is built, modules are loaded", lambda: chain(1))


class Wrong(Exception):
    """The run did not end, or not as it should."""


def run(workload: Workload) -> Outcome:
    """One run on a fresh server; for a cached workload the second one."""
    with tempfile.TemporaryDirectory(prefix="stepwell-bench-") as folder, server(Path(folder)) as peer:
        try:
            peer.client("s3").create_bucket(Bucket=BUCKET)
            for each in (WARMING, workload):
                create(peer, each)
            execute(peer, WARMING, "warm")
            if workload.is_cached:
                execute(peer, workload, "before")
            cpu, wall = cpu_seconds(peer.process.pid), time.perf_counter()
            arn = execute(peer, workload, "measured")
            wall, cpu = time.perf_counter() - wall, cpu_seconds(peer.process.pid) - cpu
            memory = peak_memory_bytes(peer.process.pid)
            verify(peer, workload, arn)
        except Wrong as error:
            return Outcome(error=str(error))
    return Outcome(len(workload.graph()), wall, cpu, memory)


@contextmanager
def server(folder: Path) -> Iterator[peers.Peer]:
    """engine_server.py on a free port, until the end of the block."""
    log, data = folder / "server.log", folder / "data"
    begun = time.perf_counter()
    with log.open("wb") as sink:
        command = [sys.executable, str(SERVER), str(data)]
        process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        url = peers.wait(process, log, lambda: peers.url_in(log))
        known = presence.read(data)
        assert known
        keys = {"AWS_ACCESS_KEY_ID": known.access_key_id, "AWS_SECRET_ACCESS_KEY": known.secret_access_key}
        yield peers.Peer("stepwell", url, process, keys, time.perf_counter() - begun)
    finally:
        end_group(process)


def create(peer: peers.Peer, workload: Workload) -> None:
    """The pipeline; its definition may be larger than what AWS takes inline, so it comes from S3."""
    key = f"{workload.name}.json"
    peer.client("s3").put_object(Bucket=BUCKET, Key=key, Body=definition(workload).encode())
    peer.client("sagemaker").create_pipeline(
        PipelineName=workload.name,
        PipelineDefinitionS3Location={"Bucket": BUCKET, "ObjectKey": key},
        ClientRequestToken=f"{workload.name:x<32}",
        RoleArn=ROLE,
    )


def execute(peer: peers.Peer, workload: Workload, purpose: str) -> str:
    """Start an execution and wait until it has succeeded; its ARN. Raises Wrong."""
    sagemaker = peer.client("sagemaker")
    started = sagemaker.start_pipeline_execution(PipelineName=workload.name, ClientRequestToken=f"{purpose:x<32}")
    arn = str(started["PipelineExecutionArn"])
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline:
        seen = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        match seen["PipelineExecutionStatus"]:
            case "Succeeded":
                return arn
            case "Executing":
                time.sleep(POLL_SECONDS)
            case status:
                raise Wrong(f"{workload.name} is {status}: {seen.get('FailureReason', '')}")
    raise Wrong(f"{workload.name} has not ended after {RUN_SECONDS:g} s")


def verify(peer: peers.Peer, workload: Workload, arn: str) -> None:
    """Every step is listed as Succeeded, cached ones with where they came from, and a job is there. Raises Wrong."""
    sagemaker = peer.client("sagemaker")
    pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
        PipelineExecutionArn=arn, PaginationConfig={"PageSize": 100}
    )
    steps: list[dict[str, Any]] = [step for page in pages for step in page["PipelineExecutionSteps"]]
    if len(steps) != len(workload.graph()) or any(step["StepStatus"] != "Succeeded" for step in steps):
        raise Wrong(f"{workload.name} lists {len(steps)} steps, not all of them Succeeded")
    if workload.is_cached and not all("CacheHitResult" in step for step in steps):
        raise Wrong(f"{workload.name} has steps that were not taken from the cache")
    if not workload.is_instant:
        name = steps[-1]["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
        if sagemaker.describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"] != "Completed":
            raise Wrong(f"the job {name} is not Completed")


def definition(workload: Workload) -> str:
    make = condition_steps if workload.is_instant else processing_steps
    return json.dumps({"Version": "2020-12-01", "Steps": make(workload.graph(), workload.is_cached)})


def processing_steps(graph: Graph, is_cached: bool) -> list[dict[str, object]]:
    cluster = {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}
    arguments = {
        "ProcessingResources": {"ClusterConfig": cluster},
        "AppSpecification": {"ImageUri": "python:3.11", "ContainerEntrypoint": ["true"]},
    }
    cache = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"}} if is_cached else {}
    return [
        {"Name": name, "Type": "Processing", "Arguments": arguments, "DependsOn": needs, **cache}
        for name, needs in graph.items()
    ]


def condition_steps(graph: Graph, _is_cached: bool) -> list[dict[str, object]]:
    same = {"Type": "Equals", "LeftValue": 1, "RightValue": 1}
    arguments = {"Conditions": [same], "IfSteps": [], "ElseSteps": []}
    return [
        {"Name": name, "Type": "Condition", "Arguments": arguments, "DependsOn": needs}
        for name, needs in graph.items()
    ]


if __name__ == "__main__":
    for name in sys.argv[1:] or ["W1", "W2", "W3", "W5", "I1", "I2"]:
        outcome = run(WORKLOADS[name])
        print(json.dumps({"workload": name, **asdict(outcome), "cpu_per_step": outcome.cpu_per_step}), flush=True)
