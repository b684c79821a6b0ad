"""Room gateway: what goes back. In: a Response value. Out: ASGI messages.

A body is bytes, a slice of a file, or anything that iterates over bytes; the latter two are read on a worker
thread, a piece at a time, and closed when the client goes away.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

from stepwell.gateway.door import Receive, Send

PIECE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class FileSlice:
    """Part of a file, as a streaming member of an answer."""

    path: str | Path
    offset: int
    length: int

    def iterate(self) -> Iterator[bytes]:
        """The bytes, in pieces. Raises OSError at once, before the first piece, when the file is gone."""
        stream = Path(self.path).open("rb", buffering=0)  # noqa: SIM115 - the generator closes it
        try:
            if os.fstat(stream.fileno()).st_size < self.offset + self.length:
                raise OSError(f"{self.path} is shorter than {self.offset + self.length} bytes")
            stream.seek(self.offset)
        except BaseException:
            stream.close()
            raise
        return _pieces(stream, self.length)


@runtime_checkable
class Iterating(Protocol):
    """A stream of bytes made on the way, as a streaming member of an answer. `close()`, if there, is called."""

    length: int | None
    """Its length when known; else it goes out in chunks."""

    def iterate(self) -> Iterator[bytes]:
        """The bytes, in pieces of any size."""


Body: TypeAlias = bytes | FileSlice | Iterating


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


async def send_response(
    response: Response, *, is_head: bool, receive: Receive, send: Send, executor: Executor
) -> None:
    """Send it all, or stop when the client is gone."""
    body = response.body
    headers = _wire_headers(response, is_head)
    start = {"type": "http.response.start", "status": response.status, "headers": headers}
    if isinstance(body, bytes) or is_head:
        await send(start)
        await send({"type": "http.response.body", "body": b"" if is_head else body})
        return
    loop = asyncio.get_running_loop()
    # Opened before the first header goes out: what cannot be opened is an error, not a broken answer.
    pieces = await loop.run_in_executor(executor, body.iterate)
    gone = loop.create_task(_until_gone(receive))
    try:
        await send(start)
        while not gone.done():
            piece = await loop.run_in_executor(executor, next, pieces, None)
            if piece is None:
                break
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        else:
            return
        await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone
        for closable in (pieces, body):
            close = getattr(closable, "close", None)
            if close is not None:
                await loop.run_in_executor(executor, close)


def _pieces(stream: object, length: int) -> Iterator[bytes]:
    with stream:  # type: ignore[attr-defined]
        while length > 0:
            piece = stream.read(min(PIECE, length))  # type: ignore[attr-defined]
            if not piece:
                raise OSError("the file became shorter while it was sent")
            length -= len(piece)
            yield piece


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _wire_headers(response: Response, is_head: bool) -> list[tuple[bytes, bytes]]:
    length = len(response.body) if isinstance(response.body, bytes) else response.body.length
    headers: list[tuple[bytes, bytes]] = []
    declared: str | None = None
    for name, value in response.headers:
        if name.lower() == "content-length":
            declared = value
        else:
            headers.append((name.lower().encode("latin-1"), _safe(value)))
    # The answer to HEAD describes a body that does not follow; everywhere else the body itself is measured.
    if is_head and declared is not None:
        headers.append((b"content-length", _safe(declared)))
    elif length is not None and response.status not in (204, 304):
        headers.append((b"content-length", str(length).encode()))
    return headers


def _safe(value: str) -> bytes:
    """A header's value as bytes; what would end the header early is dropped."""
    cleaned = "".join(character for character in value if character >= " " or character == "\t")
    return cleaned.encode("latin-1") if _is_latin(cleaned) else cleaned.encode()


def _is_latin(text: str) -> bool:
    return all(character <= "\xff" for character in text)
