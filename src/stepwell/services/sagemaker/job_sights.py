"""How one job stands, in words: gathers its row, what it prints and uses, and its place in the line. Reads only.

In: a job's row. Out: a JobSight. Phases are the secondary statuses of training jobs, which say the same of processing
jobs.
"""

from __future__ import annotations

from dataclasses import dataclass

from stepwell.base.arn import Scope
from stepwell.machines import job_progress
from stepwell.machines.job import Job, Phase
from stepwell.machines.job_queue import Claim, Room, Shortage
from stepwell.services.sagemaker.job_lines import KINDS, STARTED, Line
from stepwell.store import newest_metrics
from stepwell.store.database import Connection
from stepwell.store.metric_points import Metric
from stepwell.store.resources import Resource

ACTIVE = ("InProgress", "Stopping")
WORDS: dict[Phase, str] = {
    "Arriving": "Starting",
    "Queued": "Pending",
    "Preparing": "Starting",
    "Downloading": "Downloading",
    "Launching": "Starting",
    "Uploading": "Uploading",
}
RUNNING = {"processing": "Processing", "training": "Training"}
NAMESPACES = {"processing": "/aws/sagemaker/ProcessingJobs", "training": "/aws/sagemaker/TrainingJobs"}
FIRST_HOST = "algo-1"
MOST_METRICS = 40
"""As many metric definitions as a training job may have on AWS."""
MOST_HOLDERS = 3


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has what somebody waits for."""

    job: str
    room: Room


@dataclass(frozen=True, slots=True)
class Waiting:
    """A place in the line. `ahead`: how many are let in before, if nobody ends out of turn."""

    since: float
    until: float | None
    ahead: int
    others: int
    short: tuple[Shortage, ...]
    """Of what there is too little now; nothing: it waits only for who is before it."""
    holders: tuple[Holder, ...]
    """Who has most of that."""
    held_by: int
    """How many run."""


@dataclass(frozen=True, slots=True)
class JobSight:
    """A job. Times are epoch seconds; `since` is when its phase began."""

    arn: str
    kind: str
    name: str
    status: str
    phase: str
    since: float
    created: float
    started: float | None = None
    ended: float | None = None
    attempt: int = 1
    reason: str = ""
    """Its FailureReason."""
    note: str = ""
    """What it does in a phase whose name does not say it."""
    room: Room | None = None
    """What it has, or waits for."""
    waiting: Waiting | None = None
    metrics: tuple[tuple[str, float], ...] = ()
    """What it printed last."""
    cpu_percent: float | None = None
    """100 is one processor. Of its first host."""
    memory_percent: float | None = None
    history: tuple[tuple[str, float, float | None], ...] = ()
    """Of a training job: its secondary statuses, with begin and end."""

    @property
    def has_ended(self) -> bool:
        return self.status not in ACTIVE


def see(connection: Connection, arn: str, row: Resource, line: Line | None = None) -> JobSight:
    """The job of that row; with `line`, also what it waits for."""
    kind = KINDS[row.key.kind]
    job = job_progress.read(kind, row.status, row.document)
    document, scope = row.document, Scope(row.key.account, row.key.region)
    is_running = job.phase == "Running"
    cpu, memory = _usage(connection, scope, NAMESPACES[kind], row.name) if is_running else (None, None)
    return JobSight(
        arn,
        row.key.kind,
        row.name,
        row.status,
        phase_of(row, job),
        row.modified,
        row.created,
        document.get(STARTED[row.key.kind]),
        document.get(STARTED[row.key.kind].replace("Start", "End")),
        job.attempt,
        document.get("FailureReason", ""),
        "preparing the environment of its image" if job.phase == "Preparing" else "",
        job.claim.room if job.claim is not None else None,
        _waiting(arn, job, line) if line is not None else None,
        _metrics(connection, scope, row) if is_running or row.status not in ACTIVE else (),
        cpu,
        memory,
        tuple(
            (each["Status"], each["StartTime"], each.get("EndTime"))
            for each in document.get("SecondaryStatusTransitions", ())
        ),
    )


def phase_of(row: Resource, job: Job) -> str:
    """The job's phase in AWS's words; of one that has ended, its end."""
    if row.status not in ACTIVE:
        return str(row.document.get("SecondaryStatus", row.status))
    if row.status == "Stopping":
        return "Stopping"
    return WORDS.get(job.phase, RUNNING[job.kind])


def _waiting(arn: str, job: Job, line: Line) -> Waiting | None:
    if job.wait is None or job.phase != "Queued":
        return None
    standing = line.standings.get(arn)
    if standing is None:
        return None
    holders = sorted(line.queue.running, key=lambda claim: _share(claim, standing.short), reverse=True)
    return Waiting(
        job.wait.since,
        job.wait.until,
        standing.ahead,
        len(line.standings) - 1,
        standing.short,
        tuple(Holder(_name(claim), claim.room) for claim in holders[:MOST_HOLDERS]),
        len(holders),
    )


def _share(claim: Claim, short: tuple[Shortage, ...]) -> float:
    return claim.room.memory_bytes if short == ("memory",) else claim.room.cpus


def _name(claim: Claim) -> str:
    return claim.subject.rpartition("/")[2]


def _usage(connection: Connection, scope: Scope, namespace: str, name: str) -> tuple[float | None, float | None]:
    place = (("Host", f"{name}/{FIRST_HOST}"),)
    cpu, memory = (
        newest_metrics.value(connection, scope, Metric(namespace, metric, place))
        for metric in ("CPUUtilization", "MemoryUtilization")
    )
    return cpu, memory


def _metrics(connection: Connection, scope: Scope, row: Resource) -> tuple[tuple[str, float], ...]:
    final = row.document.get("FinalMetricDataList")
    if final is not None:
        return tuple((each["MetricName"], each["Value"]) for each in final)
    definitions = row.document.get("AlgorithmSpecification", {}).get("MetricDefinitions", ())
    place = (("TrainingJobName", row.name),)
    found = []
    for definition in definitions[:MOST_METRICS]:
        metric = Metric(NAMESPACES["training"], definition["Name"], place)
        value = newest_metrics.value(connection, scope, metric)
        if value is not None:
            found.append((definition["Name"], value))
    return tuple(found)
