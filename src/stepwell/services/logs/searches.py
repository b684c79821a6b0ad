"""FilterLogEvents: the wanted events of many streams, in the order of time.

Streams are merged as they are read, by (time, stream, position); a token names the last event that was looked at,
and each stream finds its place behind it again without reading what lies before. One call looks at a bounded number
of events, so an answer may be empty and yet have a token, as AWS documents.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from stepwell.base.documents import Document
from stepwell.services.logs import lookups, patterns, tokens
from stepwell.services.logs.batches import BYTES_BESIDE_MESSAGE, MOST_BYTES
from stepwell.services.logs.events import MOST_EVENTS
from stepwell.services.logs.faults import invalid_parameter
from stepwell.services.logs.sources import HEAD, Event, Position, Source
from stepwell.services.registry import Call, operation
from stepwell.store import logs
from stepwell.store.database import Connection
from stepwell.store.logs import Group, Stream

MOST_LOOKED_AT = 50_000


@dataclass(frozen=True, slots=True)
class Mark:
    """The event a search has come to: its time, the id of its stream, and the position behind it."""

    timestamp: int
    stream_id: int
    behind: Position


@dataclass(frozen=True, slots=True)
class Found:
    """An event and the stream it is of."""

    stream: Stream
    event: Event

    @property
    def mark(self) -> Mark:
        return Mark(self.event.timestamp, self.stream.id, self.event.behind)

    @property
    def order(self) -> tuple[int, int, Position]:
        return self.event.timestamp, self.stream.id, self.event.behind


@operation
def filter_log_events(call: Call, request: Document) -> Document:
    pattern = patterns.parse(request.get("filterPattern", ""))
    mark = _mark(request.get("nextToken"))
    with call.site.database.read() as connection:
        group = lookups.group_of(connection, call.scope, request)
        start = max(request.get("startTime", 0), lookups.oldest(group, call.now))
        merged = heapq.merge(
            *(
                _events(stream, lookups.source(call.site, connection, stream), start, request.get("endTime"), mark)
                for stream in _streams(connection, group, request)
            ),
            key=lambda found: found.order,
        )
        events, following = _page(merged, pattern, request.get("limit", MOST_EVENTS))
    answer: Document = {"events": [_shown(found) for found in events], "searchedLogStreams": []}
    return answer if following is None else {**answer, "nextToken": _token(following)}


def _streams(connection: Connection, group: Group, request: Document) -> list[Stream]:
    names, prefix = request.get("logStreamNames", []), request.get("logStreamNamePrefix", "")
    if names and prefix:
        raise invalid_parameter("logStreamNames and logStreamNamePrefix cannot both be specified.")
    if names:
        return [lookups.stream(connection, group, name) for name in dict.fromkeys(names)]
    return logs.page_streams(connection, group, prefix=prefix)


def _events(stream: Stream, source: Source, start: int, end: int | None, mark: Mark | None) -> Iterator[Found]:
    """The events of one stream between two moments that lie behind the mark."""
    for event in source.after(_begin(stream, source, start, mark)):
        if end is not None and event.timestamp >= end:
            return
        yield Found(stream, event)


def _begin(stream: Stream, source: Source, start: int, mark: Mark | None) -> Position:
    if mark is None:
        return source.seek(start) if start > 0 else HEAD
    if stream.id == mark.stream_id:
        return mark.behind
    # Of events of the same millisecond, those of streams with smaller ids have had their turn.
    return source.seek(mark.timestamp if stream.id > mark.stream_id else mark.timestamp + 1)


def _page(merged: Iterator[Found], pattern: patterns.Pattern, limit: int) -> tuple[list[Found], Mark | None]:
    """The wanted events of one answer, and where the next goes on (None: this was all)."""
    events: list[Found] = []
    size, last = 0, None
    for found in islice(merged, MOST_LOOKED_AT):
        if pattern.matches(found.event.message):
            size += len(found.event.message.encode()) + BYTES_BESIDE_MESSAGE
            if len(events) == limit or (events and size > MOST_BYTES):
                return events, last
            events.append(found)
        last = found.mark
    return events, None if next(merged, None) is None else last


def _shown(found: Found) -> Document:
    event = found.event
    return {
        "logStreamName": found.stream.name,
        "timestamp": event.timestamp,
        "message": event.message,
        "ingestionTime": event.ingested,
        "eventId": f"{event.timestamp:020}{found.stream.id:012}{event.behind[1]:024}",
    }


def _token(mark: Mark) -> str:
    return tokens.encode(mark.timestamp, mark.stream_id, *mark.behind)


def _mark(token: str | None) -> Mark | None:
    if token is None:
        return None
    timestamp, stream_id, first, second = map(int, tokens.decode(token, int, int, int, int))
    return Mark(timestamp, stream_id, (first, second))
