"""Room machines: one job, of whatever kind. In: what is known of it. Out: what to do next, and what came of it.

A job goes Preparing (-> Queued) -> Downloading -> Launching -> Running -> Uploading -> Cleaning -> Over; the phase
says what is being done, and each phase has one effect. Its final status stands from Cleaning on. A phase is left
only by an event of `MOVES`; anything else is a bug and raises. What the events carry besides is the runtime's to
write down.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from stepwell.base.documents import Document
from stepwell.machines.job_outcomes import HostEnd, Kind, Verdict, verdict_of

Phase = Literal["Preparing", "Queued", "Downloading", "Launching", "Running", "Uploading", "Cleaning", "Over"]

STOPPED = Verdict("Stopped")


@dataclass(frozen=True, slots=True)
class Job:
    """What the decision needs. `attempts` is how often it may be started when the platform itself fails it."""

    kind: Kind
    phase: Phase = "Preparing"
    stopping: bool = False
    attempt: int = 1
    attempts: int = 1
    deleting: bool = False
    """A client deleted it after its end."""
    verdict: Verdict | None = None
    """How it ends: known since its containers ended."""


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


Effect: TypeAlias = Prepare | Download | Launch | Stop | Observe | Upload | Finish | Clean | Erase


@dataclass(frozen=True, slots=True)
class Prepared:
    """The environment is there. `members` belong into Describe, `substitutions` say what is not as asked."""

    substitutions: tuple[str, ...] = ()
    members: Document = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Queued:
    """This machine has no room for it yet."""


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
    Queued | Prepared | Downloaded | Launched | Refused | Ended | Uploaded | Finished | Cleaned | Erased
)

MOVES: dict[tuple[Phase, type[Event]], Phase] = {
    ("Preparing", Queued): "Queued",
    ("Queued", Prepared): "Downloading",
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
    ("Cleaning", Cleaned): "Over",
    ("Over", Erased): "Over",
}
"""Every legal move. `Ended` leads back to Preparing when the platform failed and an attempt is left, and to Cleaning
when nothing ran that could have left something."""


class IllegalMove(Exception):
    """An event that cannot happen in this phase: a bug of ours."""


def decide(job: Job) -> tuple[Effect, ...]:
    """What to do now. No time is needed: the supervisor keeps the deadline, so that it holds while no server runs."""
    match job.phase:
        case "Preparing" | "Queued" | "Downloading" if job.stopping:
            return (Finish(STOPPED),)
        case "Preparing" | "Queued":
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
        case Refused(reason):
            return replace(job, phase=following, verdict=Verdict("Failed", reason))
        case Finished(verdict):
            return replace(job, phase=following, verdict=verdict)
        case Uploaded(failure):
            return replace(job, phase=following, verdict=_after_upload(job, failure))
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
