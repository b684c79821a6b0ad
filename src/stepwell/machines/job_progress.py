"""Room machines: a job as it is written down. In: a job's document (what Describe answers) and status. Out: its Job.

What only the machine needs stands in one member of the document, `Progress`, which no answer shows. A fresh job has
none: every part of it has a default.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from stepwell.base.documents import Document
from stepwell.machines.job import Job
from stepwell.machines.job_outcomes import Kind, Verdict
from stepwell.machines.job_queue import Claim, Room
from stepwell.machines.job_waiting import Wait

MEMBER = "Progress"


def read(kind: Kind, status: str, document: Document) -> Job:
    """The job that stands in `document`. `status` is the service's: InProgress, Stopping, Completed, …"""
    progress = document.get(MEMBER, {})
    verdict, wait = progress.get("verdict"), progress.get("wait")
    return Job(
        kind=kind,
        phase=progress.get("phase", "Arriving"),
        stopping=status == "Stopping",
        attempt=progress.get("attempt", 1),
        attempts=1 + document.get("RetryStrategy", {}).get("MaximumRetryAttempts", 0),
        deleting=progress.get("deleting", False),
        verdict=Verdict(**verdict) if verdict else None,
        claim=_claim(progress.get("claim")),
        wait=Wait(**wait) if wait else None,
        warm_until=progress.get("warm_until"),
        reused_by=progress.get("reused_by", ""),
    )


def written(job: Job) -> Document:
    """What `MEMBER` says of `job`; `read` gives it back."""
    return {
        "phase": job.phase,
        "attempt": job.attempt,
        "deleting": job.deleting,
        "verdict": asdict(job.verdict) if job.verdict else None,
        "claim": asdict(job.claim) if job.claim else None,
        "wait": asdict(job.wait) if job.wait else None,
        **({"warm_until": job.warm_until} if job.warm_until is not None else {}),
        **({"reused_by": job.reused_by} if job.reused_by else {}),
    }


def _claim(written: Any) -> Claim | None:
    return Claim(written["subject"], written["owner"], Room(**written["room"])) if written else None


def public(document: Document) -> Document:
    """`document` without what only the machine needs."""
    return {name: value for name, value in document.items() if name != MEMBER}


def deleted(document: Document) -> Document:
    """What `MEMBER` says once a client deleted the job."""
    return {**document.get(MEMBER, {}), "deleting": True}


def is_deleted(document: Document) -> bool:
    """Whether a client deleted the job."""
    return bool(document.get(MEMBER, {}).get("deleting", False))
