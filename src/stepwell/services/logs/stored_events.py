"""Events that clients put, as a source. Positions are (timestamp, row id) of the last event that was read."""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.services.logs.sources import HEAD, Event, Position
from stepwell.store import logs
from stepwell.store.database import Connection
from stepwell.store.logs import Stream

ROWS = 1000
"""Rows fetched at a time."""


class StoredEvents:
    """Meets `sources.Source` for one stream; lives no longer than the connection it reads through."""

    def __init__(self, connection: Connection, stream: Stream) -> None:
        self._connection = connection
        self._stream = stream

    def after(self, position: Position) -> Iterator[Event]:
        while rows := logs.events_after(self._connection, self._stream, position, ROWS):
            yield from map(_event, rows)
            position = (rows[-1].timestamp, rows[-1].id)

    def before(self, position: Position) -> Iterator[Event]:
        while rows := logs.events_before(self._connection, self._stream, position, ROWS):
            yield from map(_event, rows)
            position = (rows[-1].timestamp, rows[-1].id - 1)

    def seek(self, timestamp: int) -> Position:
        return min((timestamp, 0), self.end())

    def end(self) -> Position:
        last = logs.events_before(self._connection, self._stream, (1 << 62, 1 << 62), 1)
        return (last[0].timestamp, last[0].id) if last else HEAD


def _event(row: logs.Event) -> Event:
    around = (row.timestamp, row.id - 1), (row.timestamp, row.id)
    return Event(row.timestamp, row.ingested, row.message, *around)
