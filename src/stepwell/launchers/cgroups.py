"""The limits of a container by control groups, version 1 or 2, where this process may make some.

In the supervisor's world: stdlib-only, cheap imports. In: the limits. Out: a `Group` whose `join` the container's
first process calls on itself, so that all its descendants are inside; None when no memory controller can be had,
and `processes.py` then counts instead. Every group is removed at the end; those of dead supervisors are swept.
Facts: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst of the kernel.
"""


# pathlib would lengthen every start of a supervisor.

from __future__ import annotations

import os

PREFIX = "stepwell-"
MOUNTS = "/proc/self/mountinfo"
OWN = "/proc/self/cgroup"


class Group:
    """One control group per hierarchy. `out_of_memory_event` is a descriptor to poll, or -1."""

    __slots__ = ("_directories", "_memory", "_version", "out_of_memory_event")

    def __init__(self, version: int, directories: list[str], memory: str) -> None:
        self._version = version
        self._directories = directories
        self._memory = memory
        self.out_of_memory_event = -1

    def join(self) -> None:
        """Move the calling process, which must have one thread, and all it will start, into the group.

        Version 1 offers `tasks`: a thread that moves itself needs no global lock (0.2 ms, where moving another
        process waits for about 10).
        """
        for directory in self._directories:
            _put(f"{directory}/{'tasks' if self._version == 1 else 'cgroup.procs'}", "0")

    def limit(self, memory_bytes: int | None, process_limit: int) -> None:
        """Set the limits; swap does not stretch the memory."""
        for directory in self._directories:
            if os.path.exists(f"{directory}/pids.max"):
                _put(f"{directory}/pids.max", str(process_limit))
        if memory_bytes is None:
            return
        if self._version == 2:
            _put(f"{self._memory}/memory.max", str(memory_bytes))
            _try_put(f"{self._memory}/memory.swap.max", "0")
            _try_put(f"{self._memory}/memory.oom.group", "1")
        else:
            _put(f"{self._memory}/memory.limit_in_bytes", str(memory_bytes))
            _try_put(f"{self._memory}/memory.memsw.limit_in_bytes", str(memory_bytes))
            self.out_of_memory_event = self._subscribe()

    def _subscribe(self) -> int:
        event = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        control = os.open(f"{self._memory}/memory.oom_control", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _put(f"{self._memory}/cgroup.event_control", f"{event} {control}")
        finally:
            os.close(control)
        return event

    def out_of_memory(self) -> bool:
        """Whether the kernel has killed a process for the memory limit."""
        name = "memory.events" if self._version == 2 else "memory.oom_control"
        for line in _get(f"{self._memory}/{name}").splitlines():
            word, _, count = line.partition(" ")
            if word == "oom_kill" and count != "0":
                return True
        return False

    def peak_memory_bytes(self) -> int | None:
        """The most it ever held, file cache included; None where the kernel does not say (version 2 before 5.19)."""
        name = "memory.peak" if self._version == 2 else "memory.max_usage_in_bytes"
        text = _get(f"{self._memory}/{name}").strip()
        return int(text) if text.isdigit() else None

    def remove(self) -> None:
        """Remove the group, which must be empty by now."""
        for directory in self._directories:
            _try_remove(directory)
        if self.out_of_memory_event >= 0:
            os.close(self.out_of_memory_event)


def make(memory_bytes: int | None, process_limit: int) -> Group | None:
    """A group with these limits, or None when this process cannot have one that limits memory."""
    mounts, own = _get(MOUNTS), _get(OWN)
    try:
        group = _make_version_1(mounts, own) or _make_version_2(mounts, own)
    except OSError:
        return None
    if group is None:
        return None
    try:
        group.limit(memory_bytes, process_limit)
    except OSError:
        group.remove()
        return None
    return group


def _make_version_1(mounts: str, own: str) -> Group | None:
    memory = _version_1_parent(mounts, own, "memory")
    if memory is None:
        return None
    directories = [_make_child(memory)]
    processes = _version_1_parent(mounts, own, "pids")
    if processes is not None:
        directories.append(_make_child(processes))
    return Group(1, directories, directories[0])


def _version_1_parent(mounts: str, own: str, controller: str) -> str | None:
    """Our own group in the hierarchy of `controller`, or its top, if we may make children there."""
    for root, point, options in _hierarchies(mounts, "cgroup"):
        if controller in options:
            for line in own.splitlines():
                _, controllers, path = line.split(":", 2)
                if controller in controllers.split(","):
                    inside = _below(point, root, path)
                    return next((each for each in (inside, point) if os.access(each, os.W_OK | os.X_OK)), None)
    return None


def _make_version_2(mounts: str, own: str) -> Group | None:
    for root, point, _ in _hierarchies(mounts, "cgroup2"):
        path = next((line[3:] for line in own.splitlines() if line.startswith("0::")), None)
        parent = None if path is None else version_2_parent(point, _below(point, root, path))
        if parent is not None:
            child = _make_child(parent)
            return Group(2, [child], child)
    return None


def version_2_parent(top: str, own: str) -> str | None:
    """The nearest ancestor of group `own` that hands the memory controller to its children and is ours to change.

    A group that holds processes hands out nothing, so this is seldom `own` itself: it is what systemd delegates
    to a user or a service.
    """
    directory = own
    while True:
        controllers = _get(f"{directory}/cgroup.subtree_control").split()
        if (
            "memory" in controllers
            and os.access(directory, os.W_OK)
            and os.access(f"{directory}/cgroup.procs", os.W_OK)
        ):
            return directory
        if directory == top or not directory.startswith(top):
            return None
        directory = os.path.dirname(directory)


def _hierarchies(mounts: str, kind: str) -> list[tuple[str, str, list[str]]]:
    """Root, mount point and super options of each mount of `kind` (proc(5), mountinfo)."""
    found = []
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields, tail = before.split(" "), after.split(" ")
        if tail[0] == kind:
            found.append((fields[3], fields[4], tail[-1].split(",")))
    return found


def _below(point: str, root: str, path: str) -> str:
    inside = path[len(root) :] if root != "/" and path.startswith(root) else path
    return (point + "/" + inside.strip("/")).rstrip("/")


def _make_child(parent: str) -> str:
    _sweep(parent)
    child = f"{parent}/{PREFIX}{os.getpid()}"
    try:
        os.mkdir(child)
    except FileExistsError:
        os.rmdir(child)
        os.mkdir(child)
    return child


def _sweep(parent: str) -> None:
    """Remove the groups of supervisors that were killed; the kernel refuses while a process is inside."""
    for name in os.listdir(parent):
        if name.startswith(PREFIX) and not os.path.exists(f"/proc/{name[len(PREFIX) :]}"):
            _try_remove(f"{parent}/{name}")


def _put(path: str, text: str) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)


def _try_put(path: str, text: str) -> None:
    try:
        _put(path, text)
    except OSError:
        pass


def _try_remove(path: str) -> None:
    try:
        os.rmdir(path)
    except OSError:
        pass


def _get(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""
