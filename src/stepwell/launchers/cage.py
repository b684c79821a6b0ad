"""What the isolations have in common: a started container as its supervisor sees it, and how it ended.

In the supervisor's world: stdlib-only, cheap imports. A cage tells about itself through the pipe `report`
(see `command.py`), which ends when the container has ended.
"""

from __future__ import annotations

import os

from stepwell.launchers import kernel


class Ending:
    """How the command ended: `code` or `signal`, or an `error` of the attempt to start it."""

    __slots__ = ("code", "error", "signal")

    def __init__(self, code: int | None, signal: int | None, error: str = "") -> None:
        self.code = code
        self.signal = signal
        self.error = error


class Cage:
    """A started container. `attendant` is our child that waits for the command; being our child, its process id
    cannot be taken by another before `end`. `staff` are the children whose memory is not the container's."""

    __slots__ = ("attendant", "report", "staff", "told")

    def __init__(self, attendant: int, report: int) -> None:
        self.attendant = attendant
        self.staff: tuple[int, ...] = (attendant,)
        self.report = report
        self.told = b""

    def listen(self) -> bool:
        """Read the report, which must be readable; False when it is over."""
        data = os.read(self.report, 65536)
        self.told += data
        return bool(data)

    def terminate(self) -> None:
        """SIGTERM for the command."""
        os.kill(self.attendant, kernel.SIGTERM)

    def kill(self) -> None:
        """SIGKILL for everything inside."""
        raise NotImplementedError

    def end(self) -> Ending:
        """Wait until everything inside is dead (the report must be over); how the command ended."""
        raise NotImplementedError


def read_report(report: bytes) -> Ending:
    """Lines `exit N`, `signal N`, `error text`; there are none when everything was killed."""
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
