"""Room gateway: an answer's head and body leave in one piece. In: uvicorn's protocol. Out: the same, but for that.

uvicorn writes them one after the other. A server that is killed in between has sent a head alone, and botocore takes
that for an empty answer, since it does not hold Content-Length against what came: a client would go on as if it had
succeeded, with nothing in its hands, instead of asking again. What is written in one turn of the event loop is
therefore kept until the turn ends. Large bodies still go out in many pieces; botocore sees when those are cut.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class WholeAnswers(HttpToolsProtocol):
    """For `uvicorn.Config(http=...)`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(_Gathering(transport, self.loop))


class _Gathering(asyncio.Transport):
    """A transport that writes once a turn; of a transport's methods those that uvicorn calls for HTTP."""

    __slots__ = ("_kept", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._kept: list[Any] = []

    def write(self, data: Any) -> None:
        if not self._kept:
            self._loop.call_soon(self._flush)
        self._kept.append(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def _flush(self) -> None:
        kept, self._kept = self._kept, []
        if kept:
            self._transport.writelines(kept)
