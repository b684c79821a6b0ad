"""Room tests/chaos: how clients live with a server that is killed. In: calls and queues. Out: answers, messages.

Every call is asked again, with the same request token, until somebody answers; every message is handled before it is
deleted. That is all that a client of AWS has to do as well.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import ConnectionError as NotConnected
from botocore.exceptions import HTTPClientError

UNANSWERED = (HTTPClientError, NotConnected)
LONGEST_SILENCE = 60.0
"""Seconds after which nobody believes any more that the server will come back."""


def insist(call: Callable[..., Any], **request: Any) -> Any:
    """The answer of `call`, which is repeated for as long as the server does not answer. Raises ClientError."""
    give_up = time.monotonic() + LONGEST_SILENCE
    while True:
        try:
            return call(**request)
        except UNANSWERED:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.1)


def consume(sqs: Any, queue: str, handle: Callable[[dict[str, Any]], None], finished: threading.Event) -> None:
    """Hand every message of the queue to `handle`, then delete it, until `finished`. Messages may come again."""
    while not finished.is_set():
        answer = insist(sqs.receive_message, QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        messages = answer.get("Messages", [])
        for message in messages:
            handle(message)
        if messages:
            entries = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                for number, message in enumerate(messages)
            ]
            insist(sqs.delete_message_batch, QueueUrl=queue, Entries=entries)


def is_drained(sqs: Any, queue: str) -> bool:
    """Whether the queue holds nothing, neither waiting nor being handled."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = insist(sqs.get_queue_attributes, QueueUrl=queue, AttributeNames=names)["Attributes"]
    return all(found[name] == "0" for name in names)


def quiet_port() -> int:
    """A free port that the kernel gives nobody: while the server is down, a client's own socket must not take it."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for port in random.sample(range(max(1024, first // 2), first), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise OSError(f"no free port below {first}")
