"""Room machines: one job, of whatever kind. In: what is known of it. Out: what to do next, and what came of it.

A job goes Arriving (-> Queued) -> Preparing -> Downloading -> Launching -> Running -> Uploading -> Cleaning -> Over;
the phase says what is being done, and each phase has one effect. Its final status stands from Cleaning on. A phase is
left only by an event of `MOVES`; anything else is a bug and raises. What the events carry besides is the runtime's
to write down. Between Uploading and Over a training job may be Warm instead of Cleaning: it has ended, and keeps its
room and its folder for the next (machines/warm_pools.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from stepwell.base.documents import Document
from stepwell.machines import warm_pools
from stepwell.machines.job_outcomes import HostEnd, Kind, Verdict, verdict_of
from stepwell.machines.job_queue import Claim
from stepwell.machines.job_waiting import Wait

Phase = Literal[
    "Arriving",
    "Queued",
    "Preparing",
    "Downloading",
    "Launching",
    "Running",
    "Uploading",
    "Warm",
    "Cleaning",
    "Over",
]

STOPPED = Verdict("Stopped")


@dataclass(frozen=True, slots=True)
class Job:
    """What the decision needs. `attempts` is how often it may be started when the platform itself fails it."""

    kind: Kind
    phase: Phase = "Arriving"
    stopping: bool = False
    attempt: int = 1
    attempts: int = 1
    deleting: bool = False
    """A client deleted it after its end."""
    verdict: Verdict | None = None
    """How it ends: known since its containers ended."""
    claim: Claim | None = None
    """What it takes of this machine, or waits for; None: not asked yet, or nobody counts."""
    wait: Wait | None = None
    """Of a job that had to wait for room."""
    warm_until: float | None = None
    """When its warm pool ends (epoch seconds)."""
    reused_by: str = ""
    """Name of the job that took its warm pool over."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask for room on this machine."""


@dataclass(frozen=True, slots=True)
class Prepare:
    """Find the image's environment (building it may take a while) and make the job's folders."""


@dataclass(frozen=True, slots=True)
class Download:
    """Lay out /opt/ml with config files and input data."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Start a container per host, unless it was started already."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Ask the containers to end."""


@dataclass(frozen=True, slots=True)
class Observe:
    """See whether the containers ended, and be told when they do."""


@dataclass(frozen=True, slots=True)
class Upload:
    """Take what the containers left to S3."""

    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Finish:
    """End it without anything having run."""

    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Clean:
    """Remove the job's folders; its log stays."""


@dataclass(frozen=True, slots=True)
class Erase:
    """Remove everything that is left of it."""


Effect: TypeAlias = Ask | Prepare | Download | Launch | Stop | Observe | Upload | Finish | Clean | Erase


@dataclass(frozen=True, slots=True)
class Prepared:
    """The environment is there. `members` belong into Describe, `substitutions` say what is not as asked."""

    substitutions: tuple[str, ...] = ()
    members: Document = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Queued:
    """This machine has no room for it yet. `message` says to clients what it waits for."""

    claim: Claim
    wait: Wait
    message: str = ""


@dataclass(frozen=True, slots=True)
class Admitted:
    """This machine has room for it."""

    claim: Claim | None = None


@dataclass(frozen=True, slots=True)
class Downloaded:
    """/opt/ml is laid out."""


@dataclass(frozen=True, slots=True)
class Launched:
    """Every host was started."""


@dataclass(frozen=True, slots=True)
class Refused:
    """It cannot run as it was asked for. `reason` is a whole FailureReason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """Every container ended."""

    hosts: tuple[HostEnd, ...]


@dataclass(frozen=True, slots=True)
class Uploaded:
    """Everything is in S3, or `failure` (a whole FailureReason) says why not. `members` belong into Describe."""

    failure: str = ""
    members: Document = field(default_factory=dict)
    warm_until: float | None = None
    """Until when its instances are kept (epoch seconds), if they are healthy; None: they are not."""


@dataclass(frozen=True, slots=True)
class Finished:
    """It ended without anything having run."""

    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Its folders are gone."""


@dataclass(frozen=True, slots=True)
class Erased:
    """Nothing is left of it but its row."""


Event: TypeAlias = (
    Queued | Admitted | Prepared | Downloaded | Launched | Refused | Ended | Uploaded | Finished | Cleaned | Erased
)

MOVES: dict[tuple[Phase, type[Event]], Phase] = {
    ("Arriving", Queued): "Queued",
    ("Arriving", Admitted): "Preparing",
    ("Arriving", Refused): "Cleaning",
    ("Arriving", Finished): "Cleaning",
    ("Queued", Admitted): "Preparing",
    ("Queued", Refused): "Cleaning",
    ("Queued", Finished): "Cleaning",
    ("Preparing", Prepared): "Downloading",
    ("Preparing", Refused): "Cleaning",
    ("Preparing", Finished): "Cleaning",
    ("Downloading", Downloaded): "Launching",
    ("Downloading", Refused): "Cleaning",
    ("Downloading", Finished): "Cleaning",
    ("Launching", Launched): "Running",
    ("Launching", Refused): "Cleaning",
    ("Running", Ended): "Uploading",
    ("Uploading", Uploaded): "Cleaning",
    ("Warm", Cleaned): "Over",
    ("Cleaning", Cleaned): "Over",
    ("Over", Erased): "Over",
}
"""Every legal move. `Ended` leads back to Preparing when the platform failed and an attempt is left, and to Cleaning
when nothing ran that could have left something; `Uploaded` to Warm when its instances are kept. A job keeps the room
that it has until its end."""


class IllegalMove(Exception):
    """An event that cannot happen in this phase: a bug of ours."""


def decide(job: Job, now: float) -> tuple[Effect, ...]:
    """What to do now. The longest run is not looked at: the supervisor keeps it, so that it holds while no server
    runs; only the longest wait is."""
    match job.phase:
        case "Arriving" | "Queued" | "Preparing" | "Downloading" if job.stopping:
            return (Finish(STOPPED),)
        case "Queued" if job.wait is not None and job.wait.is_over(now):
            return (Finish(job.wait.verdict),)
        case "Arriving" | "Queued":
            return (Ask(),)
        case "Preparing":
            return (Prepare(),)
        case "Downloading":
            return (Download(),)
        case "Launching":
            # A container that is told to stop before it was started ends as stopped when it is launched; and one
            # that was started before a crash must be found again: so a stop never skips the launch.
            return (Stop(), Launch()) if job.stopping else (Launch(),)
        case "Running":
            return (Stop(), Observe()) if job.stopping else (Observe(),)
        case "Uploading":
            return (Upload(job.verdict or STOPPED),)
        case "Warm":
            is_over = job.deleting or bool(job.reused_by) or now >= (job.warm_until or 0.0)
            return (Clean(),) if is_over else ()
        case "Cleaning":
            return (Clean(),)
        case "Over":
            return (Erase(),) if job.deleting else ()


def evolve(job: Job, event: Event) -> Job:
    """The job after `event`. Raises IllegalMove."""
    following = MOVES.get((job.phase, type(event)))
    if following is None:
        raise IllegalMove(f"{type(event).__name__} in phase {job.phase}")
    match event:
        case Ended(hosts) if any(host.lost for host in hosts) and _may_retry(job):
            return replace(job, phase="Preparing", attempt=job.attempt + 1)
        case Ended(hosts):
            if not any(host.has_run for host in hosts):
                following = "Cleaning"
            return replace(job, phase=following, verdict=verdict_of(job.kind, hosts, stopping=job.stopping))
        case Queued(claim, wait):
            return replace(job, phase=following, claim=claim, wait=wait)
        case Admitted(claim):
            return replace(job, phase=following, claim=claim)
        case Refused(reason):
            return replace(job, phase=following, verdict=Verdict("Failed", reason))
        case Finished(verdict):
            return replace(job, phase=following, verdict=verdict)
        case Uploaded(failure, warm_until=warm_until):
            verdict = _after_upload(job, failure)
            if warm_until is not None and warm_pools.is_healthy(verdict):
                return replace(job, phase="Warm", verdict=verdict, warm_until=warm_until)
            return replace(job, phase=following, verdict=verdict)
        case _:
            return replace(job, phase=following)


def _may_retry(job: Job) -> bool:
    return job.attempt < job.attempts and not job.stopping


def _after_upload(job: Job, failure: str) -> Verdict:
    """A failed upload fails the job unless it failed already; a stop that came during the upload stops it."""
    verdict = job.verdict or STOPPED
    if verdict.status == "Failed":
        return verdict
    if failure:
        return Verdict("Failed", failure)
    return STOPPED if job.stopping and verdict.status == "Completed" else verdict
