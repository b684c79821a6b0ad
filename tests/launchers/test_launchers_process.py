"""The process launcher, under every isolation of this host: the conformance suite, and what is its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from launcher_conformance import LauncherConformance, Make, eventually, finish, is_alive, wait

from stepwell.launchers import processes, records
from stepwell.launchers.isolation import Isolation
from stepwell.launchers.launcher import Absent, Exited, Launcher, Lost, Mount, Running
from stepwell.launchers.process import ProcessLauncher


def is_inhabited(folder: Path) -> bool:
    """Whether any process of the host lives in the world built over `folder`."""
    for process in Path("/proc").iterdir():
        try:
            mounts = (process / "mountinfo").read_text() if process.name.isdigit() else ""
        except OSError:
            continue
        if str(folder / "root").replace(" ", "\\040") in mounts:
            return True
    return False


def orphaned_worlds() -> set[str]:
    """Each bwrap of this host that is PID 1 of a world and has lost the bwrap outside that waits for it."""
    parents, names = {}, {}
    for process in Path("/proc").iterdir():
        try:
            status = (process / "status").read_text() if process.name.isdigit() else ""
        except OSError:
            continue
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        names[process.name] = fields.get("Name")
        is_one = fields.get("NSpid", "").endswith("\t1") and not fields["State"].startswith("Z")
        if fields.get("Name") == "bwrap" and is_one:
            parents[process.name] = fields["PPid"]
    return {process for process, parent in parents.items() if names.get(parent) != "bwrap"}


class TestProcessLauncher(LauncherConformance):
    @pytest.fixture
    def launcher(self, isolation: Isolation) -> Launcher:
        return ProcessLauncher(isolation)

    def test_a_killed_server_loses_nothing(self, isolation: Isolation, make: Make) -> None:
        """The server dies right after the spawn, having noted nothing; another one takes over."""
        container = make(script="echo ran >> /opt/ml/runs; read line < /opt/ml/go; exit 9")
        os.mkfifo(container.folder / "opt ml" / "go")
        server = os.fork()
        if server == 0:
            try:
                ProcessLauncher(isolation).launch(container)
            finally:
                os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(server, 0)
        successor = ProcessLauncher(isolation)
        assert isinstance(successor.observe(container.folder), Running)
        assert isinstance(successor.launch(container), Running)
        (container.folder / "opt ml" / "go").write_text("go\n")
        exited = wait(successor, container.folder)
        assert isinstance(exited, Exited)
        assert exited.code == 9
        assert (container.folder / "opt ml" / "runs").read_text() == "ran\n"

    def test_a_killed_supervisor_is_a_lost_container(self, launcher: Launcher, make: Make, marker: str) -> None:
        container = make(script=f"echo ran >> /opt/ml/runs; (setsid sleep {marker} &); echo ready; sleep {marker}")
        self.start(launcher, container)
        running = launcher.observe(container.folder)
        assert isinstance(running, Running)
        os.kill(running.pid, signal.SIGKILL)
        lost = wait(launcher, container.folder)
        assert isinstance(lost, Lost)
        assert "killed" in lost.reason
        eventually(lambda: not is_alive(marker))
        assert launcher.launch(container) == lost
        assert (container.folder / "opt ml" / "runs").read_text() == "ran\n"

    def test_a_supervisor_killed_at_any_moment_runs_nothing_twice(self, launcher: Launcher, make: Make) -> None:
        outcomes, orphans = set(), orphaned_worlds()
        for delay in range(0, 40, 2):
            container = make(script="echo ran >> /opt/ml/runs; sleep 0.01")
            folder = container.folder
            running = launcher.launch(container)
            assert isinstance(running, Running)
            time.sleep(delay / 1000)
            with contextlib.suppress(ProcessLookupError):
                os.kill(running.pid, signal.SIGKILL)
            eventually(lambda folder=folder: not records.is_locked(folder))  # type: ignore[misc]
            eventually(lambda folder=folder: not is_inhabited(folder))  # type: ignore[misc]
            outcome = launcher.observe(folder)
            outcomes.add(type(outcome))
            again = finish(launcher, container) if outcome == Absent() else launcher.launch(container)
            assert again == outcome or outcome == Absent()
            runs = folder / "opt ml" / "runs"
            times = runs.read_text().count("ran") if runs.exists() else 0
            assert times == 1 if isinstance(again, Exited) else times <= 1
        eventually(lambda: orphaned_worlds() <= orphans)
        assert Absent in outcomes
        assert outcomes <= {Absent, Lost, Exited}

    def test_signals_that_end_a_server_do_not_end_its_jobs(self, launcher: Launcher, make: Make) -> None:
        container = make(script="echo ready; read line < /opt/ml/go; exit 2")
        os.mkfifo(container.folder / "opt ml" / "go")
        self.start(launcher, container)
        running = launcher.observe(container.folder)
        assert isinstance(running, Running)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(running.pid, number)
        (container.folder / "opt ml" / "go").write_text("go\n")
        exited = wait(launcher, container.folder)
        assert isinstance(exited, Exited)
        assert (exited.code, exited.stopped) == (2, False)

    def test_the_supervisor_shows_no_secrets(self, launcher: Launcher, make: Make) -> None:
        secret = "wJalrXUtnFEMI"
        container = make(script="echo ready; sleep 1000", environment={"PATH": "/usr/bin:/bin", "SECRET": secret})
        self.start(launcher, container)
        running = launcher.observe(container.folder)
        assert isinstance(running, Running)
        for pid in (running.pid, *processes.children(running.pid)):
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            assert secret.encode() not in command
        assert secret.encode() not in Path(f"/proc/{running.pid}/environ").read_bytes()
        launcher.stop(container.folder)
        wait(launcher, container.folder)

    def test_a_wish_to_stop_is_seen_without_the_nudge(self, launcher: Launcher, make: Make) -> None:
        """The server died between leaving the wish and the nudge; the supervisor looks every few seconds."""
        container = make(script="echo ready; sleep 1000")
        self.start(launcher, container)
        (container.folder / records.STOP).touch()
        exited = wait(launcher, container.folder)
        assert isinstance(exited, Exited)
        assert exited.stopped

    def test_deleting_the_folder_ends_the_container(self, launcher: Launcher, make: Make, marker: str) -> None:
        container = make(script=f"echo ready; sleep {marker}")
        self.start(launcher, container)
        assert is_alive(marker)
        assert is_inhabited(container.folder)
        shutil.rmtree(container.folder)
        eventually(lambda: not is_alive(marker))
        eventually(lambda: not is_inhabited(container.folder))

    def test_a_recycled_process_id_is_no_supervisor(self, launcher: Launcher, make: Make) -> None:
        container = make(script="true")
        (container.folder / records.LOCK).write_text(f"{os.getpid()} 12345\n")
        assert records.supervisor(container.folder) is None
        assert launcher.observe(container.folder) == Absent()
        assert finish(launcher, container).code == 0

    def test_no_zombies_and_no_descriptors_are_left(self, launcher: Launcher, make: Make) -> None:
        children = set(processes.children(os.getpid()))
        descriptors = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(3):
            finish(launcher, make(script="true"))

        def are_all_reaped() -> bool:
            launcher.observe(Path("/nonexistent"))
            return set(processes.children(os.getpid())) <= children

        eventually(are_all_reaped)
        assert len(list(Path("/proc/self/fd").iterdir())) == descriptors

    @pytest.mark.parametrize(
        "fields",
        [
            {"command": ()},
            {"command": ("a\0b",)},
            {"environment": {"A": "\0"}},
            {"environment": {"A=B": "c"}},
            {"environment": {"": "c"}},
        ],
    )
    def test_what_no_process_can_be_given(self, launcher: Launcher, make: Make, fields: dict[str, object]) -> None:
        container = make(script="true")
        with pytest.raises(ValueError, match=r"command|environment"):
            launcher.launch(replace(container, **fields))  # type: ignore[arg-type]
        assert launcher.observe(container.folder) == Absent()

    def test_a_large_environment(self, launcher: Launcher, make: Make) -> None:
        environment = {"PATH": "/usr/bin:/bin", **{f"SM_HP_{n}": "x" * 2500 for n in range(100)}}
        container = make(script='test "${#SM_HP_99}" = 2500', environment=environment)
        assert finish(launcher, container).code == 0

    def test_the_interpreter_of_the_server_can_be_mounted(self, launcher: Launcher, make: Make) -> None:
        base = Path(sys.base_prefix).resolve()
        if base.is_relative_to("/usr"):
            pytest.skip("the interpreter is part of the system and visible without a mount")
        container = make(f"{base}/bin/python3", "-I", "-c", "import ssl, sqlite3; print(40 + 2)")
        container = replace(container, mounts=(*container.mounts, Mount(base, str(base))))
        assert finish(launcher, container).code == 0
        assert (container.folder / "log").read_bytes().endswith(b" 42\n")


@pytest.mark.parametrize(
    "target", ["", "opt/ml", "/", "//opt", "/opt/../etc", "/opt/", "/proc", "/proc/sys", "/a/./b"]
)
def test_mount_targets_that_are_refused(target: str) -> None:
    with pytest.raises(ValueError, match="mount target"):
        Mount(Path("/tmp"), target)


def test_mount_sources_are_absolute() -> None:
    with pytest.raises(ValueError, match="mount source"):
        Mount(Path("tmp"), "/tmp/x")
