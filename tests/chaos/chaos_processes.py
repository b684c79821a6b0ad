"""Room tests/chaos: processes as the kernel shows them (proc(5)). In: ports, folders. Out: process ids.

Nothing of the server is asked, so that what it forgot is found too.
"""

from __future__ import annotations

from pathlib import Path

PROC = Path("/proc")


def behind(port: int) -> int:
    """The process whose connection comes from that port of 127.0.0.1. Raises LookupError."""
    rows = (line.split() for line in (PROC / "net/tcp").read_text().splitlines()[1:])
    inodes = [row[9] for row in rows if row[1] == f"0100007F:{port:04X}"]
    for pid in everything():
        if any(f"socket:[{inode}]" in open_files(pid) for inode in inodes):
            return pid
    raise LookupError(f"nobody talks from port {port}")


def owner(pid: int, data: Path) -> int:
    """The nearest ancestor that has something below `data` open: a container's supervisor. Raises LookupError."""
    while pid > 1:
        pid = _parent(pid)
        if _holds(pid, data):
            return pid
    raise LookupError(f"no supervisor with files below {data}")


def left(data: Path, variable: str) -> dict[int, str]:
    """What runs and has something below `data` open, or that environment variable (NAME=value): id -> command."""
    found = (pid for pid in everything() if _holds(pid, data) or variable.encode() in _read(pid, "environ"))
    return {pid: _read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace") for pid in found}


def everything() -> list[int]:
    """All processes of this machine."""
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]


def open_files(pid: int) -> list[str]:
    """What the process has open, as the kernel names it; nothing of one that is gone or somebody else's."""
    try:
        return [str(entry.readlink()) for entry in (PROC / str(pid) / "fd").iterdir()]
    except OSError:
        return []


def _holds(pid: int, data: Path) -> bool:
    return any(name.startswith(f"{data}/") for name in open_files(pid))


def _parent(pid: int) -> int:
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    return int(fields[1]) if fields else 0


def _read(pid: int, name: str) -> bytes:
    try:
        return (PROC / str(pid) / name).read_bytes()
    except OSError:
        return b""
