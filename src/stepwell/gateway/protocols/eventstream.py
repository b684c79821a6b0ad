"""Room gateway/protocols: an answer that is a stream of events, as binary frames. In: events. Out: a frame each.

A handler returns, as the streaming member, any iterable of one-member documents: `{"PayloadPart": {"Bytes": b"…"}}`.
A Fault raised on the way becomes an exception frame, after which the stream ends.
Source: Smithy 2.0, "Amazon event stream specification".
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.gateway.protocols import jsonbody
from stepwell.spec.models import Member, Shape

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_STRING = 7
"""The type of a header's value; no other kind is needed."""


def stream_member(shape: Shape) -> Member | None:
    """The member of an output that is a stream of events, if one is."""
    return next((member for member in shape.members.values() if member.shape.traits.get("eventstream")), None)


@dataclass(frozen=True, slots=True)
class EventStream:
    """Events on their way out: a body that iterates over frames."""

    shape: Shape
    events: Iterable[Document]

    @property
    def length(self) -> None:
        """Nobody knows how many there will be."""

    def iterate(self) -> Iterator[bytes]:
        """The frames."""
        try:
            for event in self.events:
                for name, content in event.items():
                    if name in self.shape.members:
                        yield _event(self.shape.members[name], content)
        except Fault as fault:
            headers = {
                ":message-type": "exception",
                ":exception-type": fault.code,
                ":content-type": "application/json",
            }
            yield frame(headers, jsonbody.dumps({"Message": fault.message}))

    def close(self) -> None:
        """Tell the source that nobody listens any more."""
        close: Callable[[], object] | None = getattr(self.events, "close", None)
        if close is not None:
            close()


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message: lengths and their checksum, headers, payload, checksum of all."""
    listed = b"".join(_header(name, value) for name, value in headers.items())
    lengths = struct.pack("!II", len(listed) + len(payload) + 16, len(listed))
    prelude = lengths + struct.pack("!I", zlib.crc32(lengths))
    message = prelude + listed + payload
    return message + struct.pack("!I", zlib.crc32(message))


def _event(member: Member, content: Document) -> bytes:
    shape = member.shape
    payload = next((part for part in shape.members.values() if part.trait("eventpayload")), None)
    if payload is not None and payload.shape.kind == "blob":
        kind, data = "application/octet-stream", bytes(content.get(payload.name) or b"")
    elif payload is not None and payload.shape.kind == "string":
        kind, data = "text/plain", str(content.get(payload.name) or "").encode()
    else:
        kind, data = "application/json", jsonbody.write(shape, content)
    return frame({":message-type": "event", ":event-type": member.name, ":content-type": kind}, data)


def _header(name: str, value: str) -> bytes:
    name_bytes, value_bytes = name.encode(), value.encode()
    sizes = (struct.pack("!B", len(name_bytes)), struct.pack("!BH", _STRING, len(value_bytes)))
    return sizes[0] + name_bytes + sizes[1] + value_bytes
