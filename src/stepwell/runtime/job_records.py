"""Room runtime: a job's row. In: the row before, the move that was made. Out: the row after, as Describe shows it.

Pure. Statuses, times and texts are those of spec 03, sections 2 and 3.
"""

from __future__ import annotations

from dataclasses import dataclass

from stepwell.base import arn as arns
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.machines import job_progress, warm_pools
from stepwell.machines.job import Event, Job, Phase, Prepared, Queued, Uploaded
from stepwell.machines.job_history import with_transition
from stepwell.machines.job_outcomes import REASON_LIMIT, Verdict
from stepwell.runtime.job_kinds import KINDS, JobKind
from stepwell.store import resources
from stepwell.store.resources import Key, Resource

SECONDARY: dict[Phase, str] = {
    "Queued": "Pending",
    "Preparing": "Starting",
    "Downloading": "Downloading",
    "Running": "Training",
    "Uploading": "Uploading",
}
"""SecondaryStatus of a training job that enters a phase."""
FINAL = frozenset({"Completed", "Failed", "Stopped"})
ENDED = frozenset({"Warm", "Cleaning"})
"""Phases that a job enters with its final status."""
POOL = "WarmPoolStatus"


@dataclass(frozen=True, slots=True)
class Record:
    """A job: its ARN, its row, and what the row says of it."""

    arn: str
    resource: Resource
    kind: JobKind
    job: Job

    @property
    def name(self) -> str:
        return self.resource.name

    @property
    def document(self) -> Document:
        return self.resource.document

    @property
    def scope(self) -> Scope:
        """The account and region of the job, and its role as the one who acts."""
        key = self.resource.key
        return Scope(key.account, key.region, self.resource.document["RoleArn"])


def key_of(arn: str) -> Key:
    """The key of the row of a job's ARN."""
    parsed = arns.parse(arn)
    if parsed is None:
        raise ValueError(f"not an ARN: {arn}")
    return resources.key(Scope(parsed.account, parsed.region), parsed.kind, parsed.name)


def record(arn: str, resource: Resource) -> Record:
    """The job of that row."""
    kind = KINDS[resource.key.kind]
    return Record(arn, resource, kind, job_progress.read(kind.name, resource.status, resource.document))


def moved(before: Record, after: Job, event: Event, now: float) -> Resource:
    """The row once `event` has made the job `after`. `now` is epoch seconds."""
    members: Document = {job_progress.MEMBER: job_progress.written(after)}
    if isinstance(event, Prepared | Uploaded):
        members.update(event.members)
    if after.phase == "Over":
        if before.job.phase == "Warm" and not before.job.reused_by:
            members.update(_terminated(before.document, now))
        # What is tidied up behind the job is no change that a client should see.
        return before.resource.with_changes(before.resource.modified, **members)
    status = before.resource.status
    if after.phase in ENDED and after.verdict is not None:
        status = after.verdict.status
        members.update(_final(before, after.verdict, now))
        if after.phase == "Warm" or POOL in before.document:
            members[POOL] = warm_pools.status("Available" if after.phase == "Warm" else "Terminated", 0)
    elif after.phase == "Downloading":
        start = f"{before.kind.word}StartTime"
        members[start] = before.document.get(start, now)
        if before.kind.name == "training" and warm_pools.keep_alive(before.document):
            members[POOL] = warm_pools.status("InUse")
    if before.kind.name == "training":
        message = event.message if isinstance(event, Queued) else ""
        members.update(_secondary(before.document, before.job, after, now, message))
    return before.resource.with_changes(now, status=status, **members)


def _final(before: Record, verdict: Verdict, now: float) -> Document:
    word, document = before.kind.word, before.document
    members: Document = {f"{word}EndTime": now, "FailureReason": verdict.reason[:REASON_LIMIT] or None}
    start = document.get(f"{word}StartTime")
    if before.kind.name == "training" and start is not None:
        seconds = max(1, round(now - start))
        members.update(TrainingTimeInSeconds=seconds, BillableTimeInSeconds=seconds)
    return members


def _terminated(document: Document, now: float) -> Document:
    return {POOL: warm_pools.status("Terminated", now - document["TrainingEndTime"])}


def _secondary(document: Document, before: Job, after: Job, now: float, message: str) -> Document:
    status = _secondary_status(before, after)
    if status is None:
        return {}
    transitions = with_transition(document.get("SecondaryStatusTransitions", ()), status, now, message)
    return {"SecondaryStatus": status, "SecondaryStatusTransitions": transitions}


def _secondary_status(before: Job, after: Job) -> str | None:
    if after.attempt != before.attempt:
        return "Restarting"
    if after.phase in ENDED and after.verdict is not None:
        return after.verdict.secondary_status
    status = SECONDARY.get(after.phase)
    # A stop that came meanwhile is what a client should see, not what was begun before.
    return None if after.stopping and status != "Uploading" else status
