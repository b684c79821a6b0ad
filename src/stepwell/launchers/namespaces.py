"""Isolation by our own hands: a PID namespace whose init we are, and a mount namespace over the private root.

In the supervisor's world: stdlib-only, cheap imports. In: an `Order`, the binds of `rootfs.prepare`, the pipe for
output, the `Group` to join. Out: a `Cage`.

As real root there is no user namespace: mapping root away would make files that the server staged foreign, or cost
a chown of every one. Instead the container's root loses all capabilities beyond `command.CAPABILITIES` (no SYS_ADMIN,
SYS_PTRACE, SYS_MODULE, SYS_BOOT, SYS_TIME, NET_ADMIN, DAC_READ_SEARCH ...), sees no device nodes but harmless ones,
and finds the dangerous parts of /proc read-only. Without the privilege, a user namespace maps uid 0 to the user.

Processes: the supervisor forks the init (PID 1 of the namespace), the init forks the command. The init reaps
orphans and passes SIGTERM on; the command is not PID 1, so that signals act on it by default. When the init ends
or is killed, the kernel kills whatever is left in its namespace; when the supervisor is killed, the init dies.
"""


# pathlib would lengthen every start of a supervisor.

from __future__ import annotations

import _socket
import errno
import fcntl
import os
import sys

from stepwell.launchers import command, kernel
from stepwell.launchers.cage import Cage, Ending, read_report
from stepwell.launchers.cgroups import Group
from stepwell.launchers.order import Order
from stepwell.launchers.rootfs import DEVICE_LINKS, DEVICES, GUARDED, Bind


class NamespaceCage(Cage):
    """A container whose PID 1 is our attendant."""

    __slots__ = ()

    def kill(self) -> None:
        os.kill(self.attendant, kernel.SIGKILL)

    def end(self) -> Ending:
        os.waitpid(self.attendant, 0)
        return read_report(self.told)


def start(order: Order, root: str, binds: list[Bind], output: int, group: Group | None) -> Cage:
    """Start the container. What goes wrong inside is in its report."""
    has_one_user = _enter_pid_namespace()
    if has_one_user:
        order.environment.setdefault(*command.UNMAPPED_TAR)
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
    """PID 1: build the world and attend to the command; never returns."""
    try:
        command.prepare_to_attend(report)
        if group is not None:
            group.join()
        _leave_host(order)
        _build(root, binds)
        if has_one_user and group is None:
            command.limit_processes(order.process_limit)
        command.attend(order, output, report)
    except BaseException as error:
        command.tell(report, f"error The container could not be set up: {error}")
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
