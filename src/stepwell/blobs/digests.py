"""Room blobs: the checksums S3 knows. In: bytes as they pass. Out: digests, as raw bytes.

Names are lower-case: md5, sha1, sha256, sha512, crc32, crc32c, crc64nvme. The CRCs of parts combine to the CRC of
the whole; the others do not. Source: the S3 user guide, "Checking object integrity".
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from typing import Protocol

from stepwell.blobs import crc


class Digest(Protocol):
    """A checksum in the making."""

    def update(self, data: bytes | memoryview, /) -> None: ...
    def digest(self) -> bytes: ...


class Crc32:
    """zlib's: in C, and without the interpreter's lock."""

    __slots__ = ("_value",)

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes | memoryview, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4)


class FoldedCrc:
    """A CRC that the standard library lacks."""

    __slots__ = ("_polynomial", "_value")

    def __init__(self, polynomial: crc.Polynomial) -> None:
        self._polynomial = polynomial
        self._value = 0

    def update(self, data: bytes | memoryview, /) -> None:
        self._value = crc.update(self._polynomial, self._value, data)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._polynomial.width // 8)


POLYNOMIALS: Mapping[str, crc.Polynomial] = {
    "crc32": crc.CRC32,
    "crc32c": crc.CRC32C,
    "crc64nvme": crc.CRC64NVME,
}

KNOWN = frozenset({"md5", "sha1", "sha256", "sha512", *POLYNOMIALS})

COMBINED = frozenset(POLYNOMIALS)
"""Algorithms whose checksum of a whole follows from those of its parts."""


def fresh(algorithm: str) -> Digest:
    """A new digest. Raises KeyError for an algorithm that is not in KNOWN."""
    if algorithm == "crc32":
        return Crc32()
    if algorithm in POLYNOMIALS:
        return FoldedCrc(POLYNOMIALS[algorithm])
    if algorithm not in KNOWN:
        raise KeyError(algorithm)
    return hashlib.new(algorithm, usedforsecurity=False)


def of(algorithm: str, data: bytes) -> bytes:
    """The checksum of `data`."""
    digest = fresh(algorithm)
    digest.update(data)
    return digest.digest()


def combined(algorithm: str, parts: Iterable[tuple[bytes, int]]) -> bytes:
    """The checksum of a whole from the checksum and size of each part. `algorithm` is one of COMBINED."""
    polynomial = POLYNOMIALS[algorithm]
    value = 0
    for digest, size in parts:
        value = crc.combine(polynomial, value, int.from_bytes(digest), size)
    return value.to_bytes(polynomial.width // 8)
