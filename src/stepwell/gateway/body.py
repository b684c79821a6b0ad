"""Room gateway: a request's body as a stream a handler thread reads. In: ASGI messages. Out: BodyStream.

Nothing is read before somebody asks, so a request refused by its head costs no transfer (and `100 Continue` is
never sent). Pieces are collected to about 1 MiB, so that crossing between the event loop and the thread costs
little. What was declared about the body — length, hash, signatures of chunks — is checked as it passes, and
`read` raises at the end rather than return the last bytes of a body that is not what was signed.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from typing import Protocol

from stepwell.base.faults import Fault
from stepwell.gateway.chunks import ChunkDecoder
from stepwell.gateway.door import Receive
from stepwell.gateway.refusals import wrong_payload

PIECE = 1024 * 1024


class DisconnectedError(Exception):
    """The client went away in the middle of its body. Whoever reads must leave nothing behind."""


class Source(Protocol):
    """Where the raw bytes of a body come from."""

    is_exhausted: bool
    """The client has sent everything, and all of it was taken."""

    def next(self) -> bytes:
        """The next bytes; empty at the end. Raises DisconnectedError."""


class Held:
    """A body that is already here."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.is_exhausted = True

    def next(self) -> bytes:
        """All of it, and then nothing."""
        data, self._data = self._data, b""
        return data


class Arriving:
    """A body that is still on its way: each `next` runs on a worker thread and asks the event loop for more."""

    def __init__(self, receive: Receive, loop: asyncio.AbstractEventLoop) -> None:
        self._receive = receive
        self._loop = loop
        self.is_exhausted = False
        self._is_gone = False

    def next(self) -> bytes:
        """About a PIECE, as soon as there is one. Raises DisconnectedError."""
        if self.is_exhausted:
            return b""
        if self._is_gone:
            raise DisconnectedError
        try:
            return asyncio.run_coroutine_threadsafe(self.collect(PIECE), self._loop).result()
        except CancelledError:
            # The server is going down; for the reader that is the same as a client that went away.
            raise DisconnectedError from None

    async def collect(self, size: int) -> bytes:
        """At least `size` bytes, or what is left. For the event loop. Raises DisconnectedError."""
        parts: list[bytes] = []
        length = 0
        while length < size and not self.is_exhausted:
            message = await self._receive()
            if message["type"] != "http.request":
                self._is_gone = True
                raise DisconnectedError
            part = message.get("body", b"")
            parts.append(part)
            length += len(part)
            self.is_exhausted = not message.get("more_body", False)
        return parts[0] if len(parts) == 1 else b"".join(parts)


class BodyStream:
    """The payload of a request: a readable binary stream that checks what it carries."""

    def __init__(
        self,
        source: Source,
        *,
        length: int | None = None,
        sha256: str | None = None,
        chunks: ChunkDecoder | None = None,
    ) -> None:
        self.length = length
        """Bytes of the payload, where the client declared them."""
        self.is_hashed = sha256 is not None
        """The payload's hash was signed, so it is computed here: nobody need do it again."""
        self.sha256: str | None = None
        """That hash, hexadecimal, at the end."""
        self._source = source
        self._declared_sha256 = sha256
        self._hash = hashlib.sha256() if sha256 is not None else None
        self._chunks = chunks
        self._count = 0
        self._left = memoryview(b"")
        self._is_finished = False

    @property
    def trailers(self) -> Mapping[str, str]:
        """Headers that came behind the payload (x-amz-checksum-…), by lower-case name; there at the end."""
        return self._chunks.trailers if self._chunks else {}

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, all of them without a size, none at the end.

        Raises Fault when the body breaks what was declared of it, DisconnectedError when the client is gone.
        """
        if size is None or size < 0:
            return b"".join(self.pieces())
        if not self._left:
            self._left = memoryview(self._advance())
        taken, self._left = self._left[:size], self._left[size:]
        return bytes(taken)

    def pieces(self) -> Iterator[bytes | memoryview]:
        """The rest, in the pieces it came in: the cheapest way to read everything. Raises as `read` does."""
        if self._left:
            left, self._left = self._left, memoryview(b"")
            yield left
        while piece := self._advance():
            yield piece

    def read_all(self, most: int) -> bytes:
        """The whole body. Raises Fault as soon as it is longer than `most`."""
        parts: list[bytes | memoryview] = []
        length = 0
        for piece in self.pieces():
            length += len(piece)
            if length > most:
                raise too_large(most)
            parts.append(piece)
        return b"".join(parts)

    def _advance(self) -> bytes:
        while not self._is_finished:
            piece, is_last = self._take()
            # Whoever counts bytes may never ask again after the last of them, so the end is looked for now.
            while self._count == self.length and not is_last:
                _, is_last = self._take()
            if is_last:
                self._finish()
            if piece:
                return piece
        return b""

    def _take(self) -> tuple[bytes, bool]:
        """What the source's next bytes decode to, and whether they were its last."""
        raw = self._source.next()
        piece = raw if self._chunks is None else b"".join(self._chunks.feed(raw))
        self._count += len(piece)
        if self.length is not None and self._count > self.length:
            raise _wrong_length()
        if self._hash is not None:
            self._hash.update(piece)
        return piece, not raw or self._source.is_exhausted

    def _finish(self) -> None:
        if self._chunks is not None and not self._chunks.is_complete:
            raise Fault("IncompleteBody", "The request body terminated unexpectedly", 400)
        if self.length is not None and self._count != self.length:
            raise _wrong_length()
        if self._hash is not None:
            computed = self._hash.hexdigest()
            if computed != self._declared_sha256:
                raise wrong_payload(self._declared_sha256 or "", computed)
            self.sha256 = computed
        self._is_finished = True


def _wrong_length() -> Fault:
    text = "You did not provide the number of bytes specified by the Content-Length HTTP header"
    return Fault("IncompleteBody", text, 400)


def too_large(most: int) -> Fault:
    """A body that an operation which holds it in memory will not take."""
    return Fault("RequestEntityTooLargeException", f"Request body must be at most {most} bytes long", 413)
