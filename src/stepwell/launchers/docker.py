"""The `docker` launcher: images run by a Docker-compatible engine, beside processes without one.

In: a `Container`; with an `image` it goes to the engine, else it is a process as ever, so both mix in one pipeline.
Each has a supervisor that outlives the server and owns the folder's lock (`process.py`); that of an engine's
container (`docker_supervisor.py`) has a container instead of a child, whose name derives from the folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from stepwell.launchers import docker_body, docker_order, records
from stepwell.launchers.docker_credentials import registry_auth
from stepwell.launchers.docker_engine import UNREACHABLE, Engine, EngineError, container_path
from stepwell.launchers.docker_order import DockerOrder, Standing
from stepwell.launchers.isolation import Isolation
from stepwell.launchers.launcher import Container, Lost, Observation, Running
from stepwell.launchers.process import ProcessLauncher, open_high

PROGRAM = "import sys; sys.path.append(sys.argv[1]); from stepwell.launchers.docker_supervisor import main; main()"
CHECK_SECONDS = 10.0
GPU_DEVICE = Path("/dev/nvidia0")


class NoEngineError(RuntimeError):
    """No engine answers. The message says where it was looked for and what to do."""


class DockerLauncher(ProcessLauncher):
    """Keeps the promises of `launcher.Launcher`, for images by `engine`, for everything else as its base does."""

    def __init__(
        self,
        isolation: Isolation,
        engine: Engine,
        environment: Mapping[str, str] = os.environ,
        python: str = sys.executable,
    ) -> None:
        """`environment` says where the user's registry passwords are (DOCKER_CONFIG, HOME)."""
        super().__init__(isolation, python)
        self._engine = engine
        self._environment = environment

    def launch(self, container: Container) -> Observation:
        """Start it, unless its folder was started before: then only say how it stands."""
        return self._resumed(container.folder, super().launch(container))

    def observe(self, folder: Path) -> Observation:
        """How the container of `folder` stands."""
        return self._resumed(folder, super().observe(folder))

    def _spawn(self, container: Container, lock: int) -> Running:
        if not container.image:
            return super()._spawn(container, lock)
        folder = container.folder.absolute()
        standing = Standing(
            folder=str(folder),
            engine=self._engine.address,
            name=name_of(folder),
            image=container.image,
            deadline=container.deadline,
            grace_seconds=container.grace_seconds,
            log_bytes=container.log_bytes,
        )
        docker_order.leave(standing)
        host = docker_body.Host(os.cpu_count() or 1, GPU_DEVICE.exists())
        order = DockerOrder(
            standing,
            json.dumps(docker_body.body(container, host)),
            registry_auth(container.image, self._environment),
            tuple((entry.path, entry.kind, entry.content) for entry in container.tree),
        )
        return self._supervise(container.folder, lock, PROGRAM, docker_order.pack(order))

    def _resumed(self, folder: Path, seen: Observation) -> Observation:
        """What looks lost lost only its supervisor while the engine still has the container: it gets another."""
        standing = docker_order.read(folder) if isinstance(seen, Lost) else None
        if standing is None or not _has(standing):
            return seen
        lock = open_high(folder / records.LOCK, os.O_RDWR)
        try:
            if not records.take_lock(lock):
                return super().observe(folder)
            ended = records.read_exit(folder)
            return ended or self._supervise(folder, lock, PROGRAM, docker_order.pack(DockerOrder(standing)))
        finally:
            os.close(lock)


def check(engine: Engine) -> None:
    """Raises NoEngineError when `engine` does not answer."""
    try:
        engine.call("GET", "/version", seconds=CHECK_SECONDS)
    except (EngineError, *UNREACHABLE) as error:
        raise NoEngineError(
            f"No Docker-compatible engine answers at {engine.address}: {error}. Start Docker or Podman's service, "
            "set DOCKER_HOST to its socket, or choose --launcher process."
        ) from error


def name_of(folder: Path) -> str:
    """The container's name at the engine: a repeated creation finds the first one's."""
    return f"stepwell-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:24]}"


def _has(standing: Standing) -> bool:
    try:
        Engine(standing.engine).call("GET", container_path(standing.name, "/json"))
    except (EngineError, *UNREACHABLE):
        return False
    return True
