"""The `process` launcher: containers without Docker, each under a supervisor process of its own.

In: a `Container`. Out: a running supervisor (`supervisor.py`) that outlives this server, and what its folder says.
The launcher takes the folder's lock and hands it over with the spawn, so there is no moment at which a second
launch, or a server restarted after kill -9, could start it again.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sys
import threading
from pathlib import Path

import stepwell
from stepwell.base import clock
from stepwell.launchers import records
from stepwell.launchers.isolation import Isolation
from stepwell.launchers.launcher import Container, Exited, Lost, Observation, Running
from stepwell.launchers.order import Order, pack
from stepwell.launchers.supervisor import LOCK, ORDER

PROGRAM = "import sys; sys.path.append(sys.argv[1]); from stepwell.launchers.supervisor import main; main()"
BLOCKED = (1, 2, 3, 15)
"""SIGHUP, SIGINT, SIGQUIT, SIGTERM: what ends a server, or its terminal, must not end its jobs."""
HIGH = 64
"""Descriptors are moved above this before the spawn, out of the way of the numbers the supervisor expects."""


class ProcessLauncher:
    """Keeps the promises of `launcher.Launcher` with Linux alone. It holds nothing but the children to reap."""

    def __init__(self, isolation: Isolation, python: str = sys.executable) -> None:
        self._isolation = isolation
        self._python = python
        self._children: dict[Path, int] = {}
        """The supervisors that we started, by folder, until they have ended."""
        self._children_lock = threading.Lock()

    def launch(self, container: Container) -> Observation:
        """Start it, unless its folder was started before: then only say how it stands."""
        _check(container)
        container.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = open_high(container.folder / records.LOCK, os.O_RDWR | os.O_CREAT)
        try:
            if not records.take_lock(lock):
                return self.observe(container.folder)
            known = records.read_exit(container.folder) or _lost(container.folder) or _never(container)
            return known or self._spawn(container, lock)
        finally:
            os.close(lock)

    def observe(self, folder: Path) -> Observation:
        """How the container of `folder` stands."""
        with self._children_lock:
            pid = self._child(folder)
        return records.observe(folder) if pid is None else Running(pid)

    def stop(self, folder: Path) -> None:
        """Leave the wish where launch and supervisor look, and wake the supervisor."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / records.STOP).touch(mode=0o600)
        with contextlib.suppress(FileNotFoundError):
            _poke(folder / records.CONTROL)

    def watch(self, folder: Path) -> int | None:
        """A pidfd of the supervisor, which ends with its container; None if it does not run."""
        with self._children_lock:
            child = self._child(folder)
            if child is not None:
                return os.pidfd_open(child)  # not reaped yet: its number can be nobody else's
        match records.observe(folder):
            case Running(pid) if pid:
                try:
                    handle = os.pidfd_open(pid)
                except ProcessLookupError:
                    return None
                if records.supervisor(folder) == pid:
                    return handle
                os.close(handle)
        return None

    def _spawn(self, container: Container, lock: int) -> Running:
        """With the lock in our hands: a supervisor for `container`."""
        return self._supervise(container.folder, lock, PROGRAM, pack(self._order(container)))

    def _supervise(self, folder: Path, lock: int, program: str, order: bytes) -> Running:
        """Start `program` with `order`, as the one who holds the folder's lock from now on."""
        records.reserve_exit(folder)
        os.ftruncate(lock, 0)
        with contextlib.suppress(FileExistsError):
            os.mkfifo(folder / records.CONTROL, 0o600)
        order_file = _open_order(order)
        try:
            pid = os.posix_spawn(
                self._python,
                [self._python, "-I", "-S", "-X", "utf8", "-c", program, str(Path(stepwell.__file__).parents[1])],
                {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDWR, 0),
                    (os.POSIX_SPAWN_DUP2, 0, 1),
                    (os.POSIX_SPAWN_OPEN, 2, str(folder / records.COMPLAINTS), os.O_WRONLY | os.O_CREAT, 0o600),
                    (os.POSIX_SPAWN_DUP2, lock, LOCK),
                    (os.POSIX_SPAWN_DUP2, order_file, ORDER),
                ],
                setsid=True,
                setsigmask=BLOCKED,
            )
        finally:
            os.close(order_file)
        with self._children_lock:
            self._children[folder] = pid
        return Running(pid)

    def _order(self, container: Container) -> Order:
        return Order(
            folder=str(container.folder.absolute()),
            isolation=self._isolation.name,
            program=self._isolation.program,
            command=list(container.command),
            environment=dict(container.environment),
            mounts=[(str(mount.source), mount.target, mount.writable) for mount in container.mounts],
            memory_bytes=container.memory_bytes,
            network=container.network,
            hostname=container.hostname,
            deadline=container.deadline,
            grace_seconds=container.grace_seconds,
            process_limit=container.process_limit,
            log_bytes=container.log_bytes,
            tree=[(entry.path, entry.kind, entry.content) for entry in container.tree],
            volume_bytes=container.volume_bytes,
        )

    def _child(self, folder: Path) -> int | None:
        """The supervisor that we started for `folder`, until it has ended. With the lock in our hands."""
        pid = self._children.get(folder)
        if pid is None:
            return None
        try:
            ended, _ = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            ended = pid
        if ended:
            del self._children[folder]
        return None if ended else pid


def _check(container: Container) -> None:
    if not container.command and not container.image:
        raise ValueError("A container needs a command.")
    words = (
        *container.command,
        *container.arguments,
        *container.environment,
        *container.environment.values(),
        container.hostname,
    )
    if any("\0" in word for word in words):
        raise ValueError("A command, an environment or a host name cannot contain a NUL character.")
    if any(not name or "=" in name for name in container.environment):
        raise ValueError("The name of an environment variable cannot be empty or contain '='.")


def _lost(folder: Path) -> Lost | None:
    """With the lock in our hands: started, no supervisor, no exit record."""
    return records.lost(folder) if (folder / records.STARTED).exists() else None


def _never(container: Container) -> Exited | None:
    """With the lock in our hands: a stop that came before the launch is carried out by running nothing."""
    if not (container.folder / records.STOP).exists():
        return None
    now = clock.now()
    exited = Exited(
        code=None,
        signal=None,
        out_of_memory=False,
        timed_out=False,
        stopped=True,
        started=now,
        ended=now,
        peak_memory_bytes=None,
        error="",
    )
    records.write_exit(container.folder, exited)
    return exited


def open_high(path: Path, flags: int) -> int:
    """The lock file of a folder, at a number that no spawn needs."""
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, HIGH)
    finally:
        os.close(descriptor)


def _open_order(order: bytes) -> int:
    """The order in a file without a name: it holds credentials, which have no business on disk."""
    descriptor = os.memfd_create("order")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(order)
        os.lseek(descriptor, 0, os.SEEK_SET)
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, HIGH)
    finally:
        os.close(descriptor)


def _poke(control: Path) -> None:
    try:
        descriptor = os.open(control, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return
        raise
    try:
        os.write(descriptor, b"!")
    except BlockingIOError:
        pass
    finally:
        os.close(descriptor)
