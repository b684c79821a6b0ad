"""Events that clients announce (PutEvents), and trying a pattern on an event (TestEventPattern)."""

from __future__ import annotations

import json

from stepwell.base import ids
from stepwell.base.documents import Document
from stepwell.base.faults import Fault, validation
from stepwell.services.events import rule_rows
from stepwell.services.events.patterns import compiled, matches
from stepwell.services.events.rules import check_pattern
from stepwell.services.registry import Call, operation
from stepwell.store import outbox

LARGEST = 1 << 20
"""Bytes of all entries of a request together."""
ENVELOPE = ("id", "account", "source", "time", "region", "resources", "detail-type")
"""Members that TestEventPattern wants to see in an event."""


@operation
def put_events(call: Call, request: Document) -> Document:
    """Announce events, each for itself: one that cannot be taken is told in its place of the answer."""
    if sum(_size(entry) for entry in request["Entries"]) > LARGEST:
        raise validation(f"Total size of the entries in the request is over the limit of {LARGEST} bytes.")
    answers = [_put(call, entry) for entry in request["Entries"]]
    return {"FailedEntryCount": sum("ErrorCode" in answer for answer in answers), "Entries": answers}


def _put(call: Call, entry: Document) -> Document:
    refused = _refusal(entry)
    if refused:
        return {"ErrorCode": refused[0], "ErrorMessage": refused[1]}
    with call.site.database.write() as transaction:
        try:
            bus = rule_rows.find_bus(transaction.connection, call.scope, entry.get("EventBusName"))
        except Fault:
            bus = entry["EventBusName"]  # events for a bus that is not there are taken and go nowhere, as on AWS
        event_id = outbox.emit(
            transaction,
            call.scope,
            entry["Source"],
            entry["DetailType"],
            entry.get("Resources", []),
            json.loads(entry["Detail"]),
            call.now,
            bus=bus,
            occurred=entry.get("Time"),
        )
        transaction.on_commit(call.site.roused)
    return {"EventId": event_id or ids.request_id()}


def _refusal(entry: Document) -> tuple[str, str] | None:
    for member in ("Source", "DetailType", "Detail"):
        if not entry.get(member):
            return "InvalidArgument", f"Parameter {member} is not valid. Reason: {member} is a required argument."
    if entry["Source"].startswith("aws."):
        return "NotAuthorizedForSourceException", "Not authorized for the source."
    try:
        detail = json.loads(entry["Detail"])
    except (ValueError, RecursionError):
        detail = None
    return None if isinstance(detail, dict) else ("MalformedDetail", "Detail is malformed.")


def _size(entry: Document) -> int:
    texts = (
        entry.get("Source", ""),
        entry.get("DetailType", ""),
        entry.get("Detail", ""),
        *entry.get("Resources", []),
    )
    return sum(len(text.encode()) for text in texts)


@operation
def test_event_pattern(call: Call, request: Document) -> Document:  # noqa: ARG001 - an operation's signature
    check_pattern(request["EventPattern"])
    try:
        event = json.loads(request["Event"])
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise validation("Parameter Event is not valid. Reason: it is no JSON object.")
    missing = [member for member in ENVELOPE if member not in event]
    if missing:
        raise validation(f"Parameter Event is not valid. Reason: {missing[0]} is a required argument.")
    return {"Result": matches(compiled(request["EventPattern"]), event)}
