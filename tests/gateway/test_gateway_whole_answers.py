"""What is written to a connection, and when: a server may be killed between any two writes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from stepwell.gateway.whole_answers import WholeAnswers

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Wire(asyncio.Transport):
    """Remembers each write, and that it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.is_closed = False

    def writelines(self, list_of_data: Any) -> None:
        assert not self.is_closed
        self.written.append(b"".join(list_of_data))

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None:
        """Nobody sends more."""

    def resume_reading(self) -> None:
        """Nobody sends more."""


def written(request: bytes, bodies: list[bytes], length: int) -> Wire:
    """What a server that answers with these bodies writes, with a turn of the loop after each."""

    async def answer(_scope: Any, _receive: Any, send: Send) -> None:
        headers = [(b"content-length", str(length).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for number, body in enumerate(bodies):
            more = number < len(bodies) - 1
            await send({"type": "http.response.body", "body": body, "more_body": more})
            await asyncio.sleep(0)

    async def exchange() -> Wire:
        config = uvicorn.Config(answer, http=WholeAnswers, lifespan="off", log_config=None, server_header=False)
        config.load()
        state, wire = ServerState(), Wire()
        protocol = WholeAnswers(config, state, {})
        protocol.connection_made(wire)
        protocol.data_received(request)
        await asyncio.gather(*state.tasks)
        await asyncio.sleep(0)
        protocol.connection_lost(None)
        return wire

    return asyncio.run(exchange())


@pytest.mark.parametrize("more", [b"", b"connection: close\r\n"])
def test_a_head_never_leaves_without_its_body(more: bytes) -> None:
    wire = written(b"GET / HTTP/1.1\r\nhost: here\r\n" + more + b"\r\n", [b"the body"], 8)
    assert len(wire.written) == 1
    assert wire.written[0].startswith(b"HTTP/1.1 200 OK\r\n")
    assert wire.written[0].endswith(b"\r\n\r\nthe body")


def test_a_head_alone_leaves_too() -> None:
    (head,) = written(b"HEAD / HTTP/1.1\r\nhost: here\r\n\r\n", [b""], 8).written
    assert head.endswith(b"\r\n\r\n")


def test_pieces_of_a_stream_leave_as_they_come() -> None:
    wire = written(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n", [b"one ", b"two ", b"three"], 13)
    assert [piece.rpartition(b"\r\n\r\n")[2] for piece in wire.written] == [b"one ", b"two ", b"three"]
