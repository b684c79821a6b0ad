"""Room services/s3: bytes on their way in. In: a request with a body. Out: a blob whose checksums were found right.

A body is bytes (from callers inside) or a stream of the gateway's with `pieces`, `length` and `trailers`. The stream
raises when the client is gone or the signature does not fit; then the blob is dropped, and no row was written.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.blobs.folder import Blob, Blobs, BlobWriter
from stepwell.services.s3 import checksums, faults

LARGEST = 5 << 30
"""Bytes of one PutObject, UploadPart or CopyObject."""


class Body(Protocol):
    """A stream of the gateway's. `length` is None when the client did not say; `trailers` are complete at the end.

    One with `is_hashed` computes the SHA-256 of the whole, which was signed: `sha256` has it at the end. One with
    `given` is exactly the bytes of that file, which nobody writes to and nobody needs any more.
    """

    @property
    def length(self) -> int | None: ...
    @property
    def trailers(self) -> Mapping[str, str]: ...
    def pieces(self) -> Iterator[bytes | memoryview]: ...


@dataclass(frozen=True, slots=True)
class Received:
    """A body that is kept. `checksum` holds answer members (`ChecksumCRC32`, `ChecksumType`)."""

    blob: Blob
    checksum: Document

    @property
    def etag(self) -> str:
        """MD5 in hexadecimal: what S3 answers as the ETag of one put or one part."""
        return self.blob.digests["md5"].hex()


@dataclass(frozen=True, slots=True)
class Held:
    """Bytes that are here already, as a body."""

    data: bytes | bytearray | memoryview
    trailers: Mapping[str, str] = field(default_factory=dict)

    @property
    def length(self) -> int:
        return len(self.data)

    def pieces(self) -> Iterator[bytes | memoryview]:
        """All of it."""
        yield memoryview(self.data)


def receive(blobs: Blobs, request: Document, also: Iterable[str] = ()) -> Received:
    """Keep the request's Body. `also` are digests that are wanted besides what the request names.

    Raises BadDigest, InvalidDigest, IncompleteBody, EntityTooLarge; and what the stream raises.
    """
    body = _body(request.get("Body", b""))
    md5 = _content_md5(request)
    stated = checksums.stated(request)
    wanted = {*stated, *checksums.asked(request), *also}
    length = body.length
    if length is not None and length > LARGEST:
        raise faults.entity_too_large(length, LARGEST)
    is_hashed: bool = getattr(body, "is_hashed", False)
    with blobs.writer({"md5", *wanted}, is_named=is_hashed) as writer:
        _pour(body, writer, length)
        stated |= checksums.in_trailers(body.trailers)
        found = {name: writer.digest(name) for name in {"md5", *wanted, *stated}}
        _compare(md5, stated, found)
        blob = writer.commit(getattr(body, "sha256", None))
    return Received(blob, checksums.full(found, sorted({*wanted, *stated})))


def reused(blobs: Blobs, name: str, size: int, wanted: Iterable[str]) -> Received:
    """The body of another object as if it had just been received: read for its digests, not copied."""
    names = set(wanted)
    found = blobs.digests(name, {"md5", *names})
    return Received(Blob(name, size, found), checksums.full(found, sorted(names)))


def _body(body: bytes | bytearray | memoryview | Body) -> Body:
    if isinstance(body, bytes | bytearray | memoryview):
        return Held(body)
    return body


def _pour(body: Body, writer: BlobWriter, length: int | None) -> None:
    given: Path | None = getattr(body, "given", None)
    if given is None or not writer.take(given):
        for piece in body.pieces():
            writer.write(piece)
            if writer.size > LARGEST:
                raise faults.entity_too_large(writer.size, LARGEST)
    if length is not None and writer.size != length:
        text = "You did not provide the number of bytes specified by the Content-Length HTTP header"
        raise Fault("IncompleteBody", text)


def _content_md5(request: Document) -> bytes | None:
    stated = request.get("ContentMD5")
    if stated is None:
        return None
    try:
        raw = base64.b64decode(stated, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 16:
        raise Fault("InvalidDigest", "The Content-MD5 you specified was invalid.", 400, {"Content-MD5": stated})
    return raw


def _compare(md5: bytes | None, stated: Mapping[str, str], found: Mapping[str, bytes]) -> None:
    if md5 is not None and md5 != found["md5"]:
        text = "The Content-MD5 you specified did not match what we received."
        members = {"ExpectedDigest": md5.hex(), "CalculatedDigest": checksums.encoded(found["md5"])}
        raise Fault("BadDigest", text, 400, members)
    for name, value in stated.items():
        if not _is_digest(value, len(found[name])):
            header = checksums.TRAILER + name
            raise faults.invalid_request(f"Value for {header} header is invalid.")
        if value != checksums.encoded(found[name]):
            raise checksums.mismatch(name)


def _is_digest(value: str, size: int) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == size
    except (binascii.Error, ValueError):
        return False
