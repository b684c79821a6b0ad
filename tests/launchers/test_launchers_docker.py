"""The docker launcher at a real engine: the conformance suite, and what is its own."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from docker_daemon import IMAGE, OWN_COMMAND, docker, import_images, running_daemon
from docker_registry import registry
from launcher_conformance import PATH, LauncherConformance, Make, eventually, finish, texts, wait

from stepwell.launchers import records
from stepwell.launchers.docker import DockerLauncher, NoEngineError, check, name_of
from stepwell.launchers.docker_engine import Engine
from stepwell.launchers.isolation import Isolation, NoIsolationError
from stepwell.launchers.launcher import Absent, Container, Exited, Launcher, Lost, Mount, Running
from stepwell.launchers.probe import find_isolation

NO_ISOLATION = Isolation("namespaces")
"""Images need none."""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("docker")
    with running_daemon(folder) as engine:
        import_images(engine, folder)
        yield engine
        eventually(lambda: docker(engine, "ps", "--all", "--quiet") == "")  # no container is left behind
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def launcher(engine: Engine) -> Launcher:
    return DockerLauncher(NO_ISOLATION, engine, {})


@pytest.fixture
def make(tmp_path: Path) -> Make:
    build = LauncherConformance.make.__wrapped__(None, tmp_path)  # type: ignore[attr-defined]
    return lambda *command, image=IMAGE, **fields: replace(build(*command, **fields), image=image)


class TestDockerLauncher(LauncherConformance):
    """What an engine keeps otherwise: the file system is the image's, HOSTNAME is set, and standard output and error
    are two pipes, whose order nobody knows."""

    @pytest.fixture
    def launcher(self, engine: Engine) -> Launcher:
        return DockerLauncher(NO_ISOLATION, engine, {})

    @pytest.fixture
    def make(self, tmp_path: Path) -> Make:
        build = LauncherConformance.make.__wrapped__(self, tmp_path)  # type: ignore[attr-defined]
        return lambda *command, **fields: replace(build(*command, **fields), image=IMAGE)

    def test_the_environment_is_complete(
        self, launcher: Launcher, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SERVERS_SECRET", "of the server")
        environment = {"PATH": PATH, "EMPTY": "", "TEXT": "ä = b\tc"}
        container = make("/usr/bin/env", environment=environment)
        assert finish(launcher, container).code == 0
        seen, given = set(texts(container)), {f"{name}={value}".encode() for name, value in environment.items()}
        assert given <= seen
        assert {line.split(b"=")[0] for line in seen - given} == {b"HOSTNAME", b"HOME"}

    @pytest.mark.parametrize("path", ["/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger"])
    def test_the_system_is_read_only(self, launcher: Launcher, make: Make, path: str) -> None:
        exited = finish(launcher, make(script=f": >> {path}"))
        assert exited.code not in (0, None)

    def test_root_has_no_power_over_the_host(self, launcher: Launcher, make: Make) -> None:
        script = (
            "mount -t tmpfs x /mnt && echo mounted; mknod /tmp/disk b 8 0 && echo made; umount /usr && echo out; "
        )
        container = make(script=script + "kill -9 1; echo alive; grep NoNewPrivs /proc/self/status")
        assert finish(launcher, container).code == 0
        lines = set(texts(container))
        assert not {b"mounted", b"made", b"out"} & lines
        assert {b"alive", b"NoNewPrivs:\t1"} <= lines

    def test_a_mount_target_cannot_lead_out(self, launcher: Launcher, make: Make, tmp_path: Path) -> None:
        container = make(script="true")
        outside = tmp_path / "outside"
        outside.mkdir()
        (container.folder / "opt ml" / "input").symlink_to(outside)
        mounts = (*container.mounts, Mount(tmp_path, "/opt/ml/input/data"))
        finish(launcher, replace(container, mounts=mounts))
        assert list(outside.iterdir()) == []

    def test_a_system_directory_cannot_be_covered(self, launcher: Launcher, make: Make, tmp_path: Path) -> None:
        """The image is the container's own: what covers it harms nobody."""
        exited = finish(launcher, make("/bin/true", mounts=(Mount(tmp_path, "/usr/lib/new"),)))
        assert (exited.code, exited.error) == (0, "")

    def test_network_isolation(self, launcher: Launcher, make: Make, listening_port: int) -> None:
        script = f"(exec 3<>/dev/tcp/127.0.0.1/{listening_port}) && echo connected; cat /proc/net/dev"
        container = make("/bin/bash", "-c", script, network=False)
        assert finish(launcher, container).code == 0
        lines = texts(container)
        assert b"connected" not in lines
        assert any(b"Connection refused" in line for line in lines), "the loopback is down"
        assert [line.split(b":")[0].strip() for line in lines if b": " in line and b"/" not in line] == [b"lo"]

    def test_log_keeps_bytes_order_and_partial_lines(self, launcher: Launcher, make: Make) -> None:
        container = make(script=r"printf 'a\n\nb\377\n'; printf 'c\n'; sleep 0.3; printf 'no newline' >&2")
        finish(launcher, container)
        assert texts(container) == [b"a", b"", b"b\xff", b"c", b"no newline"]


# Images


@pytest.mark.parametrize(
    ("command", "arguments", "said"),
    [
        ((), (), b"own default"),
        ((), ("train",), b"own train"),
        (("/bin/sh", "-c", "echo mine"), (), b"mine"),
        (("/bin/sh", "-c", "echo $KEPT $PYTHONPATH; pwd"), (), b"yes /ours:/theirs\n/srv"),
    ],
)
def test_entrypoint_and_command(
    launcher: Launcher, make: Make, command: tuple[str, ...], arguments: tuple[str, ...], said: bytes
) -> None:
    container = make(image=OWN_COMMAND, arguments=arguments, environment={"PYTHONPATH": "/ours"})
    container = replace(container, command=command)
    assert finish(launcher, container).code == 0
    assert b"\n".join(texts(container)) == said


def test_an_image_that_cannot_be_had(launcher: Launcher, make: Make) -> None:
    exited = finish(launcher, make(script="true", image="127.0.0.1:9/no/such:1"))
    assert exited.code == 127
    assert "127.0.0.1:9/no/such:1" in exited.error


def test_a_stop_or_a_deadline_ends_a_pull_that_hangs(launcher: Launcher, make: Make, listening_port: int) -> None:
    container = make(script="true", image=f"127.0.0.1:{listening_port}/slow:1", deadline=time.time() + 1)
    exited = finish(launcher, container)
    assert exited.timed_out
    assert (exited.code, exited.signal) == (None, None)


def test_an_image_is_pulled_with_the_users_password(engine: Engine, make: Make, tmp_path: Path) -> None:
    with registry(tmp_path, "user:secret") as host:
        encoded = base64.b64encode(b"user:secret").decode()
        (tmp_path / "config.json").write_text(json.dumps({"auths": {host: {"auth": encoded}}}))
        image = f"{host}/team/busy:1"
        nobody = make(script="true", image=image)
        assert finish(DockerLauncher(NO_ISOLATION, engine, {"DOCKER_CONFIG": "/none"}), nobody).code == 127
        container = make(script="echo ran", image=image)
        exited = finish(DockerLauncher(NO_ISOLATION, engine, {"DOCKER_CONFIG": str(tmp_path)}), container)
    assert (exited.code, exited.error) == (0, "")
    assert texts(container)[-1] == b"ran"


def test_processes_go_on_beside_images(engine: Engine, make: Make) -> None:
    try:
        launcher = DockerLauncher(find_isolation(), engine, {})
    except NoIsolationError as error:
        pytest.skip(str(error))
    process, image = make(script="test -e /usr/bin/awk", image=""), make(script="test -e /usr/bin/awk")
    assert finish(launcher, process).code == 0
    assert finish(launcher, image).code == 1


def test_hosts_know_each_other_by_name(launcher: Launcher, make: Make, listening_port: int) -> None:
    container = make("/bin/bash", "-c", f"exec 3<>/dev/tcp/algo-2/{listening_port} && echo connected")
    assert finish(launcher, container).code == 0
    assert texts(container) == [b"connected"]


# Whoever dies, it runs once


def test_a_killed_server_loses_nothing(launcher: Launcher, engine: Engine, make: Make) -> None:
    container = make(script="echo ran >> /opt/ml/runs; read line < /opt/ml/go; exit 9")
    os.mkfifo(container.folder / "opt ml" / "go")
    server = os.fork()
    if server == 0:
        try:
            launcher.launch(container)
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(server, 0)
    successor = DockerLauncher(NO_ISOLATION, engine, {})
    assert isinstance(successor.launch(container), Running)
    (container.folder / "opt ml" / "go").write_text("go\n")
    exited = wait(successor, container.folder)
    assert isinstance(exited, Exited)
    assert exited.code == 9
    assert (container.folder / "opt ml" / "runs").read_text() == "ran\n"


def test_a_killed_supervisor_has_a_successor(launcher: Launcher, make: Make) -> None:
    container = make(script="echo one; read line < /opt/ml/go; echo two; exit 9")
    os.mkfifo(container.folder / "opt ml" / "go")
    kill_supervisor(launcher, container, b" one\n")
    assert isinstance(launcher.observe(container.folder), Running)
    (container.folder / "opt ml" / "go").write_text("go\n")
    exited = wait(launcher, container.folder)
    assert isinstance(exited, Exited)
    assert (exited.code, exited.error) == (9, "")
    assert texts(container) == [b"one", b"two"]


def test_the_successor_keeps_the_deadline(launcher: Launcher, make: Make) -> None:
    container = make(script="trap 'exit 5' TERM; echo one; while :; do sleep 0.05; done", deadline=time.time() + 4)
    kill_supervisor(launcher, container, b" one\n")
    exited = wait(launcher, container.folder)
    if isinstance(exited, Running):
        exited = wait(launcher, container.folder)
    assert isinstance(exited, Exited)
    assert (exited.code, exited.timed_out) == (5, True)


def test_what_ended_without_a_supervisor_is_known(launcher: Launcher, engine: Engine, make: Make) -> None:
    container = make(script="echo one; read line < /opt/ml/go; exit 9")
    os.mkfifo(container.folder / "opt ml" / "go")
    kill_supervisor(launcher, container, b" one\n")
    (container.folder / "opt ml" / "go").write_text("go\n")
    docker(engine, "wait", name_of(container.folder))
    assert isinstance(launcher.launch(container), Running)
    exited = wait(launcher, container.folder)
    assert isinstance(exited, Exited)
    assert exited.code == 9


def test_a_supervisor_killed_at_any_moment_runs_nothing_twice(launcher: Launcher, make: Make) -> None:
    for delay in range(0, 400, 40):
        container = make(script="echo ran >> /opt/ml/runs; sleep 0.05")
        running = launcher.launch(container)
        assert isinstance(running, Running)
        time.sleep(delay / 1000)
        with contextlib.suppress(ProcessLookupError):
            os.kill(running.pid, signal.SIGKILL)
        eventually(lambda folder=container.folder: not records.is_locked(folder))  # type: ignore[misc]
        if launcher.observe(container.folder) == Absent():
            launcher.launch(container)
        exited = wait(launcher, container.folder)
        assert isinstance(exited, Exited), exited
        assert exited.code == 0
        assert (container.folder / "opt ml" / "runs").read_text() == "ran\n"


def test_a_container_that_somebody_removed(launcher: Launcher, engine: Engine, make: Make) -> None:
    container = make(script="echo one; sleep 1000")
    launcher.launch(container)
    until_said(container, b" one\n")
    docker(engine, "rm", "--force", name_of(container.folder))
    exited = wait(launcher, container.folder)
    assert isinstance(exited, Exited)
    assert exited.exit_code in (125, 137)
    orphan = make(script="echo one; sleep 1000")
    kill_supervisor(launcher, orphan, b" one\n")
    docker(engine, "rm", "--force", name_of(orphan.folder))
    assert isinstance(launcher.observe(orphan.folder), Lost)


def test_deleting_the_folder_ends_the_container(
    launcher: Launcher, engine: Engine, make: Make, tmp_path: Path
) -> None:
    container = make(script="echo ready; sleep 1000")
    launcher.launch(container)
    until_said(container, b" ready\n")
    shutil.rmtree(container.folder)
    eventually(lambda: docker(engine, "ps", "--all", "--quiet") == "")


# The engine


def test_no_engine_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(NoEngineError, match="--launcher process"):
        check(Engine(f"unix://{tmp_path}/none"))
    with pytest.raises(NoEngineError, match="unix:///path"):
        check(Engine("ssh://somewhere"))


def test_an_engine_that_is_away_fails_the_container(make: Make, tmp_path: Path) -> None:
    exited = finish(DockerLauncher(NO_ISOLATION, Engine(f"unix://{tmp_path}/none"), {}), make(script="true"))
    assert exited.exit_code == 125
    assert exited.error


def kill_supervisor(launcher: Launcher, container: Container, said: bytes) -> None:
    """Launch, wait for `said` in the log, kill -9 the supervisor."""
    running = launcher.launch(container)
    assert isinstance(running, Running)
    until_said(container, said)
    handle = launcher.watch(container.folder)
    os.kill(running.pid, signal.SIGKILL)
    assert handle is not None
    select.select([handle], [], [])
    os.close(handle)


def until_said(container: Container, said: bytes) -> None:
    log = container.folder / "log"
    eventually(lambda: log.exists() and said in log.read_bytes())


@pytest.fixture
def listening_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]
