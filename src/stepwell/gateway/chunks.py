"""Room gateway: undoes `aws-chunked`, S3's own framing inside a body. In: bytes as they come. Out: the payload.

No I/O: `feed` takes whatever arrived and returns what it decodes to. Signatures of chunks and of the trailer are
checked as they pass, the declared length at the end, so a reader that waits for the end has proof of everything.
Source: S3 User Guide, "Signature calculations for the Authorization header: transferring payload in chunks", and
"… including trailing headers".
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from stepwell.base.faults import Fault

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
LONGEST_LINE = 4096
MOST_TRAILERS = 20

_SIZE_LINE = re.compile(rb"([0-9a-fA-F]{1,16})(?:;chunk-signature=([0-9a-f]{64}))?(?:;[^\r\n]*)?")


@dataclass(frozen=True, slots=True)
class ChunkSigning:
    """What the signatures of a body's chunks are made with."""

    sign: Callable[[str], str] = field(repr=False)
    seed: str
    """The signature of the request itself: the first link of the chain."""
    timestamp: str
    scope: str


class ChunkDecoder:
    """A machine that is fed the body and gives the payload back."""

    def __init__(self, *, trailers: frozenset[str] = frozenset(), signing: ChunkSigning | None = None) -> None:
        self.is_complete = False
        self.trailers: Mapping[str, str] = {}
        """Headers that came after the payload, by lower-case name; there at the end."""
        self._declared = trailers
        self._signing = signing
        self._previous = signing.seed if signing else ""
        self._line = bytearray()
        self._remaining = 0
        self._state: Callable[[memoryview], int] = self._read_size
        self._out: list[memoryview] = []
        self._signature = ""
        self._hash = hashlib.sha256()
        self._found: dict[str, str] = {}

    def feed(self, data: bytes) -> list[memoryview]:
        """The payload that `data` holds. Raises Fault on a broken frame or a wrong signature."""
        self._out = []
        view = memoryview(data)
        while view and not self.is_complete:
            view = view[self._state(view) :]
        if view:
            raise _incomplete("bytes follow the last chunk")
        return self._out

    def _read_size(self, view: memoryview) -> int:
        used, line = self._take_line(view)
        if line is None:
            return used
        found = _SIZE_LINE.fullmatch(line)
        if found is None or (self._signing is not None and found[2] is None):
            raise _incomplete("a chunk does not begin with its size and signature")
        self._remaining = int(found[1], 16)
        self._signature = (found[2] or b"").decode()
        self._hash = hashlib.sha256()
        if self._remaining:
            self._state = self._read_data
        else:
            self._check_chunk()
            self._state = self._read_trailer
        return used

    def _read_data(self, view: memoryview) -> int:
        part = view[: self._remaining]
        self._out.append(part)
        if self._signing is not None:
            self._hash.update(part)
        self._remaining -= len(part)
        if not self._remaining:
            self._check_chunk()
            self._state = self._read_end_of_chunk
        return len(part)

    def _read_end_of_chunk(self, view: memoryview) -> int:
        used, line = self._take_line(view)
        if line:
            raise _incomplete("a chunk is longer than its size")
        if line is not None:
            self._state = self._read_size
        return used

    def _read_trailer(self, view: memoryview) -> int:
        used, line = self._take_line(view)
        if line is None:
            return used
        if not line:
            self._finish()
            return used
        name, separator, value = line.decode("latin-1").partition(":")
        name = name.strip().lower()
        if not separator or len(self._found) >= MOST_TRAILERS:
            raise _malformed_trailer()
        self._found[name] = value.strip()
        return used

    def _finish(self) -> None:
        signature = self._found.pop("x-amz-trailer-signature", None)
        if not self._found.keys() <= self._declared:
            raise _malformed_trailer()
        if self._signing is not None and self._declared:
            text = "".join(f"{name}:{self._found[name]}\n" for name in sorted(self._found))
            digest = hashlib.sha256(text.encode("latin-1")).hexdigest()
            lines = ("AWS4-HMAC-SHA256-TRAILER", self._signing.timestamp, self._signing.scope)
            self._compare(self._signing.sign("\n".join((*lines, self._previous, digest))), signature or "")
        self.trailers = self._found
        self.is_complete = True

    def _check_chunk(self) -> None:
        if self._signing is None:
            return
        lines = ("AWS4-HMAC-SHA256-PAYLOAD", self._signing.timestamp, self._signing.scope)
        text = "\n".join((*lines, self._previous, EMPTY_SHA256, self._hash.hexdigest()))
        self._compare(self._signing.sign(text), self._signature)
        self._previous = self._signature

    def _compare(self, expected: str, given: str) -> None:
        if not hmac.compare_digest(expected.encode(), given.encode("latin-1", "replace")):
            text = (
                "The request signature we calculated does not match the signature you provided. "
                "Check your key and signing method."
            )
            raise Fault("SignatureDoesNotMatch", text, 403)

    def _take_line(self, view: memoryview) -> tuple[int, bytes | None]:
        """How many bytes were used, and the line once it is whole (without its end)."""
        head = bytes(view[:LONGEST_LINE])
        end = head.find(b"\n")
        used = len(head) if end < 0 else end + 1
        self._line += head[:used]
        if len(self._line) > LONGEST_LINE:
            raise _incomplete("a line of the framing is too long")
        if end < 0:
            return used, None
        line = bytes(self._line).rstrip(b"\r\n")
        self._line.clear()
        return used, line


def _incomplete(text: str) -> Fault:
    return Fault("IncompleteBody", f"The request body is not well-formed aws-chunked: {text}.", 400)


def _malformed_trailer() -> Fault:
    text = "The request contained trailing data that was not well-formed or did not conform to our published schema."
    return Fault("MalformedTrailerError", text, 400)
