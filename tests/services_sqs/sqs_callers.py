"""How tests ask for queues: through the door now, or through the same handlers at a time of their choice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore import xform_name

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services import registry
from stepwell.services.registry import Call, Door
from stepwell.spec import models, validation

ACCOUNT = "123456789012"
NOON = 1_700_000_000.0

HANDLERS = {
    name: handler
    for (service, name), handler in registry.handlers()
    if service == "sqs" and xform_name(name) == handler.__name__
}


@dataclass
class Sqs:
    """A caller. Without `now` a call goes through the door; with it, to the same checks and handler at that time."""

    door: Door
    scope: Scope

    def __call__(self, operation: str, *, now: float | None = None, **params: Any) -> Document:
        if now is None:
            return self.door.call(self.scope, "sqs", operation, params)
        request = validation.check(models.operation("sqs", operation), params)
        return HANDLERS[operation](Call(self.door, self.door.site, self.scope, now), request)

    def queue(self, name: str = "q", *, now: float = NOON, **attributes: str) -> str:
        """A new queue's URL."""
        url: str = self("CreateQueue", QueueName=name, Attributes=attributes, now=now)["QueueUrl"]
        return url

    def fifo(self, name: str = "q.fifo", **attributes: str) -> str:
        return self.queue(name, **{"FifoQueue": "true", "ContentBasedDeduplication": "true", **attributes})

    def send(self, url: str, body: str = "hello", now: float = NOON, **params: Any) -> Document:
        return self("SendMessage", QueueUrl=url, MessageBody=body, now=now, **params)

    def receive(self, url: str, now: float = NOON, most: int = 10, **params: Any) -> list[Document]:
        found: list[Document] = self("ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=most, now=now, **params).get(
            "Messages", []
        )
        return found

    def bodies(self, url: str, now: float = NOON, most: int = 10, **params: Any) -> list[str]:
        return [message["Body"] for message in self.receive(url, now, most, **params)]

    def delete(self, url: str, message: Document, now: float = NOON) -> Document:
        return self("DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], now=now)

    def hide(self, url: str, message: Document, seconds: int, now: float = NOON) -> Document:
        handle = message["ReceiptHandle"]
        return self("ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=seconds, now=now)

    def attributes(self, url: str, *names: str, now: float = NOON) -> dict[str, str]:
        answer = self("GetQueueAttributes", QueueUrl=url, AttributeNames=list(names or ["All"]), now=now)
        found: dict[str, str] = answer.get("Attributes", {})
        return found

    def counts(self, url: str, now: float = NOON) -> tuple[int, int, int]:
        """Visible, in flight, delayed."""
        start = "ApproximateNumberOfMessages"
        found = self.attributes(url, start, start + "NotVisible", start + "Delayed", now=now)
        return int(found[start]), int(found[start + "NotVisible"]), int(found[start + "Delayed"])


def refused(code: str, text: str, act: Callable[[], object]) -> None:
    """`act` is refused with that code, in words that hold `text`."""
    with pytest.raises(Fault) as caught:
        act()
    assert (caught.value.code, text in caught.value.message) == (code, True), str(caught.value)
