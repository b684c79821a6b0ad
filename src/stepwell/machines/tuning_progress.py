"""Room machines: a tuning job as it is written down. In: its document, status and creation time. Out: its Tuning.

What only the machine needs stands in one member of the document, `Progress`, which no answer shows. A fresh tuning
job has none.
"""

from __future__ import annotations

from dataclasses import asdict

from stepwell.base.documents import Document
from stepwell.machines import tuning_settings
from stepwell.machines.tuning_state import Counters, Plateau, Proposal, Trial, Tuning

MEMBER = "Progress"
FINAL = ("Completed", "Failed", "Stopped")


def read(name: str, status: str, created: float, document: Document) -> Tuning:
    """The tuning job that stands in `document`. `status` is the service's; `created` is epoch seconds."""
    progress = document.get(MEMBER, {})
    proposal, best = progress.get("proposal"), progress.get("best")
    trials = (Trial(**{**each, "rungs": tuple(each["rungs"])}) for each in progress.get("active", ()))
    return Tuning(
        settings=tuning_settings.read(document, name, created),
        created=created,
        stopping=status == "Stopping",
        is_over=status in FINAL,
        given=progress.get("given", 0),
        proposal=Proposal(**proposal) if proposal else None,
        active={trial.number: trial for trial in trials},
        counters=Counters(**progress.get("counters", {})),
        best=(best[0], best[1]) if best else None,
        plateau=Plateau(**progress.get("plateau", {})),
        converged=progress.get("converged"),
        ending=progress.get("ending"),
        refusal=progress.get("refusal", ""),
    )


def written(job: Tuning) -> Document:
    """What `MEMBER` says of `job`; `read` gives it back."""
    return {
        "given": job.given,
        "proposal": asdict(job.proposal) if job.proposal else None,
        "active": [asdict(trial) for trial in job.active.values()],
        "counters": asdict(job.counters),
        "best": list(job.best) if job.best else None,
        "plateau": asdict(job.plateau),
        "converged": job.converged,
        "ending": job.ending,
        "refusal": job.refusal,
    }


def shown(job: Tuning) -> Document:
    """The members of Describe that follow from how far the tuning job has come, but for the best training job."""
    counters = job.counters
    details: Document = {"NumberOfTrainingJobsObjectiveNotImproving": job.plateau.length}
    if job.converged is not None:
        details["ConvergenceDetectedTime"] = job.converged
    return {
        "TrainingJobStatusCounters": {
            "Completed": counters.completed,
            "InProgress": len(job.active),
            "RetryableError": counters.retryable_error,
            "NonRetryableError": counters.non_retryable_error,
            "Stopped": counters.stopped,
        },
        "ObjectiveStatusCounters": {
            "Succeeded": counters.succeeded,
            "Pending": len(job.active),
            "Failed": counters.failed,
        },
        "TuningJobCompletionDetails": details,
    }


def public(document: Document) -> Document:
    """`document` without what only the machine needs."""
    return {name: value for name, value in document.items() if name != MEMBER}
