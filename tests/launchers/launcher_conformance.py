"""What any launcher must keep: subclass `LauncherConformance` and give it a `launcher` fixture.

Every test runs real containers. Folders have a space and a letter outside ASCII in their names on purpose.
"""

from __future__ import annotations

import os
import select
import socket
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stepwell.launchers.launcher import Absent, Container, Exited, Launcher, Lost, Mount, Observation, Running

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PATIENCE = 60.0
MIB = 1024**2

Make = Callable[..., Container]


def finish(launcher: Launcher, container: Container) -> Exited:
    """Launch, wait for the end, and insist that it has one."""
    launcher.launch(container)
    observation = wait(launcher, container.folder)
    assert isinstance(observation, Exited), observation
    return observation


def wait(launcher: Launcher, folder: Path) -> Observation:
    """The observation once nothing runs any more."""
    handle = launcher.watch(folder)
    if handle is not None:
        readable, _, _ = select.select([handle], [], [], PATIENCE)
        os.close(handle)
        assert readable, "the container did not end"
    return launcher.observe(folder)


def texts(container: Container) -> list[bytes]:
    """The lines of the log without their times, which are checked to be times."""
    lines = (container.folder / "log").read_bytes().splitlines()
    stamps = [int(line.split(b" ", 1)[0]) for line in lines]
    assert stamps == sorted(stamps)
    assert all(abs(stamp / 1000 - time.time()) < 3600 for stamp in stamps)
    return [line.split(b" ", 1)[1] for line in lines]


def eventually(is_so: Callable[[], bool]) -> None:
    """Wait until `is_so`, with bounded patience."""
    give_up = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < give_up, "it never came true"
        time.sleep(0.01)


def is_alive(marker: str) -> bool:
    """Whether any process of the host has `marker` in its command line (and is no zombie)."""
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and marker.encode() in (process / "cmdline").read_bytes():
                return True
        except OSError:
            continue
    return False


class LauncherConformance:
    """The suite. `make(*command, **fields)` builds a container in a fresh folder with its /opt/ml."""

    @pytest.fixture
    def launcher(self) -> Launcher:
        raise NotImplementedError

    @pytest.fixture
    def make(self, tmp_path: Path) -> Make:
        count = iter(range(1000))

        def build(*command: str, script: str = "", **fields: object) -> Container:
            folder = tmp_path / f"job é {next(count)}"
            ml = folder / "opt ml"
            ml.mkdir(parents=True)
            container = Container(
                folder=folder,
                command=command or ("/bin/sh", "-c", script),
                environment={"PATH": PATH, "HOME": "/root"},
                mounts=(Mount(ml, "/opt/ml", writable=True),),
                grace_seconds=30.0,
            )
            return replace(container, **fields)  # type: ignore[arg-type]

        return build

    @pytest.fixture
    def marker(self, tmp_path: Path) -> str:
        """An argument for `sleep` that no other process of the host has."""
        return f"1000.{abs(hash(str(tmp_path))) % 10**12}"

    @pytest.fixture
    def listening_port(self) -> Iterator[int]:
        with socket.create_server(("127.0.0.1", 0)) as server:
            yield server.getsockname()[1]

    # How it ends

    @pytest.mark.parametrize("code", [0, 1, 3, 126, 127, 255])
    def test_exit_code(self, launcher: Launcher, make: Make, code: int) -> None:
        exited = finish(launcher, make(script=f"exit {code}"))
        assert (exited.code, exited.signal, exited.error) == (code, None, "")
        assert exited.exit_code == code
        assert not (exited.stopped or exited.timed_out or exited.out_of_memory)
        assert exited.started <= exited.ended

    @pytest.mark.parametrize("signal", [1, 6, 9, 11, 13, 15, 25])
    def test_death_by_signal(self, launcher: Launcher, make: Make, signal: int) -> None:
        exited = finish(launcher, make(script=f"kill -{signal} $$"))
        assert (exited.code, exited.signal, exited.error) == (None, signal, "")
        assert exited.exit_code == 128 + signal

    @pytest.mark.parametrize("command", ["no-such-program", "/no/such/program", "/etc/passwd/x"])
    def test_command_not_found(self, launcher: Launcher, make: Make, command: str) -> None:
        exited = finish(launcher, make(command))
        assert exited.code == 127
        assert repr(command) in exited.error

    def test_command_not_executable(self, launcher: Launcher, make: Make) -> None:
        exited = finish(launcher, make("/etc/passwd"))
        assert exited.code == 126
        assert exited.error == "The command '/etc/passwd' could not be executed: Permission denied."

    def test_a_missing_mount_is_an_error_and_runs_nothing(
        self, launcher: Launcher, make: Make, tmp_path: Path
    ) -> None:
        container = make(script="echo ran", mounts=(Mount(tmp_path / "missing", "/data"),))
        exited = finish(launcher, container)
        assert exited.exit_code == 125
        assert str(tmp_path / "missing") in exited.error
        assert texts(container) == []

    # Once only

    def test_absent_before_the_launch(self, launcher: Launcher, make: Make, tmp_path: Path) -> None:
        assert launcher.observe(make(script="true").folder) == Absent()
        assert launcher.observe(tmp_path / "no such folder") == Absent()
        assert launcher.watch(tmp_path / "no such folder") is None

    def test_a_second_launch_only_looks(self, launcher: Launcher, make: Make) -> None:
        container = make(script="echo ran >> /opt/ml/runs; read line < /opt/ml/go")
        os.mkfifo(container.folder / "opt ml" / "go")
        assert isinstance(launcher.launch(container), Running)
        assert launcher.launch(container) == launcher.observe(container.folder)
        (container.folder / "opt ml" / "go").write_text("go\n")
        exited = wait(launcher, container.folder)
        assert launcher.launch(container) == exited == launcher.observe(container.folder)
        assert (container.folder / "opt ml" / "runs").read_text() == "ran\n"

    def test_concurrent_launches_run_once(self, launcher: Launcher, make: Make) -> None:
        container = make(script="echo ran >> /opt/ml/runs")
        barrier = threading.Barrier(8)
        seen: list[Observation] = []

        def launch() -> None:
            barrier.wait()
            seen.append(launcher.launch(container))

        threads = [threading.Thread(target=launch) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert isinstance(wait(launcher, container.folder), Exited)
        assert all(isinstance(each, Running | Exited) for each in seen)
        assert (container.folder / "opt ml" / "runs").read_text() == "ran\n"

    def test_watch_is_for_the_running(self, launcher: Launcher, make: Make) -> None:
        container = make(script="read line < /opt/ml/go")
        os.mkfifo(container.folder / "opt ml" / "go")
        launcher.launch(container)
        handle = launcher.watch(container.folder)
        assert handle is not None
        assert select.select([handle], [], [], 0)[0] == []
        (container.folder / "opt ml" / "go").write_text("go\n")
        assert select.select([handle], [], [], PATIENCE)[0] == [handle]
        os.close(handle)
        assert isinstance(launcher.observe(container.folder), Exited)
        assert launcher.watch(container.folder) is None

    # Stopping

    def test_stop_before_the_launch(self, launcher: Launcher, make: Make) -> None:
        container = make(script="echo ran >> /opt/ml/runs")
        launcher.stop(container.folder)
        assert launcher.observe(container.folder) == Absent()
        exited = launcher.launch(container)
        assert isinstance(exited, Exited)
        assert exited.stopped
        assert (exited.code, exited.signal) == (None, None)
        assert launcher.observe(container.folder) == exited
        assert not (container.folder / "opt ml" / "runs").exists()

    def test_stop_sends_sigterm(self, launcher: Launcher, make: Make) -> None:
        container = make(script="trap 'echo saved; exit 7' TERM; echo ready; while :; do sleep 0.05; done")
        self.start(launcher, container)
        launcher.stop(container.folder)
        launcher.stop(container.folder)
        exited = wait(launcher, container.folder)
        assert isinstance(exited, Exited)
        assert (exited.stopped, exited.code, exited.timed_out) == (True, 7, False)
        assert texts(container) == [b"ready", b"saved"]

    def test_stop_by_default_is_death_by_sigterm(self, launcher: Launcher, make: Make) -> None:
        container = make(script="echo ready; exec sleep 1000")
        self.start(launcher, container)
        launcher.stop(container.folder)
        exited = wait(launcher, container.folder)
        assert isinstance(exited, Exited)
        assert (exited.stopped, exited.signal) == (True, 15)

    def test_stop_kills_the_whole_tree_after_the_grace(self, launcher: Launcher, make: Make, marker: str) -> None:
        script = f"trap '' TERM; echo ready; (setsid sleep {marker} &); while :; do echo tick; sleep 0.05; done"
        container = make(script=script, grace_seconds=0.5)
        self.start(launcher, container)
        eventually(lambda: is_alive(marker))
        launcher.stop(container.folder)
        before = len(texts(container))
        exited = wait(launcher, container.folder)
        assert isinstance(exited, Exited)
        assert (exited.stopped, exited.signal, exited.out_of_memory) == (True, 9, False)
        assert len(texts(container)) > before + 3, "the log stood still during the grace"
        assert not is_alive(marker)

    def test_stop_after_the_end_changes_nothing(self, launcher: Launcher, make: Make) -> None:
        container = make(script="exit 4")
        exited = finish(launcher, container)
        launcher.stop(container.folder)
        assert launcher.observe(container.folder) == exited
        assert not exited.stopped

    def test_stop_right_after_the_launch(self, launcher: Launcher, make: Make) -> None:
        for _ in range(5):
            container = make("sleep", "1000", grace_seconds=5.0)
            launcher.launch(container)
            launcher.stop(container.folder)
            exited = wait(launcher, container.folder)
            assert isinstance(exited, Exited)
            assert exited.stopped
            assert exited.error == ""

    def test_deadline(self, launcher: Launcher, make: Make) -> None:
        container = make(script="trap 'exit 5' TERM; while :; do sleep 0.05; done", deadline=time.time() + 0.5)
        exited = finish(launcher, container)
        assert (exited.timed_out, exited.stopped, exited.code) == (True, False, 5)

    def test_deadline_in_the_past_runs_nothing(self, launcher: Launcher, make: Make) -> None:
        container = make(script="echo ran", deadline=time.time() - 1)
        exited = finish(launcher, container)
        assert (exited.timed_out, exited.code, exited.signal) == (True, None, None)
        assert texts(container) == []

    def test_what_outlives_the_command_dies_with_it(self, launcher: Launcher, make: Make, marker: str) -> None:
        container = make(script=f"(setsid setsid sleep {marker} </dev/null >/dev/null 2>&1 &); sleep 0.2; exit 3")
        launcher.launch(container)
        eventually(lambda: is_alive(marker) or isinstance(launcher.observe(container.folder), Exited))
        exited = wait(launcher, container.folder)
        assert isinstance(exited, Exited)
        assert exited.code == 3
        assert not is_alive(marker)

    # Limits

    def test_memory(self, launcher: Launcher, make: Make) -> None:
        exited = finish(launcher, make(script="head -c 400m /dev/zero | tail; exit 0", memory_bytes=64 * MIB))
        assert exited.out_of_memory
        assert exited.signal == 9
        assert exited.error == ""
        assert exited.peak_memory_bytes is not None
        assert exited.peak_memory_bytes > 32 * MIB

    def test_memory_below_the_limit_is_fine(self, launcher: Launcher, make: Make) -> None:
        exited = finish(launcher, make(script="head -c 20m /dev/zero | tail | wc -c", memory_bytes=256 * MIB))
        assert (exited.code, exited.out_of_memory) == (0, False)

    def test_fork_bomb_is_bounded(self, launcher: Launcher, make: Make, marker: str) -> None:
        script = f"i=0; while [ $i -lt 400 ]; do sleep {marker} & i=$((i+1)); done; wait"
        container = make(script=script, process_limit=60, grace_seconds=0.2, deadline=time.time() + 10)
        exited = finish(launcher, container)
        assert exited.exit_code != 0
        assert not exited.timed_out, "it could start them all"
        assert not is_alive(marker)

    # The world inside

    def test_root_in_the_root_folder(self, launcher: Launcher, make: Make) -> None:
        container = make(script="id -u; id -un; pwd; umask; hostname; echo ~", hostname="algo-7")
        assert finish(launcher, container).code == 0
        assert texts(container) == [b"0", b"root", b"/", b"0022", b"algo-7", b"/root"]

    def test_the_environment_is_complete(
        self, launcher: Launcher, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SERVERS_SECRET", "of the server")
        environment = {"PATH": PATH, "EMPTY": "", "TEXT": "ä = b\tc", "LD_PRELOAD": "/opt/ml/no-such.so"}
        container = make("/usr/bin/env", environment=environment)
        assert finish(launcher, container).code == 0
        given = {f"{name}={value}".encode() for name, value in environment.items()}
        seen = {line for line in texts(container) if b"LD_PRELOAD" not in line or line.startswith(b"LD_PRELOAD=")}
        assert given <= seen
        assert {line.split(b"=")[0] for line in seen - given} <= {b"PWD", b"TAR_OPTIONS"}

    def test_the_root_file_system_is_private_and_writable(self, launcher: Launcher, make: Make) -> None:
        places = ["/new", "/tmp/new", "/root/new", "/var/tmp/new", "/opt/new", "/home/new", "/etc/new", "/run/new"]
        container = make(script="".join(f"echo x > {place}; " for place in places) + "echo $?; chown 0:0 /new")
        assert finish(launcher, container).code == 0
        assert texts(container) == [b"0"]
        assert not any(os.path.exists(place) for place in places)  # noqa: PTH110 (also where we may not look)
        fresh = make(script="ls -A /tmp /root /home /opt | grep new; test -e /new && echo new; true")
        finish(launcher, fresh)
        assert texts(fresh) == []

    def test_an_archive_unpacked_above_the_root_is_found_by_relative_path(
        self, launcher: Launcher, make: Make, tmp_path: Path
    ) -> None:
        (tmp_path / "xgboost-model").write_text("a model")
        container = make(script="tar -xf /opt/ml/model.tar.gz -C .. && cat xgboost-model")
        with tarfile.open(container.folder / "opt ml" / "model.tar.gz", "w:gz") as archive:
            member = archive.gettarinfo(tmp_path / "xgboost-model", "xgboost-model")
            member.uid = member.gid = 54321
            with (tmp_path / "xgboost-model").open("rb") as file:
                archive.addfile(member, file)
        assert finish(launcher, container).code == 0
        assert texts(container) == [b"a model"]

    @pytest.mark.parametrize("path", ["/usr/new", "/bin/new", "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger"])
    def test_the_system_is_read_only(self, launcher: Launcher, make: Make, path: str) -> None:
        """Opened for appending, and nothing written: a launcher that fails here should not harm the host."""
        exited = finish(launcher, make(script=f": >> {path}"))
        assert exited.code not in (0, None)

    def test_the_host_is_out_of_sight(self, launcher: Launcher, make: Make, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_text("of another job")
        script = (
            f"ls -A /root /home /mnt /srv /tmp | grep -v :; test -e '{secret}' && echo seen; test -e '{tmp_path}' "
        )
        script += "&& echo seen; ls -d /proc/[0-9]* | wc -l; ls /etc/shadow /etc/ssl/private 2>/dev/null; true"
        container = make(script=script)
        assert finish(launcher, container).code == 0
        *nothing, processes = [line for line in texts(container) if line]
        assert nothing == []
        assert int(processes) < 8

    def test_root_has_no_power_over_the_host(self, launcher: Launcher, make: Make) -> None:
        script = (
            "mount -t tmpfs x /mnt && echo mounted; mknod /tmp/disk b 8 0 && echo made; umount /usr && echo out; "
        )
        container = make(script=script + "kill -9 1; echo alive; grep NoNewPrivs /proc/self/status")
        assert finish(launcher, container).code == 0
        lines = texts(container)
        assert not {b"mounted", b"made", b"out"} & set(lines)
        assert lines[-2:] == [b"alive", b"NoNewPrivs:\t1"]

    def test_nothing_is_inherited(self, launcher: Launcher, make: Make) -> None:
        reader, writer = os.pipe()
        os.set_inheritable(reader, True)
        os.set_inheritable(writer, True)
        container = make("/bin/ls", "/proc/self/fd")
        finish(launcher, container)
        os.close(reader)
        os.close(writer)
        assert texts(container) == [b"0", b"1", b"2", b"3"], "3 is the directory being listed"

    def test_standard_input_is_empty(self, launcher: Launcher, make: Make) -> None:
        container = make("/usr/bin/wc", "-c")
        assert finish(launcher, container).code == 0
        assert texts(container) == [b"0"]

    def test_devices(self, launcher: Launcher, make: Make) -> None:
        script = (
            "echo x > /dev/null; head -c 3 /dev/zero | wc -c; head -c 3 /dev/urandom | wc -c; echo y > /dev/shm/x; "
        )
        container = make(
            script=script + "echo z > /dev/full; echo a > /dev/stderr; echo b > /dev/stdout; ls /dev/sd* /dev/vd*"
        )
        finish(launcher, container)
        lines = texts(container)
        assert lines[:2] == [b"3", b"3"]
        assert b"a" in lines
        assert b"b" in lines
        assert not any(line.startswith(b"/dev/") for line in lines)

    # Mounts

    def test_mounts(self, launcher: Launcher, make: Make, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "a.csv").write_text("1,2\n")
        (tmp_path / "one file").write_text("alone\n")
        script = "cat /opt/ml/input/data/train/a.csv /etc/one; echo x > /opt/ml/new; "
        script += "(echo x > /opt/ml/input/data/train/new) 2>/dev/null || echo refused; "
        script += "(echo x > /etc/one) 2>/dev/null || echo refused; ls /environments/e1"
        container = make(script=script)
        extra = (
            Mount(tmp_path / "data", "/opt/ml/input/data/train"),
            Mount(tmp_path / "one file", "/etc/one"),
            Mount(tmp_path / "data", "/environments/e1"),
        )
        container = replace(container, mounts=(*extra, *container.mounts))
        assert finish(launcher, container).code == 0
        assert texts(container) == [b"1,2", b"alone", b"refused", b"refused", b"a.csv"]
        assert (container.folder / "opt ml" / "new").read_text() == "x\n"
        assert sorted(each.name for each in (tmp_path / "data").iterdir()) == ["a.csv"]

    def test_a_mount_target_cannot_lead_out(self, launcher: Launcher, make: Make, tmp_path: Path) -> None:
        container = make(script="true")
        outside = tmp_path / "outside"
        outside.mkdir()
        (container.folder / "opt ml" / "input").symlink_to(outside)
        exited = finish(
            launcher, replace(container, mounts=(*container.mounts, Mount(tmp_path, "/opt/ml/input/data")))
        )
        assert "/opt/ml/input/data" in exited.error
        assert list(outside.iterdir()) == []

    def test_a_system_directory_at_its_own_place_is_there_already(self, launcher: Launcher, make: Make) -> None:
        exited = finish(launcher, make("/bin/true", mounts=(Mount(Path("/usr/lib"), "/usr/lib"),)))
        assert (exited.code, exited.error) == (0, "")

    def test_a_system_directory_cannot_be_covered(self, launcher: Launcher, make: Make, tmp_path: Path) -> None:
        exited = finish(launcher, make("/bin/true", mounts=(Mount(tmp_path, "/usr/lib/new"),)))
        assert "/usr/lib/new" in exited.error

    def test_a_device_can_be_mounted(self, launcher: Launcher, make: Make) -> None:
        container = make(script="echo x > /dev/accelerator && head -c 2 /dev/accelerator | wc -c")
        container = replace(container, mounts=(Mount(Path("/dev/zero"), "/dev/accelerator", writable=True),))
        assert finish(launcher, container).code == 0
        assert texts(container) == [b"2"]

    # Network

    def test_the_server_can_be_reached(self, launcher: Launcher, make: Make, listening_port: int) -> None:
        container = make("/bin/bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{listening_port} && echo connected")
        assert finish(launcher, container).code == 0
        assert texts(container) == [b"connected"]

    def test_network_isolation(self, launcher: Launcher, make: Make, listening_port: int) -> None:
        script = (
            f"(exec 3<>/dev/tcp/127.0.0.1/{listening_port}) && echo connected; tail -n +3 /proc/net/dev | cut -d: -f1"
        )
        container = make("/bin/bash", "-c", script, network=False)
        assert finish(launcher, container).code == 0
        lines = texts(container)
        assert b"connected" not in lines
        assert any(b"Connection refused" in line for line in lines), "the loopback is down"
        assert lines[-1].strip() == b"lo"

    # Log

    def test_log_keeps_bytes_order_and_partial_lines(self, launcher: Launcher, make: Make) -> None:
        container = make(script=r"printf 'a\n\nb\377\n'; printf 'c\n' >&2; printf 'no newline'")
        finish(launcher, container)
        assert texts(container) == [b"a", b"", b"b\xff", b"c", b"no newline"]
        assert (container.folder / "log").read_bytes().endswith(b"no newline\n")

    def test_log_can_be_read_along(self, launcher: Launcher, make: Make) -> None:
        container = make(script="echo first; read line < /opt/ml/go; echo second")
        os.mkfifo(container.folder / "opt ml" / "go")
        launcher.launch(container)
        log = container.folder / "log"
        eventually(lambda: log.exists() and log.read_bytes().endswith(b" first\n"))
        assert isinstance(launcher.observe(container.folder), Running)
        (container.folder / "opt ml" / "go").write_text("go\n")
        wait(launcher, container.folder)
        assert texts(container) == [b"first", b"second"]

    def test_log_is_bounded(self, launcher: Launcher, make: Make) -> None:
        container = make(script="yes 0123456789 | head -c 20000000; echo end", log_bytes=100_000)
        assert finish(launcher, container).code == 0
        size = (container.folder / "log").stat().st_size
        assert 99_000 < size < 100_200
        lines = texts(container)
        assert set(lines[:-1]) == {b"0123456789"}
        assert lines[-1] == b"The log has reached its limit of 100000 bytes; what follows is dropped."

    def test_log_of_a_long_line(self, launcher: Launcher, make: Make) -> None:
        container = make(script="head -c 700000 /dev/zero | tr '\\0' x; echo; echo end")
        finish(launcher, container)
        assert [len(line) for line in texts(container)] == [262144, 262144, 175712, 3]

    # Secrets

    def test_secrets_stay_off_the_disk(self, launcher: Launcher, make: Make) -> None:
        secret = "wJalrXUtnFEMI"
        container = make(script="true", environment={"PATH": PATH, "AWS_SECRET_ACCESS_KEY": secret})
        finish(launcher, container)
        found = [
            each
            for each in container.folder.rglob("*")
            if each.is_file() and not each.is_symlink() and secret.encode() in each.read_bytes()
        ]
        assert found == []

    def start(self, launcher: Launcher, container: Container) -> None:
        """Launch, and wait until the script has said `ready`."""
        assert isinstance(launcher.launch(container), Running)
        log = container.folder / "log"
        eventually(lambda: log.exists() and b" ready\n" in log.read_bytes())

    def assert_lost(self, observation: Observation) -> None:
        """It is Lost, and says why."""
        assert isinstance(observation, Lost)
        assert observation.reason
