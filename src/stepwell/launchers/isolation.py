"""Which isolation a host offers: plain values that `probe.py` finds and `process.py` uses.

`rejected` says why the better-placed ones do not work here, in words that `stepwell up` can print.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Name: TypeAlias = Literal["bubblewrap", "namespaces"]

REMEDIES: dict[Name, str] = {
    "bubblewrap": "install the package `bubblewrap` of your distribution",
    "namespaces": (
        "allow user namespaces (sysctl user.max_user_namespaces above 0, kernel.unprivileged_userns_clone=1, "
        "kernel.apparmor_restrict_unprivileged_userns=0), or run as root with CAP_SYS_ADMIN"
    ),
}


@dataclass(frozen=True, slots=True)
class Rejected:
    """An isolation that does not work on this host, and why."""

    name: Name
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason} To get it, {REMEDIES[self.name]}."


@dataclass(frozen=True, slots=True)
class Isolation:
    """The isolation to use. `program` is the path of bwrap, or empty."""

    name: Name
    program: str = ""
    rejected: tuple[Rejected, ...] = ()


class NoIsolationError(RuntimeError):
    """Nothing on this host can isolate a job, so the process launcher refuses to run any."""

    def __init__(self, rejected: tuple[Rejected, ...]) -> None:
        reasons = "\n".join(f"  * {each}" for each in rejected)
        super().__init__(
            f"This host offers no isolation for jobs, and Stepwell does not run them without. Tried:\n{reasons}"
        )
        self.rejected = rejected
