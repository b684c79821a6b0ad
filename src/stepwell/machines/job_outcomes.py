"""Room machines: how a job ends. In: how each of its containers ended. Out: its final status and FailureReason.

The texts are the service's (spec 03, sections 2 and 3); retry policies of pipelines key on what stands before the
first colon: AlgorithmError (the container's fault), ClientError (the request's), CapacityError and
InternalServerError (the platform's).
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["processing", "training"]
FinalStatus = Literal["Completed", "Failed", "Stopped"]

REASON_LIMIT = 1024
"""Longest FailureReason of the service model; also how much of /opt/ml/output/failure is shown."""

PLATFORM_FAILED = "InternalServerError: We encountered an internal error. Please try again."
OUT_OF_MEMORY = (
    "ClientError: Please use an instance type with more memory, or reduce the size of job data processed on an "
    "instance."
)
NO_SPACE = "Insufficient disk space."
"""What the service says when data or artifacts do not fit on the volume."""
DISK_FULL = f"{NO_SPACE} The disk of this machine is full: make room on it, or let the job write less."
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
NOT_UTF8 = "ClientError: The file /opt/ml/output/message is not encoded in UTF-8."
CUSTOMER_ERROR = 2
"""Exit code of the service's own algorithms for what the customer can mend."""
NOT_STARTABLE = frozenset({126, 127})
"""Exit codes of a shell for a command that cannot be executed or found."""


@dataclass(frozen=True, slots=True)
class HostEnd:
    """How the container of one host ended, and what it left to say. Times are epoch seconds."""

    host: str
    code: int | None = None
    """Exit code; None when a signal ended it or it never ran."""
    signal: int | None = None
    out_of_memory: bool = False
    timed_out: bool = False
    stopped: bool = False
    lost: bool = False
    """It was started, and nobody can say how it ended."""
    full: Literal["", "volume", "disk"] = ""
    """It kept more than its volume, or failed while the disk of this machine was full."""
    volume_gib: int | None = None
    """The size of its volume."""
    error: str = ""
    """Why it could not even be started."""
    failure: str = ""
    """Text of /opt/ml/output/failure."""
    message_is_text: bool = True
    """Whether /opt/ml/output/message, if there is one, is UTF-8."""

    @property
    def exit_code(self) -> int:
        """The exit code as a shell gives it: 128 + n after signal n."""
        return 128 + self.signal if self.signal is not None else (self.code or 0)

    @property
    def has_run(self) -> bool:
        """Whether the container did anything that may have left something to take."""
        return self.lost or (not self.error and (self.code is not None or self.signal is not None))


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a job ends. Two kinds of Stopped have a name: `timed_out` is MaxRuntimeExceeded, `waited_out`
    MaxWaitTimeExceeded."""

    status: FinalStatus
    reason: str = ""
    timed_out: bool = False
    waited_out: bool = False

    @property
    def secondary_status(self) -> str:
        """What a training job's SecondaryStatus says of it."""
        if self.timed_out:
            return "MaxRuntimeExceeded"
        return "MaxWaitTimeExceeded" if self.waited_out else self.status


def verdict_of(kind: Kind, hosts: Sequence[HostEnd], *, stopping: bool) -> Verdict:
    """The verdict over all hosts; `stopping`: a client asked the job to stop."""
    lost = next((host for host in hosts if host.lost), None)
    if lost is not None:
        return Verdict("Failed", PLATFORM_FAILED)
    if stopping and any(host.stopped for host in hosts):
        return Verdict("Stopped")
    full = next((host for host in hosts if host.full), None)
    if full is not None:
        return Verdict("Failed", f"ClientError: {_volume_full(full) if full.full == 'volume' else DISK_FULL}")
    unstartable = next((host for host in hosts if host.error), None)
    if unstartable is not None:
        return Verdict("Failed", _unstartable(unstartable))
    if any(host.out_of_memory for host in hosts):
        return Verdict("Failed", OUT_OF_MEMORY)
    if any(host.timed_out for host in hosts):
        return Verdict("Stopped", timed_out=True)
    # Hosts that were stopped because another one failed say nothing of the cause.
    failed = next((host for host in hosts if host.exit_code and not host.stopped), None)
    if failed is not None:
        return Verdict("Failed", _algorithm_error(kind, failed))
    if not all(host.message_is_text for host in hosts):
        return Verdict("Failed", NOT_UTF8)
    return Verdict("Stopped") if stopping or any(host.stopped for host in hosts) else Verdict("Completed")


def platform_failed(error: OSError, doing: str = "") -> str:
    """The FailureReason when this machine refused; no path of it is shown. When it has no room on its disk, another
    attempt would not help, and the text begins with what was being done, as the service's does."""
    if error.errno in FULL:
        return f"ClientError: {doing}{DISK_FULL}"
    return f"{PLATFORM_FAILED} ({error.strerror or type(error).__name__})"


def _volume_full(host: HostEnd) -> str:
    return (
        f"{NO_SPACE} {host.host} kept more on its volume than the {host.volume_gib} GB of VolumeSizeInGB. Ask for a "
        "larger VolumeSizeInGB, or let the job write less."
    )


def _unstartable(host: HostEnd) -> str:
    if host.code in NOT_STARTABLE:
        return _within(f"ClientError: CannotStartContainerError. The container cannot be started: {host.error}")
    return _within(f"{PLATFORM_FAILED} The container could not be started: {host.error}")


def _algorithm_error(kind: Kind, host: HostEnd) -> str:
    if kind == "processing":
        return "AlgorithmError: See job logs for more information"
    ending = f", exit code: {host.exit_code}"
    # Algorithms of the service itself say whose fault it was, and exit with 2 when it was the customer's.
    said = host.failure if _blames_client(host) else f"AlgorithmError: {host.failure}"
    return _within(said, ending)


def _blames_client(host: HostEnd) -> bool:
    return host.exit_code == CUSTOMER_ERROR and host.failure.startswith("ClientError: ")


def _within(text: str, ending: str = "") -> str:
    return text[: REASON_LIMIT - len(ending)] + ending
