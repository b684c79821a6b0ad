"""What PutLogEvents takes: one batch of events, checked as a whole, then sifted by age.

Limits: CloudWatch Logs API reference, PutLogEvents. A batch that breaks a rule is refused; events that are merely
too old or too new are left out and reported, the rest of the batch is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

from stepwell.base.documents import Document
from stepwell.services.logs.faults import invalid_parameter

Batch: TypeAlias = Sequence[tuple[int, str]]
"""(epoch milliseconds, message) pairs."""

MOST_BYTES = 1_048_576
"""Of one batch that is put, and of one answer that is got."""
BYTES_BESIDE_MESSAGE = 26
"""AWS counts a message's UTF-8 bytes and these for every event."""

HOUR = 3600 * 1000
LONGEST_SPAN = 24 * HOUR
TOO_NEW = 2 * HOUR
TOO_OLD = 14 * 24 * HOUR


def check(batch: Batch) -> None:
    """Raises InvalidParameterException unless the batch is in order, of one day, and small enough."""
    times = [timestamp for timestamp, _ in batch]
    if any(later < earlier for earlier, later in pairwise(times)):
        raise invalid_parameter("Log events in a single PutLogEvents request must be in chronological order.")
    if times[-1] - times[0] > LONGEST_SPAN:
        raise invalid_parameter(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
        )
    size = sum(len(message.encode()) + BYTES_BESIDE_MESSAGE for _, message in batch)
    if size > MOST_BYTES:
        raise invalid_parameter(f"Upload too large: {size} bytes exceeds limit of {MOST_BYTES}")


def sift(batch: Batch, now: int, oldest: int) -> tuple[Batch, Document]:
    """The events that are kept, and rejectedLogEventsInfo for the others (empty: none).

    `now` and `oldest`, the retention limit of the group, are epoch milliseconds.
    """
    expired = sum(timestamp < oldest for timestamp, _ in batch)
    too_old = sum(timestamp < now - TOO_OLD for timestamp, _ in batch)
    new_from = sum(timestamp <= now + TOO_NEW for timestamp, _ in batch)
    rejected: Document = {}
    if expired:
        rejected["expiredLogEventEndIndex"] = expired
    if too_old:
        rejected["tooOldLogEventEndIndex"] = too_old
    if new_from < len(batch):
        rejected["tooNewLogEventStartIndex"] = new_from
    return batch[max(expired, too_old) : new_from], rejected
