"""Bodies: aws-chunked in all its forms and in any pieces, hashes and lengths, clients that go away."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, strategies

from stepwell.base.faults import Fault
from stepwell.gateway.body import BodyStream, DisconnectedError, Held
from stepwell.gateway.chunks import EMPTY_SHA256, ChunkDecoder, ChunkSigning

SEED, STAMP, SCOPE = "0" * 64, "20210315T000000Z", "20210315/us-east-1/s3/aws4_request"
CHECKSUM = "x-amz-checksum-crc32"


def sign(text: str) -> str:
    return hmac.new(b"key", text.encode(), hashlib.sha256).hexdigest()


SIGNING = ChunkSigning(sign, SEED, STAMP, SCOPE)


def framed(
    chunks: Sequence[bytes], signing: ChunkSigning | None = None, trailers: Iterable[tuple[str, str]] = ()
) -> bytes:
    """`chunks` in aws-chunked framing, as a client sends them."""
    text, previous = b"", signing.seed if signing else ""
    for chunk in (*chunks, b""):
        line = f"{len(chunk):x}"
        if signing:
            lines = ("AWS4-HMAC-SHA256-PAYLOAD", signing.timestamp, signing.scope, previous, EMPTY_SHA256)
            previous = signing.sign("\n".join((*lines, hashlib.sha256(chunk).hexdigest())))
            line += f";chunk-signature={previous}"
        text += line.encode() + b"\r\n" + chunk + (b"\r\n" if chunk else b"")
    listed = "".join(f"{name}:{value}\n" for name, value in sorted(trailers))
    text += "".join(f"{name}:{value}\r\n" for name, value in trailers).encode()
    if trailers and signing:
        digest = hashlib.sha256(listed.encode()).hexdigest()
        lines = ("AWS4-HMAC-SHA256-TRAILER", signing.timestamp, signing.scope)
        signature = signing.sign("\n".join((*lines, previous, digest)))
        text += f"x-amz-trailer-signature:{signature}\r\n".encode()
    return text + b"\r\n"


def decoder(*, is_signed: bool, trailers: Iterable[str] = ()) -> ChunkDecoder:
    return ChunkDecoder(trailers=frozenset(trailers), signing=SIGNING if is_signed else None)


def decoded(machine: ChunkDecoder, pieces: Iterable[bytes]) -> bytes:
    return b"".join(bytes(part) for piece in pieces for part in machine.feed(piece))


@given(
    chunks=strategies.lists(strategies.binary(min_size=1, max_size=40), max_size=4),
    cuts=strategies.lists(strategies.integers(1, 30), min_size=1, max_size=50),
    is_signed=strategies.booleans(),
    has_trailer=strategies.booleans(),
)
def test_any_framing_in_any_pieces(chunks: list[bytes], cuts: list[int], is_signed: bool, has_trailer: bool) -> None:
    trailers = [(CHECKSUM, "AAAAAA==")] if has_trailer else []
    raw = framed(chunks, SIGNING if is_signed else None, trailers)
    pieces, position = [], 0
    while position < len(raw):
        size = cuts[len(pieces) % len(cuts)]
        pieces.append(raw[position : position + size])
        position += size
    machine = decoder(is_signed=is_signed, trailers=[CHECKSUM])
    if is_signed and not has_trailer:
        machine = decoder(is_signed=True)
    assert decoded(machine, pieces) == b"".join(chunks)
    assert machine.is_complete
    assert dict(machine.trailers) == dict(trailers)


GOOD = framed([b"hello", b"world"], SIGNING, trailers=[(CHECKSUM, "AAAAAA==")])
TAMPERED = {
    "payload": GOOD.replace(b"hello", b"jello"),
    "order": framed([b"hello", b"world"], SIGNING).replace(b"hello", b"world", 1),
    "trailer": GOOD.replace(b"AAAAAA==", b"BBBBBB=="),
    "no trailer signature": GOOD[: GOOD.index(b"x-amz-trailer-signature")] + b"\r\n",
    "a chunk left out": framed([b"hello", b"world"], SIGNING).partition(b"hello\r\n")[2],
}


@pytest.mark.parametrize("case", TAMPERED)
def test_signed_chunks_cannot_be_changed(case: str) -> None:
    with pytest.raises(Fault) as caught:
        decoded(decoder(is_signed=True, trailers=[CHECKSUM]), [TAMPERED[case]])
    assert (caught.value.code, caught.value.status) == ("SignatureDoesNotMatch", 403)


BROKEN = {
    "no size": (b"hello\r\n", "IncompleteBody"),
    "negative size": (b"-5\r\nhello\r\n", "IncompleteBody"),
    "a size without end": (b"1" * 10_000, "IncompleteBody"),
    "a huge size": (b"f" * 17 + b"\r\n", "IncompleteBody"),
    "longer than its size": (b"2\r\nhello\r\n0\r\n\r\n", "IncompleteBody"),
    "more after the end": (b"0\r\n\r\nGET / HTTP/1.1", "IncompleteBody"),
    "an undeclared trailer": (b"0\r\nx-other:1\r\n\r\n", "MalformedTrailerError"),
    "a trailer without colon": (b"0\r\nx-other\r\n\r\n", "MalformedTrailerError"),
    "many trailers": (b"0\r\n" + b"".join(b"x%d:1\r\n" % n for n in range(50)), "MalformedTrailerError"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_framing(case: str) -> None:
    raw, code = BROKEN[case]
    with pytest.raises(Fault, match=code):
        decoded(decoder(is_signed=False), [raw])


def test_signed_framing_needs_signatures() -> None:
    with pytest.raises(Fault, match="IncompleteBody"):
        decoded(decoder(is_signed=True), [framed([b"hello"])])


class Pieces:
    """A source that gives what it is told to, and then that the client is gone, if it is told so."""

    def __init__(self, *pieces: bytes, is_cut: bool = False, ends_late: bool = False) -> None:
        self._pieces = list(pieces)
        self._is_cut = is_cut
        self._ends_late = ends_late
        self.is_exhausted = False

    def next(self) -> bytes:
        if not self._pieces:
            if self._is_cut:
                raise DisconnectedError
            self.is_exhausted = True
            return b""
        piece = self._pieces.pop(0)
        self.is_exhausted = not self._pieces and not self._is_cut and not self._ends_late
        return piece


@pytest.mark.parametrize("ends_late", [False, True])
@pytest.mark.parametrize("size", [1, 3, 100])
def test_reading_by_size(size: int, ends_late: bool) -> None:
    body = BodyStream(Pieces(b"hello", b"world", ends_late=ends_late), length=10)
    parts = []
    while part := body.read(size):
        parts.append(part)
        assert len(part) <= size
    assert b"".join(parts) == b"helloworld"
    assert body.read() == b""


def test_reading_all_and_the_rest() -> None:
    body = BodyStream(Pieces(b"hello", b"world"))
    assert body.read(2) == b"he"
    assert body.read(None) == b"lloworld"  # type: ignore[arg-type]  # as io's streams allow


def test_the_hash_is_known_at_the_end() -> None:
    digest = hashlib.sha256(b"helloworld").hexdigest()
    body = BodyStream(Pieces(b"hello", b"world"), sha256=digest)
    assert body.sha256 is None
    assert body.read() == b"helloworld"
    assert body.sha256 == digest


@pytest.mark.parametrize("ends_late", [False, True])
def test_the_last_bytes_of_a_wrong_body_are_never_given(ends_late: bool) -> None:
    body = BodyStream(Pieces(b"hello", b"world", ends_late=ends_late), length=10, sha256="0" * 64)
    assert body.read(5) == b"hello"
    with pytest.raises(Fault, match="XAmzContentSHA256Mismatch"):
        body.read(5)


@pytest.mark.parametrize("length", [9, 11])
def test_the_length_must_be_what_was_declared(length: int) -> None:
    with pytest.raises(Fault, match="IncompleteBody"):
        BodyStream(Pieces(b"hello", b"world"), length=length).read()


def test_framing_that_stops_early() -> None:
    raw = framed([b"hello", b"world"])[:-6]
    with pytest.raises(Fault, match="terminated unexpectedly"):
        BodyStream(Pieces(raw), chunks=decoder(is_signed=False)).read()


def test_trailers_are_there_at_the_end() -> None:
    raw = framed([b"hello"], trailers=[(CHECKSUM, "NhCmhg==")])
    body = BodyStream(Pieces(raw[:10], raw[10:]), length=5, chunks=decoder(is_signed=False, trailers=[CHECKSUM]))
    assert dict(body.trailers) == {}
    assert body.read() == b"hello"
    assert dict(body.trailers) == {CHECKSUM: "NhCmhg=="}


def test_trailers_are_there_once_the_counted_bytes_are() -> None:
    raw = framed([b"hello"], trailers=[(CHECKSUM, "NhCmhg==")])
    end = raw.index(b"0\r\n")
    body = BodyStream(Pieces(raw[:end], raw[end:]), length=5, chunks=decoder(is_signed=False, trailers=[CHECKSUM]))
    assert body.read(5) == b"hello"
    assert dict(body.trailers) == {CHECKSUM: "NhCmhg=="}


def test_a_client_that_goes_away_is_heard_of() -> None:
    body = BodyStream(Pieces(b"hello", is_cut=True), length=10)
    assert body.read(5) == b"hello"
    with pytest.raises(DisconnectedError):
        body.read(5)


def test_a_body_has_a_largest_length() -> None:
    body = BodyStream(Pieces(b"x" * 60, b"x" * 60, b"never read"))
    with pytest.raises(Fault, match="at most 100 bytes") as caught:
        body.read_all(100)
    assert caught.value.status == 413


def test_held_bytes() -> None:
    held = Held(b"data")
    assert held.is_exhausted
    assert BodyStream(held, length=4).read_all(10) == b"data"
    assert BodyStream(Held(b"")).read() == b""
