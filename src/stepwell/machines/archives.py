"""Room machines: what is in an archive, opened in memory and never unpacked. Pure.

In: the bytes of a tar (plain, gzip, bzip2, xz) or a zip. Out: its files by name, or Unreadable for what is no archive
that can be looked into: broken, or too large when it is unpacked. Names are only ever shown and compared.
"""

from __future__ import annotations

import bz2
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Mapping

LARGEST = 64 << 20
"""Bytes that all files of an archive may have together."""
MOST_MEMBERS = 10_000
UNPACKED = "unpacked"
"""What the one file is called that was compressed without an archive."""

_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)
_UNSUPPORTED = (NotImplementedError, RuntimeError)
"""What zipfile says to a compression it does not know, and to a password."""


class Unreadable(Exception):
    """The archive cannot be looked into; the text says why."""


def is_archive(data: bytes) -> bool:
    """Whether the bytes look like an archive, whatever it is called."""
    return data.startswith((b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ\x00")) or _is_tar(data)


def files(data: bytes) -> Mapping[str, bytes]:
    """Name -> bytes of every file in it; a link has the text of its target. Raises Unreadable."""
    try:
        return _zip(data) if data.startswith(b"PK\x03\x04") else _tar(data)
    except (*_BROKEN, *_UNSUPPORTED) as error:
        raise Unreadable(str(error) or type(error).__name__) from error


def _tar(data: bytes) -> dict[str, bytes]:
    unpacked = _unpacked(data)
    if not _is_tar(unpacked):
        return {UNPACKED: unpacked}
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
        for count, member in enumerate(archive):
            if count >= MOST_MEMBERS:
                raise Unreadable(f"it has more than {MOST_MEMBERS} members")
            if member.issym() or member.islnk():
                found[_name(member.name)] = f"-> {member.linkname}".encode()
            elif member.isreg():
                opened = archive.extractfile(member)
                found[_name(member.name)] = opened.read() if opened is not None else b""
    return found


def _unpacked(data: bytes) -> bytes:
    """The bytes without their compression. Raises Unreadable before there are too many of them."""
    match data[:2]:
        case b"\x1f\x8b":
            found = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data, LARGEST + 1)
        case b"BZ":
            found = bz2.BZ2Decompressor().decompress(data, LARGEST + 1)
        case b"\xfd7":
            found = lzma.LZMADecompressor().decompress(data, LARGEST + 1)
        case _:
            found = data
    if len(found) > LARGEST:
        raise Unreadable(_TOO_LARGE)
    return found


def _zip(data: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    left = LARGEST
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if len(members) > MOST_MEMBERS:
            raise Unreadable(f"it has more than {MOST_MEMBERS} members")
        for member in members:
            if member.is_dir():
                continue
            with archive.open(member) as opened:  # what it says of its size may be a lie
                content = opened.read(left + 1)
            left -= len(content)
            if left < 0:
                raise Unreadable(_TOO_LARGE)
            found[_name(member.filename)] = content
    return found


_TOO_LARGE = f"its files have more than {LARGEST >> 20} MiB"


def _is_tar(data: bytes) -> bool:
    return data[257:262] == b"ustar"


def _name(name: str) -> str:
    return name.removeprefix("./")
