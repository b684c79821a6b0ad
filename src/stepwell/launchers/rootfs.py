"""The private root of a container: a skeleton on disk, and what is mounted over it.

In the supervisor's world: stdlib-only, cheap imports. In: the job's `root` folder, its host name, its mounts. Out:
files, directories and mount points below `root`, and the binds in the order they must be made. The host's system
directories are bound read-only; of /etc only what programs need and what holds no secret. Everything else that a
script writes lands on disk in `root`. All of it happens before any code of the container runs.
"""


# pathlib would lengthen every start of a supervisor.

from __future__ import annotations

import os

SYSTEM = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "nix")
"""Bound read-only, or repeated as the symbolic link that the host has (merged /usr)."""

DIRECTORIES = (
    *("dev", "etc", "etc/pki", "etc/pki/tls", "etc/ssl", "home", "media", "mnt", "opt", "proc", "root"),
    *("run", "run/lock", "srv", "sys", "var", "var/cache", "var/lib", "var/log", "var/spool"),
)

CONFIGURATION = (
    *("ld.so.cache", "ld.so.conf", "nsswitch.conf", "resolv.conf", "host.conf", "gai.conf", "localtime", "timezone"),
    *("services", "protocols", "mime.types", "magic", "os-release", "debian_version", "ssl/openssl.cnf"),
    *("bash.bashrc", "inputrc", "shells", "login.defs"),
)
"""Copied from the host's /etc, where they are small and public."""

SHARED = (
    *("alternatives", "ld.so.conf.d", "ssl/certs", "pki/ca-trust", "pki/tls/certs", "fonts", "terminfo"),
    *("OpenCL", "R", "perl", "python3"),
)
"""Bound read-only from the host's /etc; never ssl/private or pki/tls/private, which root could read."""

PASSWD = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
GROUP = "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n"

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
DEVICE_LINKS = (
    ("fd", "/proc/self/fd"),
    ("stdin", "fd/0"),
    ("stdout", "fd/1"),
    ("stderr", "fd/2"),
    ("ptmx", "pts/ptmx"),
)

GUARDED = ("sys", "sysrq-trigger", "irq", "bus", "fs")
"""Parts of /proc that root may write to without any capability, and that reach beyond the container."""

TOPOLOGY = "/sys/devices/system"
"""Processors and memory nodes, which numeric libraries ask for; the rest of /sys stays away."""


class Bind:
    """`source` of the host at `target` of the container."""

    __slots__ = ("source", "target", "writable")

    def __init__(self, source: str, target: str, writable: bool) -> None:
        self.source = source
        self.target = target
        self.writable = writable

    @property
    def is_device(self) -> bool:
        """Whether it lives in /dev, which is mounted fresh and gets its mount points then."""
        return self.target.startswith("/dev/")


def prepare(root: str, hostname: str, mounts: list[tuple[str, str, bool]]) -> list[Bind]:
    """Make the skeleton in `root`, and the mount points; the answer is what to bind, parents first.

    Raises OSError naming the path when a source is missing or a mount point cannot be made.
    """
    _make_skeleton(root, hostname)
    binds = _system_binds(root)
    wanted = [Bind(*mount) for mount in sorted(mounts, key=lambda mount: mount[1].count("/"))]
    for bind in wanted:
        if any(_covers(system, bind) and system.source == system.target for system in binds):
            _require_same(bind)
            continue
        if not bind.is_device:
            _make_mount_point(root, binds, bind)
        binds.append(bind)
    return binds


def _make_skeleton(root: str, hostname: str) -> None:
    os.makedirs(root, 0o755, exist_ok=True)
    for name in DIRECTORIES:
        _make_directory(f"{root}/{name}", 0o755)
    for name in ("tmp", "var/tmp"):
        _make_directory(f"{root}/{name}", 0o1777)
        os.chmod(f"{root}/{name}", 0o1777)
    os.chmod(f"{root}/root", 0o700)
    _make_link("/run", f"{root}/var/run")
    _make_link("/proc/self/mounts", f"{root}/etc/mtab")
    for name in CONFIGURATION:
        _write(f"{root}/etc/{name}", _read(f"/etc/{name}"))
    _write(f"{root}/etc/passwd", PASSWD.encode())
    _write(f"{root}/etc/group", GROUP.encode())
    _write(f"{root}/etc/hostname", f"{hostname}\n".encode())
    own = f"127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.0.1 {hostname}\n"
    _write(f"{root}/etc/hosts", own.encode() + _read("/etc/hosts"))


def _system_binds(root: str) -> list[Bind]:
    paths = [*SYSTEM, *(f"etc/{name}" for name in (*SHARED, *_java_configuration())), TOPOLOGY[1:]]
    binds = []
    for path in paths:
        host = f"/{path}"
        if os.path.islink(host):
            _make_link(os.readlink(host), f"{root}/{path}")
        elif os.path.isdir(host):
            os.makedirs(f"{root}/{path}", 0o755, exist_ok=True)
            binds.append(Bind(host, host, False))
    return binds


def _java_configuration() -> list[str]:
    return [name for name in os.listdir("/etc") if name.startswith("java-")]


def _covers(outer: Bind, inner: Bind) -> bool:
    return inner.target == outer.target or inner.target.startswith(outer.target + "/")


def _require_same(bind: Bind) -> None:
    """A system directory is visible as it is: mounting it at its own place asks for nothing more."""
    if bind.writable or os.path.realpath(bind.source) != os.path.realpath(bind.target):
        raise OSError(f"The mount target {bind.target} lies in a read-only directory of the system.")
    os.stat(bind.source)


def _make_mount_point(root: str, binds: list[Bind], bind: Bind) -> None:
    """Make it where it will be seen: in `root`, or in the source of the mount around it."""
    base, inner = root, bind.target
    for outer in binds:
        if _covers(outer, bind):
            base, inner = outer.source, bind.target[len(outer.target) :]
    *parents, last = [part for part in inner.split("/") if part] or [""]
    directory = os.open(base, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parents:
            directory = _enter(directory, part, bind.target)
        if last:
            _make_leaf(directory, last, bind)
    finally:
        os.close(directory)


def _enter(directory: int, name: str, target: str) -> int:
    """Open the directory `name`, made if missing, in place of `directory`; symbolic links are refused."""
    try:
        os.mkdir(name, 0o755, dir_fd=directory)
    except FileExistsError:
        pass
    try:
        inner = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    except OSError as error:
        raise OSError(f"The mount target {target} needs a directory at {name!r}: {error.strerror}.") from error
    os.close(directory)
    return inner


def _make_leaf(directory: int, name: str, bind: Bind) -> None:
    if os.path.isdir(bind.source):
        os.close(_enter(os.dup(directory), name, bind.target))
        return
    os.stat(bind.source)
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    os.close(os.open(name, flags, 0o644, dir_fd=directory))


def _make_directory(path: str, mode: int) -> None:
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        pass


def _make_link(text: str, path: str) -> None:
    try:
        os.symlink(text, path)
    except FileExistsError:
        pass


def _read(path: str) -> bytes:
    """The host's file, or nothing where it is missing or not ours to read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _write(path: str, data: bytes) -> None:
    if data:
        with open(path, "wb") as file:
            file.write(data)
