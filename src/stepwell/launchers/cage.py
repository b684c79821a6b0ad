"""What the two isolations have in common: a started container as its supervisor sees it, and how it ended.

In the supervisor's world: stdlib-only, cheap imports. A cage tells about itself through the pipe `report`, which
ends when the container has ended.
"""

# pathlib would lengthen every start of a supervisor.
# ruff: noqa: PTH123

from __future__ import annotations

import os
import resource
import select

from stepwell.launchers import kernel

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

UNMAPPED_TAR = ("TAR_OPTIONS", "--no-same-owner")
"""With one mapped user, GNU tar as root would fail to give files to the owners named in an archive."""


class Ending:
    """How the command ended: `code` or `signal`, or an `error` of the attempt to start it."""

    __slots__ = ("code", "error", "signal")

    def __init__(self, code: int | None, signal: int | None, error: str = "") -> None:
        self.code = code
        self.signal = signal
        self.error = error


class Cage:
    """A started container. `init` is its PID 1 as the host counts, 0 while unknown."""

    __slots__ = ("init", "report", "told")

    def __init__(self, init: int, report: int) -> None:
        self.init = init
        self.report = report
        self.told = b""

    def listen(self) -> bool:
        """Read the report, which must be readable; False when it is over."""
        data = os.read(self.report, 65536)
        self.told += data
        return bool(data)

    def terminate(self) -> None:
        """SIGTERM for the command."""
        raise NotImplementedError

    def kill(self) -> None:
        """SIGKILL for everything inside."""
        raise NotImplementedError

    def end(self) -> Ending:
        """Wait until everything inside is dead (the report must be over); how the command ended."""
        raise NotImplementedError

    def explain(self, ending: Ending, program: str, last_line: bytes) -> Ending:
        """`ending`, or what the `last_line` of output tells about a failure to execute `program`."""
        del program, last_line
        return ending


def raise_descriptor_limit() -> None:
    """As many open files as the host allows, as containers have them, and no core dumps."""
    for limit, soft in ((resource.RLIMIT_NOFILE, None), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(limit)[1]
        resource.setrlimit(limit, (hard if soft is None else soft, hard))


def prefer_for_out_of_memory_kill() -> None:
    """When memory runs out, this process and what it starts go before the supervisor and the server."""
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="utf-8") as file:
            file.write("500")
    except OSError:
        pass


def die_with_reader(report: int) -> None:
    """Die when the supervisor, our parent and the only reader of `report`, does; also if it is gone already."""
    kernel.die_with_parent()
    poller = select.poll()
    poller.register(report, 0)
    if poller.poll(0):
        os._exit(0)
