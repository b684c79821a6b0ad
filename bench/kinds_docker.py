"""A Docker engine for the benchmark: the one that answers here, or one of our own. In: a folder. Out: its address.

An image is imported for it that holds `true` and its libraries, nothing else; no registry is asked. `launches` are
the launcher's containers beside bare `docker run` of the same image, in pairs.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import peers
from engine_outcomes import end_group
from kinds_world import ROLE, Report, Skipped, World, spans, stepwell, train, verdict
from meters import middle

from stepwell.launchers.docker import DockerLauncher, check
from stepwell.launchers.docker_engine import Engine, find
from stepwell.launchers.isolation import Isolation
from stepwell.launchers.launcher import Container, Exited

IMAGE = "stepwell.bench/true:1"
LOCAL_NETWORK = "sagemaker-local"
"""What the SDK's local mode leaves behind."""
START_SECONDS = 20.0
BARE = ("run", "--rm", "--init", "--network", "host", IMAGE, "true")
"""As the launcher runs it; in a network of its own a container takes longer."""


@contextlib.contextmanager
def engine(folder: Path) -> Iterator[str]:
    """The address of an engine that has IMAGE, which goes in the end with all its containers. Raises Skipped."""
    folder.mkdir(exist_ok=True)
    with _answering(folder) as address:
        archive = folder / "true.tar"
        _pack(archive)
        docker(address, "import", str(archive), IMAGE)
        had_network = _has_network(address)
        try:
            yield address
        finally:
            left = docker(address, "ps", "--all", "--quiet", "--filter", f"ancestor={IMAGE}").split()
            if left:
                docker(address, "rm", "--force", *left)
            if not had_network and _has_network(address):
                docker(address, "network", "rm", LOCAL_NETWORK)
            docker(address, "rmi", IMAGE)


@contextlib.contextmanager
def _answering(folder: Path) -> Iterator[str]:
    if shutil.which("docker") is None:
        raise Skipped("the program docker is not installed")
    known = find(os.environ).address
    if _answers(known):
        yield known
        return
    for program in ("dockerd", "docker-init"):
        if shutil.which(program) is None:
            raise Skipped(f"no Docker engine answers, and {program} is not installed")
    if os.getuid() != 0:
        raise Skipped("no Docker engine answers, and only root can start one")
    address = f"unix://{folder}/sock"
    command = ["dockerd", f"--data-root={folder}/data", f"--exec-root={folder}/exec", f"--pidfile={folder}/pid"]
    command += [f"--host={address}", "--iptables=false", "--ip6tables=false", "--bridge=none"]
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        give_up = time.monotonic() + START_SECONDS
        while not _answers(address):
            if daemon.poll() is not None or time.monotonic() > give_up:
                raise Skipped(f"dockerd does not start: {(folder / 'log').read_text()[-200:]}")
            time.sleep(0.05)
        yield address
    finally:
        end_group(daemon)
        for line in Path("/proc/self/mounts").read_text().splitlines():
            if line.split()[1].startswith(str(folder)):
                subprocess.run(["umount", "--lazy", line.split()[1]], check=False)


def _answers(address: str) -> bool:
    try:
        check(Engine(address))
    except RuntimeError:
        return False
    return True


def docker(address: str, *words: str) -> str:
    """What the docker command says. Raises Skipped."""
    command = ["docker", "--host", address, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise Skipped(f"docker {words[0]}: {done.stderr[-200:]}")
    return done.stdout.strip()


def _has_network(address: str) -> bool:
    return LOCAL_NETWORK in docker(address, "network", "ls", "--format", "{{.Name}}").split()


def _pack(archive: Path) -> None:
    """A file system with `true` in it."""
    program = shutil.which("true") or "/bin/true"
    needs = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    with tarfile.open(archive, "w") as tar:
        for path in (program, *re.findall(r"(/\S+) \(0x", needs)):
            tar.add(Path(path).resolve(), path.lstrip("/"))
        for name in ("opt", "tmp", "etc"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(folder)


def launches(world: World, report: Report) -> None:
    """A container from launch to end, by the launcher and by the command, in pairs; and within a server's job."""
    count = world.size(15, 2)
    with engine(world.folder / "docker") as address:
        launcher = DockerLauncher(Isolation("namespaces"), Engine(address))
        ours, bare = [], []
        for number in range(-1, count):  # the first pair is not counted
            pair = (lambda n=number: _launched(launcher, world.folder / f"container-{n}")), (lambda: _run(address))
            seconds = [0.0, 0.0]
            for place in (0, 1) if number % 2 == 0 else (1, 0):
                seconds[place] = pair[place]()
            if number >= 0:
                ours.append(seconds[0])
                bare.append(seconds[1])
        ratio = middle([a / b for a, b in zip(ours, bare, strict=True)])
        report.add(
            "Docker launcher: container of `true`, launch to end",
            f"{middle(ours) * 1000:.0f} ms",
            f"docker run --init: {middle(bare) * 1000:.0f} ms",
            ratio,
            verdict("at most 1.3", ratio <= 1.3),
        )
        _jobs(world, report, address, middle(bare))


def _launched(launcher: DockerLauncher, folder: Path) -> float:
    begun = time.perf_counter()
    launcher.launch(Container(folder, ("true",), {}, image=IMAGE))
    descriptor = launcher.watch(folder)
    if descriptor is not None:
        try:
            os.waitid(os.P_PIDFD, descriptor, os.WEXITED | os.WNOWAIT)
        finally:
            os.close(descriptor)
    seconds = time.perf_counter() - begun
    seen = launcher.observe(folder)
    if not isinstance(seen, Exited) or seen.exit_code != 0:
        raise Skipped(f"the container ended as {seen}")
    return seconds


def _run(address: str) -> float:
    begun = time.perf_counter()
    docker(address, *BARE)
    return time.perf_counter() - begun


def _jobs(world: World, report: Report, address: str, bare: float) -> None:
    peer = stepwell(world.folder / "docker-server", "--launcher", "docker", more={"DOCKER_HOST": address})
    try:
        peer.client("s3").create_bucket(Bucket="docker")
        found = [_job(peer, number) for number in range(world.size(7, 2))][1:]
    finally:
        peer.stop()
    report.add(
        "  within a job: its Training status",
        f"{middle(found) * 1000:.0f} ms",
        f"docker run --init: {bare * 1000:.0f} ms",
        middle(found) / bare,
    )


def _job(peer: peers.Peer, number: int) -> float:
    request = {
        "TrainingJobName": f"docker-{number}",
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["true"],
        },
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": "s3://docker/out"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    return spans(train(peer, request))["Training"]
