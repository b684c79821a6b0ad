"""Room gateway: what goes back. In: a Response value. Out: ASGI messages.

A body is bytes, or anything that iterates over bytes, such as a slice of a file: it is read on a worker thread, a
piece at a time, and closed when the client goes away.
"""

from __future__ import annotations

import asyncio
import email.utils
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol, TypeAlias, runtime_checkable

from stepwell.gateway.door import Receive, Send
from stepwell.gateway.workers import Workers


@runtime_checkable
class Iterating(Protocol):
    """A stream of bytes, as a streaming member of an answer. `close()`, if there, is called at the end."""

    @property
    def length(self) -> int | None:
        """Its length when known; else it goes out in chunks."""

    def iterate(self) -> Iterator[bytes]:
        """The bytes, in pieces of any size."""


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A stream whose first piece was read."""

    length: int | None
    first: bytes
    rest: Iterator[bytes]
    source: Iterating

    def close(self) -> None:
        """Close whatever of it can be closed."""
        _close(self.rest)
        _close(self.source)


Body: TypeAlias = bytes | Iterating | Opened


@dataclass(frozen=True, slots=True)
class Response:
    """Status, headers and body."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: Body = b""

    def with_headers(self, *more: tuple[str, str]) -> Response:
        """The same with more headers; of a name that is there already, the first stays."""
        present = {name.lower() for name, _ in self.headers}
        return replace(self, headers=self.headers + tuple(p for p in more if p[0].lower() not in present))

    def opened(self) -> Response:
        """The same with the first piece of its stream read, so that what cannot be read is an error in time.

        A stream of one piece becomes plain bytes. Raises what the stream raises, and then leaves it closed.
        """
        body = self.body
        if isinstance(body, bytes | Opened):
            return self
        try:
            pieces = body.iterate()
            first = next(pieces, b"")
        except BaseException:
            _close(body)
            raise
        opened = Opened(body.length, first, pieces, body)
        if len(first) == body.length:
            opened.close()
            return replace(self, body=first)
        return replace(self, body=opened)


async def send_response(response: Response, *, is_head: bool, receive: Receive, send: Send, workers: Workers) -> None:
    """Send it all, or stop when the client is gone. A stream must have been opened."""
    body = response.body
    assert isinstance(body, bytes | Opened)
    headers = _wire_headers(response, body, is_head)
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    if isinstance(body, bytes):
        await send({"type": "http.response.body", "body": b"" if is_head else body})
        return
    gone = asyncio.create_task(_until_gone(receive))
    try:
        piece: bytes | None = None if is_head else body.first
        while piece is not None and not gone.done():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            piece = await workers.run(next, body.rest, None)
        if not gone.done():
            await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone
        await workers.run(body.close)


@lru_cache(maxsize=8)
def http_date(moment: int) -> str:
    """Epoch seconds as a Date header has it; every answer of one second asks for the same."""
    return email.utils.formatdate(moment, usegmt=True)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _wire_headers(response: Response, body: bytes | Opened, is_head: bool) -> list[tuple[bytes, bytes]]:
    length = len(body) if isinstance(body, bytes) else body.length
    headers: list[tuple[bytes, bytes]] = []
    declared: str | None = None
    for name, value in response.headers:
        if name.lower() == "content-length":
            declared = value
        elif _NAME.fullmatch(name):
            headers.append((name.lower().encode("ascii"), _safe(value)))
    # The answer to HEAD describes a body that does not follow; everywhere else the body itself is measured.
    if is_head and declared is not None:
        headers.append((b"content-length", _safe(declared)))
    elif length is not None and response.status not in (204, 304):
        headers.append((b"content-length", str(length).encode()))
    return headers


_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROLS = re.compile("[\x00-\x08\x0a-\x1f\x7f]")


def _safe(value: str) -> bytes:
    """A header's value as bytes; what would end the header early is dropped."""
    cleaned = _CONTROLS.sub("", value)
    try:
        return cleaned.encode("latin-1")
    except UnicodeEncodeError:
        return cleaned.encode("utf-8", "replace")


def _close(stream: object) -> None:
    close = getattr(stream, "close", None)
    if close is not None:
        close()
