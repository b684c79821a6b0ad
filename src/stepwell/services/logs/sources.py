"""What every kind of log stream can do: be read from any position, forwards and backwards, and be searched by time.

A `Position` splits a stream in two: what has been read and what has not. It stays right while the stream grows, so
it is what tokens are made of; what its two numbers mean is the source's own business.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

Position: TypeAlias = tuple[int, int]

HEAD: Position = (0, 0)
"""Before the first event of any source."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a log. Times are epoch milliseconds; `before` and `behind` are the positions around it."""

    timestamp: int
    ingested: int
    message: str
    before: Position
    behind: Position


class Source(Protocol):
    """The events of one stream, in order."""

    def after(self, position: Position) -> Iterator[Event]:
        """Events behind `position`, in order."""

    def before(self, position: Position) -> Iterator[Event]:
        """Events before `position`, the latest first."""

    def seek(self, timestamp: int) -> Position:
        """Before the first event of that millisecond or later; the end when there is none."""

    def end(self) -> Position:
        """Behind the last event."""
