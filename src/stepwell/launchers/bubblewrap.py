"""Isolation by bubblewrap, which some distributions privilege where they forbid user namespaces to everybody else.

In the supervisor's world: stdlib-only, cheap imports. In: an `Order`, the binds of `rootfs.prepare`, the pipe for
output, the `Group` to join. Out: a `Cage`.

bwrap builds the world and runs nothing in it but `cat`, on a pipe that the supervisor alone holds open. The command
is started by our own child, which enters the finished world with setns(2). So the command's end is known exactly
(bwrap would tell 128 + n for a death by signal n, and 1 for a command not found), and its environment never touches
bwrap (LD_PRELOAD would act outside the container).

The world lasts as long as the supervisor wants or lives: when it is gone, however it went, `cat` reads the end, bwrap
ends, and its PID 1 with all that is left is killed. The keeper between supervisor and bwrap makes that true at every
moment: were bwrap the supervisor's child, --die-with-parent could kill it while its PID 1 waits for it, forever.
"""

from __future__ import annotations

import os
import select

from stepwell.launchers import command, kernel, processes
from stepwell.launchers.cage import Cage, Ending, read_report
from stepwell.launchers.cgroups import Group
from stepwell.launchers.order import Order
from stepwell.launchers.rootfs import GUARDED, Bind

HOLDER = "/bin/cat"
PATIENCE = 60.0
"""Seconds for building a world, which takes some milliseconds."""


class World:
    """What bwrap has built: `init` is a handle of its PID 1, `holder` the `cat`, and closing `hold` ends it."""

    __slots__ = ("hold", "holder", "init", "keeper")

    def __init__(self, keeper: int, init: int, holder: int, hold: int) -> None:
        self.keeper = keeper
        self.init = init
        self.holder = holder
        self.hold = hold

    def end(self) -> None:
        """Kill all inside and wait until it is dead."""
        kernel.signal_process(self.init, kernel.SIGKILL)
        os.close(self.hold)
        select.select([self.init], [], [])
        os.waitpid(self.keeper, 0)


class BubblewrapCage(Cage):
    """A container in a world of bwrap's."""

    __slots__ = ("_world",)

    def __init__(self, attendant: int, report: int, world: World) -> None:
        super().__init__(attendant, report)
        self.staff = (attendant, world.keeper)
        self._world = world

    def kill(self) -> None:
        kernel.signal_process(self._world.init, kernel.SIGKILL)

    def end(self) -> Ending:
        self._world.end()
        os.waitpid(self.attendant, 0)
        return read_report(self.told)


def start(order: Order, root: str, binds: list[Bind], output: int, group: Group | None) -> Cage:
    """Start the container. Raises OSError with bwrap's words when it cannot build the world."""
    is_root = os.geteuid() == 0
    if not is_root:
        order.environment.setdefault(*command.UNMAPPED_TAR)
    world = _build(order.program, world_options(order, root, binds, is_root))
    report_end, report = os.pipe()
    attendant = os.fork()
    if attendant == 0:
        os.close(report_end)
        _attend(order, world, output, report, group, is_root)
    os.close(report)
    return BubblewrapCage(attendant, report_end, world)


def world_options(order: Order, root: str, binds: list[Bind], is_root: bool) -> list[str]:
    """bwrap(1)'s options. For real root it must be told which parts of /proc to guard: it covers what it cannot
    write to by itself, which says nothing about what the container's root can."""
    options = ["--bind", root, "/"]
    for bind in binds:
        if not bind.is_device:
            options += ["--bind" if bind.writable else "--ro-bind", bind.source, bind.target]
    options += ["--proc", "/proc", "--dev", "/dev"]
    for bind in binds:
        if bind.is_device:
            options += ["--dev-bind", bind.source, bind.target]
    options += ["--chdir", "/", "--hostname", order.hostname, "--new-session", "--die-with-parent"]
    options += ["--cap-drop", "ALL", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
    if not order.network:
        options.append("--unshare-net")
    if not is_root:
        return [*options, "--unshare-user", "--uid", "0", "--gid", "0"]
    return [*options, *(word for name in GUARDED for word in ("--ro-bind-try", f"/proc/{name}", f"/proc/{name}"))]


def _build(program: str, options: list[str]) -> World:
    """Run bwrap until `cat` echoes inside. Raises OSError."""
    hold_end, hold = os.pipe()
    echo, echo_end = os.pipe()
    status, status_end = os.pipe()
    complaints, complaints_end = os.pipe()
    os.write(hold, b"\n")
    keeper = os.fork()
    if keeper == 0:
        os.close(hold)
        _keep(program, options, (hold_end, echo_end, complaints_end, status_end), status)
    for end in (hold_end, echo_end, status_end, complaints_end):
        os.close(end)
    try:
        readable, _, _ = select.select([echo], [], [], PATIENCE)
        if not readable or not os.read(echo, 1):
            os.kill(keeper, kernel.SIGKILL)
            os.waitpid(keeper, 0)
            raise OSError(f"bwrap: {_read_now(complaints) or 'no answer'}")
        init = read_number(os.read(status, 4096), b"child-pid")
        return World(keeper, os.pidfd_open(init), next(iter(processes.children(init)), init), hold)
    finally:
        for end in (echo, status, complaints):
            os.close(end)


def _keep(program: str, options: list[str], ends: tuple[int, int, int, int], status: int) -> None:
    """In the forked child: be the parent of bwrap until it ends; never returns.

    Somebody must stay the reader of `status`: bwrap would die of a broken pipe with its PID 1 waiting for it.
    """
    bwrap = os.fork()
    if bwrap == 0:
        _become_bwrap(program, options, ends)
    os.closerange(0, status)
    os.closerange(status + 1, 1 << 20)
    os.waitpid(bwrap, 0)
    os._exit(0)


def _become_bwrap(program: str, options: list[str], ends: tuple[int, int, int, int]) -> None:
    """In the keeper's child: standard streams, and bwrap with its options in memory; never returns."""
    try:
        for target, end in enumerate(ends[:3]):
            os.dup2(end, target)
        arguments = os.memfd_create("arguments", 0)
        os.write(arguments, b"".join(os.fsencode(option) + b"\0" for option in options))
        os.lseek(arguments, 0, os.SEEK_SET)
        os.set_inheritable(ends[3], True)
        kernel.default_signals()
        words = [program, "--args", str(arguments), "--json-status-fd", str(ends[3]), "--", HOLDER]
        os.execve(program, words, {})
    except BaseException as error:
        os.write(2, f"{error}\n".encode(errors="replace"))
    os._exit(1)


def _read_now(source: int) -> str:
    """What is in the pipe."""
    readable, _, _ = select.select([source], [], [], 0)
    return os.read(source, 4096).decode(errors="replace").strip().removeprefix("bwrap: ") if readable else ""


def read_number(report: bytes, name: bytes) -> int:
    """The number called `name` in bwrap's JSON lines, which hold nothing but numbers. Raises OSError."""
    digits = report.partition(b'"%s":' % name)[2].split(b",")[0].split(b"}")[0].strip()
    if not digits.isdigit():
        raise OSError(f"bwrap told {report!r}, without {name.decode()}")
    return int(digits)


def _attend(order: Order, world: World, output: int, report: int, group: Group | None, is_root: bool) -> None:
    """In the forked child: enter the world and attend to the command there; never returns."""
    try:
        command.prepare_to_attend(report)
        if group is not None:
            group.join()
        flags = kernel.CLONE_NEWNS | kernel.CLONE_NEWPID | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS
        flags |= 0 if order.network else kernel.CLONE_NEWNET
        kernel.enter(os.pidfd_open(world.holder), flags if is_root else flags | kernel.CLONE_NEWUSER)
        os.chdir("/")
        if not is_root and group is None:
            command.limit_processes(order.process_limit)
        command.attend(order, output, report)
    except BaseException as error:
        command.tell(report, f"error The container could not be set up: {error}")
    os._exit(0)
