"""The process that starts the container's command and waits for it: the same under every isolation.

In the supervisor's world: stdlib-only, cheap imports, and none later: the host's files are out of sight by now.
In: the order, the pipe for output, and the pipe `report`. Out, on `report`: a line `exit N` or `signal N`, before it
`error text` if the command could not be executed. The caller is a child of the supervisor, already inside the
container's world; the command becomes its child.
"""


# pathlib would lengthen every start of a supervisor.

from __future__ import annotations

import errno
import os
import resource
import select

from stepwell.launchers import kernel
from stepwell.launchers.order import Order

CAPABILITIES = {
    "CHOWN": 0,
    "DAC_OVERRIDE": 1,
    "FOWNER": 3,
    "FSETID": 4,
    "KILL": 5,
    "SETGID": 6,
    "SETUID": 7,
    "SETPCAP": 8,
    "NET_BIND_SERVICE": 10,
    "SYS_CHROOT": 18,
    "SETFCAP": 31,
}
"""All that the container's root keeps (numbers: include/uapi/linux/capability.h): what unpacking, installing and
serving need. Of what a Docker container has by default, MKNOD, NET_RAW and AUDIT_WRITE are missing: the network
is the host's, where NET_RAW could read other people's traffic."""

NOT_FOUND = 127
NOT_EXECUTABLE = 126
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

UNMAPPED_TAR = ("TAR_OPTIONS", "--no-same-owner")
"""With one mapped user, GNU tar as root would fail to give files to the owners named in an archive."""


def prepare_to_attend(report: int) -> None:
    """The first thing in the forked child: let SIGTERM wait, and die when the supervisor does."""
    kernel.block_only(kernel.SIGTERM, kernel.SIGCHLD)
    die_with_supervisor(report)


def attend(order: Order, output: int, report: int) -> None:
    """Start the command and report its end."""
    _redirect(output, report)
    _raise_descriptor_limit()
    kernel.hide_from_peers()
    kernel.keep_capabilities(frozenset(CAPABILITIES.values()))
    kernel.no_new_privileges()
    kernel.die_with_parent()
    command = os.fork()
    if command == 0:
        _execute(order, report)
    _reap(command, report)


def die_with_supervisor(report: int) -> None:
    """SIGKILL when the parent dies; and if the supervisor, the only reader of `report`, is gone already, exit."""
    kernel.die_with_parent()
    poller = select.poll()
    poller.register(report, 0)
    if poller.poll(0):
        os._exit(0)


def tell(report: int, line: str) -> None:
    """Write one line to the report."""
    os.write(report, f"{line}\n".encode(errors="replace"))


def limit_processes(limit: int) -> None:
    """For the one user of a user namespace of its own; it means nothing to real root."""
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))


def _redirect(output: int, report: int) -> None:
    """Standard input is empty, output goes to the log's pipe, and no other descriptor but `report` stays open."""
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.closerange(3, report)
    os.closerange(report + 1, 1 << 20)


def _raise_descriptor_limit() -> None:
    """As many open files as the host allows, as containers have them, and no core dumps."""
    for limit, soft in ((resource.RLIMIT_NOFILE, None), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(limit)[1]
        resource.setrlimit(limit, (hard if soft is None else soft, hard))


def _execute(order: Order, report: int) -> None:
    """Become the command; never returns. `report` closes by itself when that works."""
    try:
        die_with_supervisor(report)
        os.setsid()
        os.umask(0o022)
        _prefer_for_out_of_memory_kill()
        kernel.default_signals()
        kernel.block_only()
        _execute_found(order)
    except BaseException as error:
        reason = (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
        tell(report, f"error The command {order.command[0]!r} could not be executed: {reason}.")
        os._exit(NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE)


def _execute_found(order: Order) -> None:
    """execvp(3) with the container's PATH; os.execvpe would import a module."""
    program = order.command[0]
    folders = [""] if "/" in program else order.environment.get("PATH", DEFAULT_PATH).split(":")
    failure: OSError = FileNotFoundError(errno.ENOENT, "No such file or directory")
    for folder in folders:
        try:
            os.execve(f"{folder}/{program}" if folder else program, order.command, order.environment)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError as error:
            failure = error
    raise failure


def _prefer_for_out_of_memory_kill() -> None:
    """When memory runs out, the command and what it starts go before the init, the supervisor and the server."""
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="utf-8") as file:
            file.write("500")
    except OSError:
        pass


def _reap(command: int, report: int) -> None:
    """Reap until the command has ended; pass SIGTERM on to it."""
    while True:
        if kernel.wait_for_signal(kernel.SIGTERM, kernel.SIGCHLD) == kernel.SIGTERM:
            os.kill(command, kernel.SIGTERM)
            continue
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == command:
                code = os.waitstatus_to_exitcode(status)
                tell(report, f"exit {code}" if code >= 0 else f"signal {-code}")
                return
