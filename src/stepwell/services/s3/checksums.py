"""Room services/s3: checksums as S3 names and writes them. In: request members. Out: members of answers.

S3 speaks of them in three ways: `CRC32` (an algorithm), `ChecksumCRC32` (a member, base64), and
`x-amz-checksum-crc32` (a trailer). A checksum of a multipart object is FULL_OBJECT (of its bytes) or COMPOSITE (of
the raw checksums of its parts, written with `-<number of parts>`).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence

from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.blobs import digests
from stepwell.services.s3 import faults

MEMBERS: Mapping[str, str] = {name: f"Checksum{name.upper()}" for name in sorted(digests.KNOWN)}
"""Member name by digest name: `ChecksumCRC32` by `crc32`."""

UNKNOWN = ("ChecksumXXHASH64", "ChecksumXXHASH3", "ChecksumXXHASH128")
"""Members of the model that nothing here computes."""

TRAILER = "x-amz-checksum-"


def stated(request: Document) -> dict[str, str]:
    """The checksums that the client sent along, base64 by digest name. Raises InvalidRequest for several."""
    for member in UNKNOWN:
        if member in request:
            raise faults.not_implemented(TRAILER + member.removeprefix("Checksum").lower())
    found = {name: request[member] for name, member in MEMBERS.items() if member in request}
    if len(found) > 1:
        raise faults.invalid_request(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    return found


def asked(request: Document) -> tuple[str, ...]:
    """The digest that ChecksumAlgorithm names, if it is given."""
    return algorithm(request.get("ChecksumAlgorithm"))


def algorithm(name: str | None) -> tuple[str, ...]:
    """The digest that S3 calls `name`, such as CRC32. Raises NotImplemented for one that nothing here computes."""
    if name is None:
        return ()
    if name.lower() not in digests.KNOWN:
        raise faults.not_implemented("x-amz-checksum-algorithm")
    return (name.lower(),)


def in_trailers(trailers: Mapping[str, str]) -> dict[str, str]:
    """The checksums that came behind the body."""
    lower = {name.lower(): value for name, value in trailers.items()}
    return {name: lower[TRAILER + name] for name in digests.KNOWN if TRAILER + name in lower}


def encoded(digest: bytes) -> str:
    """As S3 writes it: base64."""
    return base64.b64encode(digest).decode()


def full(found: Mapping[str, bytes], names: Iterable[str]) -> Document:
    """Answer members of the checksums of a whole object."""
    members: Document = {MEMBERS[name]: encoded(found[name]) for name in names}
    return {**members, "ChecksumType": "FULL_OBJECT"} if members else {}


def composite(name: str, parts: Sequence[str]) -> Document:
    """Answer members of a COMPOSITE checksum; `parts` are the parts' own, base64."""
    raw = b"".join(base64.b64decode(part) for part in parts)
    return {
        MEMBERS[name]: f"{encoded(digests.of(name, raw))}-{len(parts)}",
        "ChecksumType": "COMPOSITE",
    }


def combined(name: str, parts: Sequence[tuple[str, int]]) -> Document:
    """Answer members of a FULL_OBJECT checksum; `parts` are the parts' own, base64, with their sizes."""
    raw = ((base64.b64decode(checksum), size) for checksum, size in parts)
    return {MEMBERS[name]: encoded(digests.combined(name, raw)), "ChecksumType": "FULL_OBJECT"}


def algorithms_of(checksum: Mapping[str, object]) -> list[str]:
    """S3's names of the algorithms of stored checksum members: `CRC32` of `ChecksumCRC32`."""
    return [member.removeprefix("Checksum") for member in checksum if member != "ChecksumType"]


def mismatch(name: str) -> Fault:
    """What was sent is not what was received."""
    return Fault("BadDigest", f"The {name.upper()} you specified did not match the calculated checksum.")
