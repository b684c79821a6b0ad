"""Isolation by our own hands: a PID namespace whose init we are, and a mount namespace over the private root.

In the supervisor's world: stdlib-only, cheap imports. In: an `Order`, the binds of `rootfs.prepare`, the pipe for
output, the `Group` to join. Out: a `Cage`.

As real root there is no user namespace: mapping root away would make files that the server staged foreign, or cost
a chown of every one. Instead the container's root loses all capabilities beyond `cage.CAPABILITIES` (no SYS_ADMIN,
SYS_PTRACE, SYS_MODULE, SYS_BOOT, SYS_TIME, NET_ADMIN, DAC_READ_SEARCH ...), sees no device nodes but harmless ones,
and finds the dangerous parts of /proc read-only. Without the privilege, a user namespace maps uid 0 to the user.

Processes: the supervisor forks the init (PID 1 of the namespace), the init forks the command. The init reaps
orphans and passes SIGTERM on; the command is not PID 1, so that signals act on it by default. When the init ends
or is killed, the kernel kills whatever is left in its namespace; when the supervisor is killed, the init dies.
"""

# pathlib would lengthen every start of a supervisor.
# ruff: noqa: PTH102, PTH103, PTH110, PTH112, PTH120, PTH123, PTH211

from __future__ import annotations

import _socket
import errno
import fcntl
import os
import resource
import sys

from stepwell.launchers import kernel
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
from stepwell.launchers.rootfs import DEVICE_LINKS, DEVICES, GUARDED, Bind

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class NamespaceCage(Cage):
    """A container whose init is our own child, so that its process id cannot be taken by another."""

    __slots__ = ()

    def terminate(self) -> None:
        os.kill(self.init, kernel.SIGTERM)

    def kill(self) -> None:
        os.kill(self.init, kernel.SIGKILL)

    def end(self) -> Ending:
        os.waitpid(self.init, 0)
        return read_report(self.told)


def read_report(report: bytes) -> Ending:
    """Lines `exit N`, `signal N`, `error text`; an init that was killed leaves none."""
    ending = Ending(None, None)
    for line in report.decode(errors="replace").splitlines():
        word, _, rest = line.partition(" ")
        if word == "exit":
            ending.code = int(rest)
        elif word == "signal":
            ending.signal = int(rest)
        else:
            ending.error = rest
    if ending.code is None and ending.signal is None and not ending.error:
        ending.signal = kernel.SIGKILL
    return ending


def start(order: Order, root: str, binds: list[Bind], output: int, group: Group | None) -> Cage:
    """Start the container. What goes wrong inside is in its report."""
    has_one_user = _enter_pid_namespace()
    if has_one_user:
        order.environment.setdefault(*UNMAPPED_TAR)
    report_end, report = os.pipe()
    init = os.fork()
    if init == 0:
        os.close(report_end)
        _be_init(order, root, binds, output, report, group, has_one_user)
    os.close(report)
    return NamespaceCage(init, report_end)


def _enter_pid_namespace() -> bool:
    """Let the next child be PID 1 of a new namespace; True if that took a user namespace with one user."""
    user, group = os.geteuid(), os.getegid()
    try:
        kernel.unshare(kernel.CLONE_NEWPID)
    except OSError as error:
        if error.errno != errno.EPERM:
            raise
        kernel.unshare(kernel.CLONE_NEWUSER | kernel.CLONE_NEWPID)
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
            with open(f"/proc/self/{name}", "w", encoding="utf-8") as file:
                file.write(text)
        return True
    return False


def _be_init(
    order: Order, root: str, binds: list[Bind], output: int, report: int, group: Group | None, has_one_user: bool
) -> None:
    """PID 1: build the world, start the command, reap; never returns."""
    try:
        kernel.block_only(kernel.SIGTERM, kernel.SIGCHLD)
        die_with_reader(report)
        if group is not None:
            group.join()
        _leave_host(order)
        _build(root, binds)
        _redirect(output, report)
        raise_descriptor_limit()
        if has_one_user and group is None:
            _limit_processes(order.process_limit)
        kernel.hide_from_peers()
        kernel.keep_capabilities(frozenset(CAPABILITIES.values()))
        kernel.no_new_privileges()
        kernel.die_with_parent()
        command = os.fork()
        if command == 0:
            _execute(order, report)
        _reap(command, report)
    except BaseException as error:
        os.write(report, f"error The container could not be set up: {error}\n".encode(errors="replace"))
    os._exit(0)


def _leave_host(order: Order) -> None:
    flags = kernel.CLONE_NEWNS | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS
    kernel.unshare(flags if order.network else flags | kernel.CLONE_NEWNET)
    kernel.set_hostname(order.hostname)
    if not order.network:
        _raise_loopback()


def _raise_loopback() -> None:
    """SIOCGIFFLAGS and SIOCSIFFLAGS on `lo`: struct ifreq is a name of 16 bytes and here a short (netdevice(7))."""
    get_flags, set_flags, is_up = 0x8913, 0x8914, 0x1
    socket = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    request = fcntl.ioctl(socket.fileno(), get_flags, b"lo".ljust(40, b"\0"))
    flags = int.from_bytes(request[16:18], sys.byteorder) | is_up
    fcntl.ioctl(socket.fileno(), set_flags, request[:16] + flags.to_bytes(2, sys.byteorder) + request[18:])
    socket.close()


def _build(root: str, binds: list[Bind]) -> None:
    """Mount everything below `root` and make it the root. The host's /proc must still be there when the new one is
    mounted: inside a user namespace the kernel wants to see one that is fully visible."""
    kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    _bind(root, root, kernel.MS_NOSUID | kernel.MS_NODEV)
    for bind in binds:
        if not bind.is_device:
            read_only = 0 if bind.writable else kernel.MS_RDONLY
            _bind(bind.source, root + bind.target, kernel.MS_NOSUID | kernel.MS_NODEV | read_only)
    _mount_proc(f"{root}/proc")
    _mount_dev(f"{root}/dev")
    for bind in binds:
        if bind.is_device:
            _bind_device(bind.source, root + bind.target)
    os.chdir(root)
    kernel.pivot_root(".", ".")
    kernel.unmount(".")
    os.chdir("/")


def _bind(source: str, target: str, restrictions: int) -> None:
    kernel.mount(source, target, flags=kernel.MS_BIND | kernel.MS_REC)
    kernel.restrict(target, restrictions)


def _bind_device(source: str, target: str) -> None:
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644))
    kernel.mount(source, target, flags=kernel.MS_BIND | kernel.MS_REC)


def _mount_proc(target: str) -> None:
    kernel.mount("proc", target, "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    for name in GUARDED:
        path = f"{target}/{name}"
        if os.path.exists(path):
            _bind(path, path, kernel.MS_RDONLY)


def _mount_dev(target: str) -> None:
    kernel.mount("tmpfs", target, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=755,size=1m")
    for name in DEVICES:
        if os.path.exists(f"/dev/{name}"):
            _bind_device(f"/dev/{name}", f"{target}/{name}")
    for name, text in DEVICE_LINKS:
        os.symlink(text, f"{target}/{name}")
    os.mkdir(f"{target}/shm")
    kernel.mount("tmpfs", f"{target}/shm", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=1777")
    os.mkdir(f"{target}/pts")
    flags = kernel.MS_NOSUID | kernel.MS_NOEXEC
    kernel.mount("devpts", f"{target}/pts", "devpts", flags, "newinstance,ptmxmode=0666,mode=0620")


def _redirect(output: int, report: int) -> None:
    """Standard input is empty, output goes to the log's pipe, and no other descriptor but `report` stays open."""
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.closerange(3, report)
    os.closerange(report + 1, 1 << 20)


def _limit_processes(limit: int) -> None:
    """For the one user of a user namespace of its own; it means nothing to real root."""
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))


def _execute(order: Order, report: int) -> None:
    """Become the command; never returns. `report` closes by itself when that works."""
    try:
        os.setsid()
        os.umask(0o022)
        prefer_for_out_of_memory_kill()
        kernel.default_signals()
        kernel.block_only()
        _execute_found(order)
    except BaseException as error:
        reason = (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
        text = f"error The command {order.command[0]!r} could not be executed: {reason}.\n"
        os.write(report, text.encode(errors="replace"))
        os._exit(NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE)


def _execute_found(order: Order) -> None:
    """execvp(3) with the container's PATH. os.execvpe would import a module, and the host's are out of sight."""
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
                os.write(report, (f"exit {code}\n" if code >= 0 else f"signal {-code}\n").encode())
                return
