"""Queue attributes: which there are, what they may be, and what they are when nobody set them. Pure.

Source: SQS API Reference, CreateQueue and SetQueueAttributes.
"""

from __future__ import annotations

from collections.abc import Mapping

from stepwell.store.queues import Queue

DEFAULTS: Mapping[str, str] = {
    "VisibilityTimeout": "30",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "DelaySeconds": "0",
    "ReceiveMessageWaitTimeSeconds": "0",
    "SqsManagedSseEnabled": "true",
}
FIFO_DEFAULTS: Mapping[str, str] = {
    "FifoQueue": "true",
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "FifoThroughputLimit": "perQueue",
}


def value(queue: Queue, name: str) -> str | None:
    """The attribute as it holds for the queue; None when there is none."""
    found = queue.attributes.get(name) or DEFAULTS.get(name)
    return found or (FIFO_DEFAULTS.get(name) if queue.is_fifo else None)


def number(queue: Queue, name: str) -> int:
    """An attribute that is a number and always holds."""
    return int(value(queue, name) or 0)


def horizon(queue: Queue, now: float) -> float:
    """Messages sent at or before then have expired."""
    return now - number(queue, "MessageRetentionPeriod")
