"""Room machines: a training job's secondary status over time. In: the transitions so far. Out: those with one more.

Every transition but the last has an end; the last gets one when the job ends (spec 03, section 3).
"""

from __future__ import annotations

from collections.abc import Sequence

from stepwell.base.documents import Document

MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Pending": "Waiting for compute capacity",
    "Restarting": "Restarting the training job",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "MaxWaitTimeExceeded": "Training job wait time exceeded MaxWaitTimeInSeconds provided",
}
FINAL = frozenset({"Completed", "Failed", "Stopped", "MaxRuntimeExceeded", "MaxWaitTimeExceeded"})


def with_transition(transitions: Sequence[Document], status: str, now: float, message: str = "") -> list[Document]:
    """`transitions` with `status` from `now` on (epoch seconds); `message` stands for the usual one. The status that
    stands already changes nothing."""
    if transitions and transitions[-1]["Status"] == status:
        return list(transitions)
    entry: Document = {"Status": status, "StartTime": now, "StatusMessage": message or MESSAGES[status]}
    if status in FINAL:
        entry["EndTime"] = now
    return [*_closed(transitions, now), entry]


def _closed(transitions: Sequence[Document], now: float) -> list[Document]:
    if not transitions:
        return []
    *earlier, last = transitions
    return [*earlier, {"EndTime": now, **last}]
