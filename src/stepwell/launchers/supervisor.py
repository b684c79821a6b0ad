"""The process that owns one container and outlives the server: started by `process.py`, alone with one folder.

Stdlib-only and quick to start: no dataclasses, typing, json, re, signal or subprocess, here and in what it imports,
and nothing is imported later, so that an upgrade on disk cannot touch a running job.

In: the order on descriptor ORDER; on descriptor LOCK the folder's lock, taken by the launcher and held until this
process ends, whatever ends it. Out, in the folder: `lock` (process id and start time), `started` (from here on
nobody may run it again), `log`, and as the last act `exit.json`. A `stop` file asks it to stop; a byte in the pipe
`control` makes it look at once.
"""


# pathlib would lengthen every start of a supervisor.

from __future__ import annotations

import errno
import fcntl
import os
import select
import time

from stepwell.launchers import bubblewrap, cgroups, namespaces, order, planting, processes, rootfs, volume
from stepwell.launchers.cage import Cage, Ending
from stepwell.launchers.log_file import LogFile

LOCK = 3
ORDER = 4
HIGHEST_DESCRIPTOR = 1 << 20
PIPE_BYTES = 1 << 20
LONGEST_SLEEP = 2.0
COUNTING_INTERVAL = 0.2
AGAIN_SECONDS = 1.0
"""Between attempts to write the exit record while the disk has no room for it."""
PARTIAL = ".partial"
"""What the name of a file ends in until it is whole."""
RECORD_BYTES = 4096
"""What an exit record takes on the disk at least; one with a long error takes more."""


class Run:
    """One container from start to exit record."""

    def __init__(self, job: order.Order) -> None:
        self.job = job
        self.started = time.time()
        self.group: cgroups.Group | None = None
        self.log = LogFile(f"{job.folder}/log", job.log_bytes)
        self.output, self.output_end = os.pipe()
        self.control = os.open(f"{job.folder}/control", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self.kill_at: float | None = None
        self.stopped = False
        self.timed_out = False
        self.out_of_memory = False
        self.peak: int | None = None
        self.error = ""
        self.count_at = 0.0
        self.full = ""
        self.volume: volume.Volume | None = None

    def run(self) -> Ending:
        """Run the container to its end."""
        os.set_blocking(self.output, False)
        try:
            fcntl.fcntl(self.output, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        except OSError:
            pass  # The user's quota of pipe memory is used up: a smaller pipe does.
        if self._is_over_before_it_began():
            return Ending(None, None)
        planting.plant(self.job.folder, self.job.tree)
        root = f"{self.job.folder}/root"
        binds = rootfs.prepare(root, self.job.hostname, self.job.mounts)
        self.group = cgroups.make(self.job.memory_bytes, self.job.process_limit)
        if self.job.volume_bytes is not None:
            kept = volume.written(root, self.job.folder, self.job.mounts)
            self.volume = volume.Volume(kept, self.job.volume_bytes)
        mark_started(self.job.folder)
        start = bubblewrap.start if self.job.isolation == "bubblewrap" else namespaces.start
        cage = start(self.job, root, binds, self.output_end, self.group)
        os.close(self.output_end)
        self._follow(cage)
        ending = cage.end()
        self._drain()
        return ending

    def _is_over_before_it_began(self) -> bool:
        self.stopped = self._is_stop_asked()
        self.timed_out = not self.stopped and self._is_past_deadline()
        return self.stopped or self.timed_out

    def _is_stop_asked(self) -> bool:
        return os.path.exists(f"{self.job.folder}/stop")

    def _is_past_deadline(self) -> bool:
        return self.job.deadline is not None and time.time() >= self.job.deadline

    def _follow(self, cage: Cage) -> None:
        """Pump output and keep the limits until the container reports its end."""
        poller = select.poll()
        event = -1 if self.group is None else self.group.out_of_memory_event
        for source in (self.output, cage.report, self.control, event):
            if source >= 0:
                poller.register(source, select.POLLIN)
        while True:
            for source, _ in poller.poll(self._sleep() * 1000):
                if source == self.output:
                    if not self._pump():
                        poller.unregister(source)
                elif source == cage.report:
                    if not cage.listen():
                        return
                elif source == self.control:
                    os.read(self.control, 4096)
                else:
                    os.read(event, 8)
                    self._end_for_memory(cage)
            self._keep_limits(cage)

    def _sleep(self) -> float:
        """How long nothing can become due."""
        due = LONGEST_SLEEP if self.group is not None else COUNTING_INTERVAL
        if self.kill_at is not None:
            due = min(due, self.kill_at - time.monotonic())
        elif self.job.deadline is not None:
            due = min(due, self.job.deadline - time.time())
        if self.volume is not None and not self.full:
            due = min(due, self.volume.due - time.monotonic())
        return max(due, 0.0)

    def _pump(self) -> bool:
        """Move what is in the pipe to the log; False when no writer is left."""
        try:
            data = os.read(self.output, PIPE_BYTES)
        except BlockingIOError:
            return True
        self.log.feed(data, time.time())
        return bool(data)

    def _drain(self) -> None:
        """Take what the dead have left in the pipe."""
        poller = select.poll()
        poller.register(self.output, select.POLLIN)
        while poller.poll(0) and self._pump():
            pass

    def _keep_limits(self, cage: Cage) -> None:
        if not os.path.exists(f"{self.job.folder}/lock"):
            cage.kill()  # The folder was deleted, and with it everybody's interest in this container.
        if self.kill_at is None:
            self.stopped = self._is_stop_asked()
            self.timed_out = not self.stopped and self._is_past_deadline()
            if self.stopped or self.timed_out:
                cage.terminate()
                self.kill_at = time.monotonic() + self.job.grace_seconds
        elif time.monotonic() >= self.kill_at:
            self._kill(cage)
        if self.group is None and time.monotonic() >= self.count_at:
            self.count_at = time.monotonic() + COUNTING_INTERVAL
            self._count(cage)
        if self.volume is not None and not self.full and self.volume.is_exceeded(time.monotonic()):
            self.full = "volume"
            self._kill(cage)

    def _count(self, cage: Cage) -> None:
        """The limits where no control group keeps them."""
        inside = [pid for pid in processes.tree(os.getpid())[1:] if pid not in cage.staff]
        if processes.threads(inside) > self.job.process_limit:
            self.error = f"The container had more than {self.job.process_limit} processes."
            self._kill(cage)
        limit = self.job.memory_bytes
        held = processes.memory_bytes(inside, limit)
        self.peak = max(self.peak or 0, held)
        if limit is not None and held > limit:
            self._end_for_memory(cage)

    def _end_for_memory(self, cage: Cage) -> None:
        self.out_of_memory = True
        self._kill(cage)

    def _kill(self, cage: Cage) -> None:
        self.kill_at = float("inf")
        cage.kill()

    def close_accounts(self, ending: Ending) -> None:
        """Take over what the control group has counted, remove it, look at the disk, and close the log."""
        if self.group is not None:
            self.peak = self.group.peak_memory_bytes()
            self.out_of_memory |= ending.code != 0 and self.group.out_of_memory()
            self.group.remove()
        if self.volume is not None and not self.full and self.volume.is_exceeded_at_the_end():
            self.full = "volume"
        if not self.full and ending.code != 0 and self._may_blame_the_disk():
            self.full = "disk"
        self.log.finish(time.time())

    def _may_blame_the_disk(self) -> bool:
        is_explained = self.stopped or self.timed_out or self.out_of_memory
        return not is_explained and volume.is_disk_full(self.job.folder)

    def record(self, ending: Ending) -> None:
        """Write the exit record: whole or not at all, and nothing after it."""
        values: list[tuple[str, int | float | bool | str | None]] = [
            ("code", ending.code),
            ("signal", ending.signal),
            ("out_of_memory", self.out_of_memory),
            ("timed_out", self.timed_out),
            ("stopped", self.stopped),
            ("started", round(self.started, 3)),
            ("ended", round(time.time(), 3)),
            ("peak_memory_bytes", self.peak),
            ("error", ending.error or self.error),
            ("full", self.full),
        ]
        body = ", ".join(f'"{name}": {to_json(value)}' for name, value in values)
        write_in_time(f"{self.job.folder}/exit.json", f"{{{body}}}\n".encode())


def to_json(value: int | float | bool | str | None) -> str:
    """`value` as JSON; the json module would cost a third of the start."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            plain = "".join(c if c >= " " else " " for c in escaped)
            return f'"{plain.encode("utf-8", "replace").decode()}"'
        case _:
            return repr(value)


def write_whole(path: str, data: bytes) -> None:
    """Write a file that is there entirely or not at all, also after a crash of the host.

    Room that was reserved under the name of the partial file is used. Raises OSError, and may be called again.
    """
    partial = f"{path}{PARTIAL}"
    file = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.write(file, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), partial)
        os.ftruncate(file, len(data))
        os.fsync(file)
    finally:
        os.close(file)
    os.rename(partial, path)


def write_in_time(path: str, data: bytes) -> None:
    """Write a whole file as soon as the disk has room for it."""
    while True:
        try:
            return write_whole(path, data)
        except OSError as error:
            if error.errno not in volume.FULL:
                raise
            time.sleep(AGAIN_SECONDS)


def mark_started(folder: str) -> None:
    """From here on the container counts as run. Raises FileExistsError if it does already."""
    os.close(os.open(f"{folder}/started", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def read_all(descriptor: int) -> bytes:
    """What is in the file behind `descriptor`, which is closed."""
    with open(descriptor, "rb") as file:
        return file.read()


def main() -> None:
    """Serve the one order."""
    os.umask(0o022)
    os.chdir("/")
    os.closerange(ORDER + 1, HIGHEST_DESCRIPTOR)
    os.set_inheritable(LOCK, False)
    os.pwrite(LOCK, f"{os.getpid()} {processes.start_time(os.getpid())}\n".encode(), 0)
    job = order.unpack(read_all(ORDER))
    run = Run(job)
    try:
        ending = run.run()
    except OSError as error:
        ending = Ending(None, None, f"The container could not be set up: {error}")
        if error.errno in volume.FULL:
            run.full = "disk"
    run.close_accounts(ending)
    run.record(ending)
    os._exit(0)
