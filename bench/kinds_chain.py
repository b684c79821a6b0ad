"""Many trivial jobs: a chain beside the SDK's local mode, and a hundred at once. In: a World. Out: rows.

The chain is one script (kinds_user.py) that runs with `PipelineSession` here and with `LocalPipelineSession`, the
SDK's own way to run a pipeline on one machine: docker compose for each step.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import time
from pathlib import Path

import kinds_docker
import peers
from engine_stepwell import processing_steps
from kinds_world import ROLE, Report, Skipped, World, verdict, wait
from meters import cpu_seconds, middle, tree

LENGTH = 20
LOCAL_LENGTH = 6
"""Local mode runs one step after the other, so a shorter chain costs the same a step."""
QUOTED_SECONDS = 1.7
"""A step of local mode as measured elsewhere, for machines that cannot run it."""
FAN = 100
TICK = 0.01


def chain(world: World, report: Report) -> None:
    """Wall seconds a step of a chain."""
    length = world.size(LENGTH, 4)
    ours = world.user(world.server, "here", "python:3.11", str(length))["seconds"] / length
    try:
        theirs, words, wanted = _local(world), "local mode", "at least 20"
    except Skipped as reason:
        report.notes.append(f"SDK v2 local mode is not measured: {reason}. Quoted: {QUOTED_SECONDS} s a step.")
        theirs, words, wanted = QUOTED_SECONDS, "local mode, quoted", "at least 20 (quoted)"
    report.add(
        f"chain of {length} trivial Processing steps, a step",
        f"{ours * 1000:.0f} ms",
        f"{words}: {theirs * 1000:.0f} ms",
        theirs / ours,
        verdict(wanted, theirs / ours >= 20),
    )


def _local(world: World) -> float:
    """Seconds a step. Raises Skipped."""
    length = world.size(LOCAL_LENGTH, 2)
    with kinds_docker.engine(world.folder / "docker-local") as address:
        _check_compose()
        more = {"DOCKER_HOST": address}
        return (
            float(world.user(world.server, "local", kinds_docker.IMAGE, str(length), more=more)["seconds"]) / length
        )


def _check_compose() -> None:
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if plugin.returncode and shutil.which("docker-compose") is None:
        raise Skipped("docker compose is not installed")


def fan(world: World, report: Report) -> None:
    """Processor time of a hundred jobs at once, of all that is not the user's command."""
    width, peer = world.size(FAN, 10), world.server
    _pipeline(peer, "warm", 1)
    cpu, wall, polls = _pipeline(peer, "fan", width)
    idle = _polling(peer)
    command = _bare(width)
    overhead = (cpu - polls * idle) / width - command
    report.add(
        f"fan-out of {width} sandboxed jobs, overhead a job",
        f"{overhead * 1000:.0f} ms CPU",
        f"`true` itself: {command * 1000:.1f} ms",
        None,
        verdict("under 60 ms", overhead < 0.060),
    )
    report.notes.append(
        f"Fan-out: {wall:.1f} s wall for {width} jobs in namespaces of their own, as the queue admits them."
    )


def _pipeline(peer: peers.Peer, name: str, width: int) -> tuple[float, float, int]:
    """Run so many steps side by side: CPU and wall seconds of the server and all it started, calls while waiting."""
    steps = processing_steps({f"S{number}": [] for number in range(width)}, False)
    sagemaker = peer.client("sagemaker")
    sagemaker.create_pipeline(
        PipelineName=name,
        PipelineDefinition=json.dumps({"Version": "2020-12-01", "Steps": steps}),
        ClientRequestToken=f"{name:x<32}",
        RoleArn=ROLE,
    )
    polls = 0

    def describe() -> dict[str, str]:
        nonlocal polls
        polls += 1
        time.sleep(0.1)
        return dict(sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn))

    before, begun = spent(peer.process.pid), time.perf_counter()
    arn = sagemaker.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"]
    wait(describe, "PipelineExecutionStatus")
    wall = time.perf_counter() - begun
    time.sleep(0.5)  # the last supervisors end, and folders are cleaned
    sagemaker.list_pipelines()
    return spent(peer.process.pid) - before, wall, polls


def spent(process: int) -> float:
    """Processor seconds of a tree of processes, those included that have ended and were waited for."""
    ended = 0.0
    for each in tree(process):
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ended += (int(fields[13]) + int(fields[14])) * TICK
    return cpu_seconds(process) + ended


def _polling(peer: peers.Peer) -> float:
    """Processor seconds of a call like those while waiting."""
    sagemaker, costs = peer.client("sagemaker"), []
    arn = sagemaker.list_pipeline_executions(PipelineName="fan")["PipelineExecutionSummaries"][0]
    for _ in range(10):
        before = cpu_seconds(peer.process.pid)
        sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn["PipelineExecutionArn"])
        costs.append(cpu_seconds(peer.process.pid) - before)
    return middle(costs)


def _bare(count: int) -> float:
    """Processor seconds of running the user's command by itself."""

    def children() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = children()
    for _ in range(count):
        subprocess.run(["true"], check=True)
    return (children() - before) / count
