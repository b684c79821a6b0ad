"""Which queue is meant: from a queue's URL or ARN to its row, and from a queue to its URL.

A URL is `<endpoint>/<account>/<name>`. The endpoint is not compared: clients reach one server under many names, and
pipelines that were written for AWS name AWS's. A region in the host (sqs.eu-west-1.amazonaws.com) counts; without
one, the caller's does.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from stepwell.base import arn as arns
from stepwell.base.arn import Scope
from stepwell.services.registry import Call
from stepwell.services.sqs.faults import invalid_address, no_queue
from stepwell.store import queues
from stepwell.store.database import Connection
from stepwell.store.queues import Queue

REGIONAL_HOST = re.compile(r"(?:sqs\.(?P<region>[a-z0-9-]+)|(?P<old>[a-z0-9-]+)\.queue)\.amazonaws\.com(?:\.cn)?")


def url_of(call: Call, queue: Queue) -> str:
    """Where clients reach the queue."""
    return f"{call.site.endpoint}/{queue.account}/{queue.name}"


def find(connection: Connection, scope: Scope, address: str) -> Queue:
    """The queue at that URL or ARN. Raises Fault: also for one of another account, as it would not be told apart."""
    account, region, name = _from_arn(address) if address.startswith("arn:") else _from_url(address, scope.region)
    queue = queues.find(connection, account, region, name) if account == scope.account else None
    if queue is None:
        raise no_queue()
    return queue


def _from_arn(text: str) -> tuple[str, str, str]:
    found = arns.parse(text)
    if found is None or found.service != "sqs":
        raise invalid_address(text)
    return found.account, found.region, found.resource


def _from_url(text: str, region: str) -> tuple[str, str, str]:
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        raise invalid_address(text) from None
    segments = unquote(parts.path).strip("/").split("/")
    if len(segments) != 2 or not all(segments):
        raise invalid_address(text)
    regional = REGIONAL_HOST.fullmatch(host)
    if regional:
        region = regional["region"] or regional["old"]
    return segments[0], region, segments[1]
