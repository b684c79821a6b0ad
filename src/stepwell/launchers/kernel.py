"""The system calls that Python has no name for, by ctypes. Linux only.

In the supervisor's world: stdlib-only, cheap imports. Every function does one call and raises OSError with the
call's name. Numbers are those of the kernel's user API headers; they are the same on every architecture we know.
"""


# pathlib would lengthen every start of a supervisor.

from __future__ import annotations

import ctypes
import errno
import os

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MNT_DETACH = 0x2

SIGKILL = 9
SIGTERM = 15
SIGCHLD = 17

_PIDFD_SEND_SIGNAL = 424
_MOUNT_SETATTR = 442
_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION_3 = 0x20080522
_SIG_SETMASK = 2

_libc = ctypes.CDLL(None, use_errno=True)
_SignalSet = ctypes.c_ubyte * 128
"""sigset_t of glibc and musl: 1024 bits."""


def _checked(result: int, call: str) -> int:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
    return result


def unshare(flags: int) -> None:
    """Leave the namespaces named by `flags` for new ones."""
    _checked(_libc.unshare(ctypes.c_int(flags)), "unshare")


def enter(pidfd: int, flags: int) -> None:
    """Join the namespaces named by `flags` of the process behind `pidfd` (Linux 5.8)."""
    _checked(_libc.setns(ctypes.c_int(pidfd), ctypes.c_int(flags)), "setns")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2)."""
    result = _libc.mount(
        os.fsencode(source), os.fsencode(target), kind.encode() or None, ctypes.c_ulong(flags), data.encode() or None
    )
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"mount {source} at {target}: {os.strerror(number)}")


def unmount(target: str) -> None:
    """Detach `target` and everything below it."""
    _checked(_libc.umount2(os.fsencode(target), ctypes.c_int(MNT_DETACH)), "umount2")


def pivot_root(new_root: str, put_old: str) -> None:
    """pivot_root(2); both may be the same directory, as its manual page describes."""
    _checked(_libc.pivot_root(os.fsencode(new_root), os.fsencode(put_old)), "pivot_root")


def restrict(target: str, flags: int) -> None:
    """Add MS_RDONLY, MS_NOSUID, MS_NODEV (as in `flags`) to the mount at `target` and all below it.

    mount_setattr (Linux 5.12) only adds, so flags that a user namespace may not clear stay as they are.
    """
    attributes = (ctypes.c_uint64 * 4)(flags & (MS_RDONLY | MS_NOSUID | MS_NODEV), 0, 0, 0)
    result = _libc.syscall(
        ctypes.c_long(_MOUNT_SETATTR),
        ctypes.c_int(_AT_FDCWD),
        os.fsencode(target),
        ctypes.c_uint(_AT_RECURSIVE),
        attributes,
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )
    if result == -1 and ctypes.get_errno() == errno.ENOSYS:
        restrict_by_remount(target, flags)
    else:
        _checked(result, f"mount_setattr {target}")


def restrict_by_remount(target: str, flags: int) -> None:
    """`restrict` for older kernels: remount each mount with the flags it has and `flags`."""
    real = os.path.realpath(target)
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
        points = {_unescape(line.split(" ")[4]) for line in table}
    for point in sorted(points):
        if point == real or point.startswith(real + "/"):
            kept = os.statvfs(point).f_flag & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
            mount("none", point, flags=MS_REMOUNT | MS_BIND | flags | kept)


def _unescape(field: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, character)
    return field


def set_hostname(name: str) -> None:
    """The name of this UTS namespace."""
    data = name.encode()
    _checked(_libc.sethostname(data, ctypes.c_size_t(len(data))), "sethostname")


def _prctl(option: int, argument: int) -> int:
    zero = ctypes.c_ulong(0)
    return int(_libc.prctl(ctypes.c_int(option), ctypes.c_ulong(argument), zero, zero, zero))


def die_with_parent() -> None:
    """SIGKILL for this process as soon as its parent is gone."""
    _checked(_prctl(_PR_SET_PDEATHSIG, SIGKILL), "prctl(PR_SET_PDEATHSIG)")


def hide_from_peers() -> None:
    """No process of the same user may trace this one or look into its /proc entries. Ends with exec."""
    _checked(_prctl(_PR_SET_DUMPABLE, 0), "prctl(PR_SET_DUMPABLE)")


def no_new_privileges() -> None:
    """Set-uid programs and file capabilities give nothing from here on."""
    _checked(_prctl(_PR_SET_NO_NEW_PRIVS, 1), "prctl(PR_SET_NO_NEW_PRIVS)")


def keep_capabilities(kept: frozenset[int]) -> None:
    """Drop every capability but `kept`, for good."""
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    for capability in range(64):
        if capability not in kept and _prctl(_PR_CAPBSET_DROP, capability) == -1:
            if ctypes.get_errno() == errno.EINVAL:
                break
            _checked(-1, "prctl(PR_CAPBSET_DROP)")
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()
    _checked(_libc.capget(header, sets), "capget")
    mask = sum(1 << capability for capability in kept)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    for index, part in ((0, low), (1, low), (3, high), (4, high)):
        sets[index] &= part
    sets[2] = sets[5] = 0
    _checked(_libc.capset(header, sets), "capset")


def signal_process(pidfd: int, number: int) -> None:
    """Send signal `number` to the process behind `pidfd`; nothing when it has ended."""
    null = ctypes.c_void_p()
    result = _libc.syscall(
        ctypes.c_long(_PIDFD_SEND_SIGNAL), ctypes.c_int(pidfd), ctypes.c_int(number), null, ctypes.c_uint(0)
    )
    if result == -1 and ctypes.get_errno() != errno.ESRCH:
        _checked(result, "pidfd_send_signal")


def _signal_set(signals: tuple[int, ...]) -> ctypes.Array[ctypes.c_ubyte]:
    members = _SignalSet()
    for number in signals:
        _libc.sigaddset(members, ctypes.c_int(number))
    return members


def block_only(*signals: int) -> None:
    """Make `signals` the blocked ones of this thread."""
    _checked(_libc.sigprocmask(ctypes.c_int(_SIG_SETMASK), _signal_set(signals), None), "sigprocmask")


def wait_for_signal(*signals: int) -> int:
    """The next of `signals`, which must be blocked."""
    number = ctypes.c_int(0)
    result = _libc.sigwait(_signal_set(signals), ctypes.byref(number))
    if result:
        raise OSError(result, f"sigwait: {os.strerror(result)}")
    return number.value


def default_signals() -> None:
    """Undo what is ignored: by the Python interpreter, so that a program started from here dies of a broken pipe; by
    whoever started the server, such as nohup. The two that cannot be changed, and libc's own, refuse."""
    for number in range(1, 65):
        _libc.signal(ctypes.c_int(number), None)
