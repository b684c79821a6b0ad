"""Isolation by bubblewrap, which some distributions privilege where they forbid user namespaces to everybody else.

In the supervisor's world: stdlib-only, cheap imports. In: an `Order`, the binds of `rootfs.prepare`, the pipe for
output, the `Group` to join. Out: a `Cage`. The environment travels through a file descriptor (`--args`): it holds
secrets, and a variable such as LD_PRELOAD must not act on bwrap itself, outside the container.

bwrap guards the dangerous parts of /proc by what it may write to itself, which says nothing about real root.

bwrap's PID 1 reaps orphans, and the command is its first child. bwrap tells a death by signal n as 128 + n
(bwrap(1), --json-status-fd) and we read it back as such, so a command that exits 137 by itself counts as killed.
"""

from __future__ import annotations

import errno
import os
import select

from stepwell.launchers import kernel, processes
from stepwell.launchers.cage import (
    CAPABILITIES,
    NOT_EXECUTABLE,
    NOT_FOUND,
    UNMAPPED_TAR,
    Cage,
    Ending,
    die_with_reader,
    prefer_for_out_of_memory_kill,
    raise_descriptor_limit,
)
from stepwell.launchers.cgroups import Group
from stepwell.launchers.order import Order
from stepwell.launchers.rootfs import GUARDED, Bind

HIGHEST_SIGNAL = 64
EXECUTION_FAILED = b"bwrap: execvp "


class BubblewrapCage(Cage):
    """A container between bwrap's monitor, our child, and bwrap's init, whose process id bwrap tells."""

    __slots__ = ("_init_handle", "_monitor")

    def __init__(self, monitor: int, report: int) -> None:
        super().__init__(0, report)
        self._monitor = monitor
        self._init_handle = -1

    def listen(self) -> bool:
        goes_on = super().listen()
        if not self.init:
            self._meet_init()
        return goes_on

    def _meet_init(self) -> None:
        pid = read_number(self.told, b"child-pid")
        if pid is not None:
            try:
                self._init_handle = os.pidfd_open(pid)
            except ProcessLookupError:
                return
            self.init = pid

    def terminate(self) -> None:
        """SIGTERM for the first child of the init; for all, while there is none yet."""
        command = next(iter(processes.children(self.init)), 0) if self.init else 0
        if not command:
            self.kill()
            return
        try:
            handle = os.pidfd_open(command)
        except ProcessLookupError:
            return
        if command in processes.children(self.init):
            kernel.signal_process(handle, kernel.SIGTERM)
        os.close(handle)

    def kill(self) -> None:
        if self._init_handle >= 0:
            kernel.signal_process(self._init_handle, kernel.SIGKILL)
        os.kill(self._monitor, kernel.SIGKILL)

    def end(self) -> Ending:
        os.waitpid(self._monitor, 0)
        if self._init_handle >= 0:
            select.select([self._init_handle], [], [])
        return read_report(self.told) or Ending(None, kernel.SIGKILL)

    def explain(self, ending: Ending, program: str, last_line: bytes) -> Ending:
        """bwrap says on the output why it could not set up the container or execute `program`, and nothing else."""
        if read_report(self.told) is not None or not last_line.startswith(b"bwrap: "):
            return ending
        return read_complaint(program, last_line)


def read_number(report: bytes, name: bytes) -> int | None:
    """The number called `name` in bwrap's JSON lines, which hold nothing but numbers."""
    _, found, rest = report.partition(b'"%s":' % name)
    digits = rest.split(b",")[0].split(b"}")[0].strip()
    return int(digits) if found and digits.isdigit() else None


def read_report(report: bytes) -> Ending | None:
    """What the JSON lines tell; None without an exit code: it was killed, or never came to life."""
    code = read_number(report, b"exit-code")
    if code is None:
        return None
    if 128 < code <= 128 + HIGHEST_SIGNAL:
        return Ending(None, code - 128)
    return Ending(code, None)


def read_complaint(program: str, line: bytes) -> Ending:
    """What bwrap's last words mean for a container that was to execute `program`."""
    text = line.decode(errors="replace")
    if not line.startswith(EXECUTION_FAILED):
        return Ending(None, None, f"The container could not be set up: {text}")
    reason = text.rpartition(": ")[2]
    code = NOT_EXECUTABLE if reason == os.strerror(errno.EACCES) else NOT_FOUND
    return Ending(code, None, f"The command {program!r} could not be executed: {reason}.")


def start(order: Order, root: str, binds: list[Bind], output: int, group: Group | None) -> Cage:
    """Start the container under bwrap."""
    is_root = os.geteuid() == 0
    if not is_root:
        order.environment.setdefault(*UNMAPPED_TAR)
    options = [*_world(order, root, binds), *([] if is_root else ["--unshare-user", "--uid", "0", "--gid", "0"])]
    for name, value in order.environment.items():
        options += ["--setenv", name, value]
    arguments = os.memfd_create("arguments", 0)
    os.write(arguments, b"".join(os.fsencode(option) + b"\0" for option in options))
    os.lseek(arguments, 0, os.SEEK_SET)
    report_end, report = os.pipe()
    monitor = os.fork()
    if monitor == 0:
        os.close(report_end)
        _become_bwrap(order, arguments, output, report, group)
    os.close(report)
    os.close(arguments)
    return BubblewrapCage(monitor, report_end)


def _world(order: Order, root: str, binds: list[Bind]) -> list[str]:
    options = ["--bind", root, "/"]
    for bind in binds:
        if not bind.is_device:
            options += ["--bind" if bind.writable else "--ro-bind", bind.source, bind.target]
    options += ["--proc", "/proc", "--dev", "/dev"]
    if os.geteuid() == 0:
        for path in (f"/proc/{name}" for name in GUARDED):
            options += ["--ro-bind-try", path, path]
    for bind in binds:
        if bind.is_device:
            options += ["--dev-bind", bind.source, bind.target]
    options += ["--chdir", "/", "--hostname", order.hostname, "--die-with-parent", "--new-session"]
    options += ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--cap-drop", "ALL"]
    for name in CAPABILITIES:
        options += ["--cap-add", f"CAP_{name}"]
    return options if order.network else [*options, "--unshare-net"]


def _become_bwrap(order: Order, arguments: int, output: int, report: int, group: Group | None) -> None:
    """In the forked child: join the group, connect the descriptors, execute; never returns."""
    try:
        die_with_reader(report)
        if group is not None:
            group.join()
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.set_inheritable(report, True)
        os.umask(0o022)
        raise_descriptor_limit()
        prefer_for_out_of_memory_kill()
        kernel.default_signals()
        kernel.block_only()
        words = [order.program, "--args", str(arguments), "--json-status-fd", str(report), "--", *order.command]
        os.execve(order.program, words, {})
    except BaseException as error:
        os.write(2, f"bwrap: {error}\n".encode())
    os._exit(1)
