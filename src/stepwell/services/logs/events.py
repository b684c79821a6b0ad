"""Putting events and reading a stream's: PutLogEvents and GetLogEvents.

GetLogEvents answers with two tokens, always: they say where its answer begins and ends, so that a reader goes on in
either direction; at an end the token that was given comes back, which is how readers know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile

from stepwell.base.documents import Document
from stepwell.services.logs import batches, lookups, tokens
from stepwell.services.logs.batches import BYTES_BESIDE_MESSAGE, MOST_BYTES
from stepwell.services.logs.faults import invalid_parameter
from stepwell.services.logs.sources import HEAD, Event, Position, Source
from stepwell.services.registry import Call, operation
from stepwell.store import logs

MOST_EVENTS = 10_000

SEQUENCE_TOKEN = "49590302925470390000000000000000000000000000000000000000"
"""Sequence tokens order nothing any more; AWS still answers with one, and so do we."""


@operation
def put_log_events(call: Call, request: Document) -> Document:
    put = [(event["timestamp"], event["message"]) for event in request["logEvents"]]
    batches.check(put)
    now = int(call.now * 1000)
    with call.site.database.write() as transaction:
        group = lookups.group(transaction.connection, call.scope, request["logGroupName"])
        stream = lookups.stream(transaction.connection, group, request["logStreamName"])
        if stream.file is not None:
            raise invalid_parameter(
                f"The log stream {stream.name} shows what a job writes; nothing can be put into it."
            )
        accepted, rejected = batches.sift(put, now, lookups.oldest(group, call.now))
        if accepted:
            logs.add_events(transaction, stream, accepted, now)
        if group.retention_days is not None:
            logs.forget_events(transaction, stream, lookups.oldest(group, call.now))
    answer: Document = {"nextSequenceToken": SEQUENCE_TOKEN}
    return {**answer, "rejectedLogEventsInfo": rejected} if rejected else answer


@operation
def get_log_events(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        group = lookups.group_of(connection, call.scope, request)
        stream = lookups.stream(connection, group, request["logStreamName"])
        source = lookups.source(call.site, connection, stream)
        low, high = _bounds(source, request, lookups.oldest(group, call.now))
        forwards, position = _start(request, low, high)
        found = _read(source, position, low, high, forwards=forwards)
        events = list(fitting(found, request.get("limit", MOST_EVENTS)))
    if not forwards:
        events.reverse()
    first, last = (events[0].before, events[-1].behind) if events else (position, position)
    return {
        "events": [_shown(event) for event in events],
        "nextForwardToken": tokens.of_position("f", last),
        "nextBackwardToken": tokens.of_position("b", first),
    }


def _bounds(source: Source, request: Document, oldest: int) -> tuple[Position, Position]:
    """The positions between which events are wanted: startTime is within, endTime is not."""
    start = max(request.get("startTime", 0), oldest)
    low = source.seek(start) if start > 0 else HEAD
    return low, source.seek(request["endTime"]) if "endTime" in request else source.end()


def _start(request: Document, low: Position, high: Position) -> tuple[bool, Position]:
    """Whether to read forwards, and from where."""
    if "nextToken" in request:
        direction, position = tokens.position_of(request["nextToken"])
        return direction == "f", position
    forwards = request.get("startFromHead", False)
    return forwards, low if forwards else max(low, high)


def _read(source: Source, position: Position, low: Position, high: Position, *, forwards: bool) -> Iterator[Event]:
    if forwards:
        return takewhile(lambda event: event.behind <= high, source.after(max(position, low)))
    return takewhile(lambda event: event.before >= low, source.before(min(position, high)))


def fitting(events: Iterable[Event], limit: int) -> Iterator[Event]:
    """As many of these events as one answer holds; at least one, if there is one."""
    size = 0
    for count, event in enumerate(events, 1):
        size += len(event.message.encode()) + BYTES_BESIDE_MESSAGE
        if size > MOST_BYTES and count > 1:
            return
        yield event
        if count == limit:
            return


def _shown(event: Event) -> Document:
    return {"timestamp": event.timestamp, "message": event.message, "ingestionTime": event.ingested}
