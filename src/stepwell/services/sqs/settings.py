"""Queue attributes: which there are, what they may be, and what they are when nobody set them. Pure; raises Fault.

In: what a client sets, as text by name. Out: the same in the one spelling that is stored and compared.
Source: SQS API Reference, CreateQueue and SetQueueAttributes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from stepwell.base import arn as arns
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.sqs.faults import invalid_attribute, invalid_value, unknown_attribute
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
KEY = "KmsMasterKeyId"
"""Kept and shown, and nothing more: what is stored here is not encrypted by this server."""

NUMBERS: Mapping[str, tuple[int, int]] = {
    "VisibilityTimeout": (0, 43_200),
    "MaximumMessageSize": (1024, 1_048_576),
    "MessageRetentionPeriod": (60, 1_209_600),
    "DelaySeconds": (0, 900),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
}
CHOICES: Mapping[str, tuple[str, ...]] = {
    "FifoQueue": ("true", "false"),
    "ContentBasedDeduplication": ("true", "false"),
    "SqsManagedSseEnabled": ("true", "false"),
    "DeduplicationScope": ("messageGroup", "queue"),
    "FifoThroughputLimit": ("perQueue", "perMessageGroupId"),
}
CLEARABLE = frozenset({"Policy", "RedrivePolicy", "RedriveAllowPolicy", KEY})
"""An empty text takes these away."""

MOST_RECEIVES = 1000
MOST_SOURCES = 10


@dataclass(frozen=True, slots=True)
class Redrive:
    """A redrive policy: after so many receives a message goes to the queue of that ARN."""

    target: str
    most_receives: int


def value(queue: Queue, name: str) -> str | None:
    """The attribute as it holds for the queue; None when there is none."""
    if name == "SqsManagedSseEnabled" and KEY in queue.attributes:
        return "false"
    found = queue.attributes.get(name) or DEFAULTS.get(name)
    return found or (FIFO_DEFAULTS.get(name) if queue.is_fifo else None)


def number(queue: Queue, name: str) -> int:
    """An attribute that is a number and always holds."""
    return int(value(queue, name) or 0)


def horizon(queue: Queue, now: float) -> float:
    """Messages sent at or before then have expired."""
    return now - number(queue, "MessageRetentionPeriod")


def redrive(attributes: Mapping[str, str]) -> Redrive | None:
    """The redrive policy among stored attributes."""
    text = attributes.get("RedrivePolicy")
    if not text:
        return None
    policy = json.loads(text)
    return Redrive(policy["deadLetterTargetArn"], policy["maxReceiveCount"])


def checked(given: Mapping[str, str], *, is_fifo: bool) -> dict[str, str]:
    """What a client sets, as it is stored; an empty text stands for an attribute taken away. Raises Fault."""
    found = {name: _checked(name, text, is_fifo=is_fifo) for name, text in given.items()}
    if found.get(KEY) and found.get("SqsManagedSseEnabled") == "true":
        raise Fault(
            "InvalidAttributeName",
            "You can use one type of server-side encryption (SSE) at one time. "
            "You can either enable KMS SSE or SQS SSE.",
        )
    return found


def combined(standing: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    """Attributes after a change. Of two kinds of encryption, the one that was asked for last holds. Raises Fault."""
    found = {name: text for name, text in {**standing, **changes}.items() if text}
    if changes.get("SqsManagedSseEnabled") == "true":
        found.pop(KEY, None)
    scope = found.get("DeduplicationScope", "queue")
    if found.get("FifoThroughputLimit") == "perMessageGroupId" and scope != "messageGroup":
        raise invalid_attribute(
            "FifoThroughputLimit", "perMessageGroupId needs DeduplicationScope to be messageGroup."
        )
    return found


def _checked(name: str, text: str, *, is_fifo: bool) -> str:
    if name in FIFO_DEFAULTS and not is_fifo:
        raise unknown_attribute(name)
    if not text and name in CLEARABLE:
        return ""
    if name in NUMBERS:
        return _checked_number(name, text)
    if name in CHOICES:
        if text.lower() not in {choice.lower() for choice in CHOICES[name]}:
            raise invalid_attribute(name)
        return next(choice for choice in CHOICES[name] if choice.lower() == text.lower())
    match name:
        case "Policy":
            _document(name, text)
            return text
        case "RedrivePolicy":
            return _checked_redrive(text)
        case "RedriveAllowPolicy":
            return _checked_redrive_allow(text)
        case "KmsMasterKeyId":
            return text
        case _:
            raise unknown_attribute(name)


def _checked_number(name: str, text: str) -> str:
    low, high = NUMBERS[name]
    is_number = text.isascii() and text.isdigit() and len(text) < 10
    if not is_number or not low <= int(text) <= high:
        raise invalid_attribute(name)
    return str(int(text))


def _document(name: str, text: str) -> Document:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise invalid_attribute(name, "It must be a JSON object.")
    return found


def _checked_redrive(text: str) -> str:
    policy = _document("RedrivePolicy", text)
    target, count = policy.get("deadLetterTargetArn"), policy.get("maxReceiveCount", 10)
    found = arns.parse(target) if isinstance(target, str) else None
    if found is None or found.service != "sqs":
        raise invalid_value(text, "RedrivePolicy", "Invalid value for deadLetterTargetArn.")
    whole = str(count)
    is_number = not isinstance(count, bool) and whole.isascii() and whole.isdigit() and len(whole) < 10
    if not is_number or not 1 <= int(whole) <= MOST_RECEIVES:
        reason = f"Invalid value for maxReceiveCount: {whole[:40]}, valid values are from 1 to {MOST_RECEIVES}."
        raise invalid_value(text, "RedrivePolicy", reason)
    return _compact({"deadLetterTargetArn": target, "maxReceiveCount": int(whole)})


def _checked_redrive_allow(text: str) -> str:
    policy = _document("RedriveAllowPolicy", text)
    permission, sources = policy.get("redrivePermission", "allowAll"), policy.get("sourceQueueArns")
    if permission not in ("allowAll", "denyAll", "byQueue"):
        raise invalid_value(text, "RedriveAllowPolicy", "redrivePermission must be allowAll, denyAll or byQueue.")
    if permission != "byQueue" and sources is not None:
        raise invalid_value(text, "RedriveAllowPolicy", "sourceQueueArns is for redrivePermission byQueue alone.")
    if permission != "byQueue":
        return _compact({"redrivePermission": permission})
    if not isinstance(sources, list) or not 1 <= len(sources) <= MOST_SOURCES:
        raise invalid_value(text, "RedriveAllowPolicy", f"sourceQueueArns must name 1 to {MOST_SOURCES} queues.")
    if not all(isinstance(source, str) and arns.parse(source) for source in sources):
        raise invalid_value(text, "RedriveAllowPolicy", "sourceQueueArns must hold ARNs.")
    return _compact({"redrivePermission": permission, "sourceQueueArns": sources})


def allows(dead_letters: Queue, source_arn: str) -> bool:
    """Whether the queue lets that one send it dead letters."""
    text = dead_letters.attributes.get("RedriveAllowPolicy")
    policy = json.loads(text) if text else {"redrivePermission": "allowAll"}
    match policy["redrivePermission"]:
        case "byQueue":
            return source_arn in policy["sourceQueueArns"]
        case permission:
            return bool(permission == "allowAll")


def _compact(document: Document) -> str:
    return json.dumps(document, separators=(",", ":"))
