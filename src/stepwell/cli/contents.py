"""What is in an object: read for comparing, never unpacked. In: a file. Out: machines/comparison's Content.

Archives (tar, whatever its compression, and zip) are read as streams, so that nothing in them can reach the disk;
what claims to hold more than any model does, or is broken, is compared as one file.
"""

from __future__ import annotations

import hashlib
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from stepwell.machines.comparison import WHOLE, Content, Kind, Member

MOST_MEMBERS = 500_000
MOST_BYTES = 1 << 38
"""A quarter of a tebibyte: a stream of zeros that was packed well must come to an end."""
LARGEST_LOOKED_INTO = 32 << 20
"""Bytes of a file whose differences are explained."""
PIECE = 1 << 20

_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError)


class _TooMuch(ValueError):
    """The archive holds more than is read."""


def content(path: Path, blob: str) -> Content:
    """What is in the file, which is named by `blob`. Raises FileNotFoundError."""
    size = path.stat().st_size
    for read in (_tar_members, _zip_members):
        try:
            members = read(path)
        except _BROKEN:
            continue
        if members:
            return Content(blob, size, members, _header(path))
    with path.open("rb") as source:
        digest = _digest(source, [MOST_BYTES])
    return Content(blob, size, {WHOLE: Member("file", 0, size, digest)})


def member_bytes(path: Path, name: str) -> bytes | None:
    """The bytes of one member, or of the whole; None for what is too large to be looked into, or not there."""
    try:
        if name == WHOLE:
            return path.read_bytes() if path.stat().st_size <= LARGEST_LOOKED_INTO else None
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive, archive.open(name) as source:
                return _small(source)
        with tarfile.open(path) as members:
            for member in members:
                if _clean(member.name) == name and member.isreg():
                    file = members.extractfile(member)
                    return _small(file) if file is not None else None
    except (*_BROKEN, KeyError):
        return None
    return None


def _small(source: IO[bytes]) -> bytes | None:
    data = source.read(LARGEST_LOOKED_INTO + 1)
    return data if len(data) <= LARGEST_LOOKED_INTO else None


def _tar_members(path: Path) -> dict[str, Member]:
    found: dict[str, Member] = {}
    left = [MOST_BYTES]
    with tarfile.open(path) as members:
        for member in members:
            if len(found) >= MOST_MEMBERS:
                raise _TooMuch
            name = _free(_clean(member.name), found)
            found[name] = _tar_member(members, member, left)
    return found


def _tar_member(members: tarfile.TarFile, member: tarfile.TarInfo, left: list[int]) -> Member:
    header = (("the time", str(member.mtime)), ("the owner", f"{member.uid}:{member.gid}"))
    mode = stat.S_IMODE(member.mode)
    if member.isreg():
        file = members.extractfile(member)
        assert file is not None
        return Member("file", mode, member.size, _digest(file, left), header=header)
    if member.issym() or member.islnk():
        how = "" if member.issym() else "hard link to "
        return Member("link", 0, target=how + member.linkname, header=header)
    kind: Kind = "folder" if member.isdir() else "other"
    return Member(kind, mode, header=header)


def _zip_members(path: Path) -> dict[str, Member]:
    found: dict[str, Member] = {}
    if not zipfile.is_zipfile(path):
        return found
    left = [MOST_BYTES]
    with zipfile.ZipFile(path) as archive:
        if len(archive.infolist()) > MOST_MEMBERS:
            raise _TooMuch
        for info in archive.infolist():
            header = (("the time", str(info.date_time)),)
            mode = stat.S_IMODE(info.external_attr >> 16)
            name = _free(_clean(info.filename), found)
            if info.is_dir():
                found[name] = Member("folder", mode, header=header)
                continue
            with archive.open(info) as source:
                found[name] = Member("file", mode, info.file_size, _digest(source, left), header=header)
    return found


def _header(path: Path) -> tuple[tuple[str, str], ...]:
    """What stands before the data of a gzip file: its time, and the system it was made on (RFC 1952)."""
    with path.open("rb") as source:
        start = source.read(10)
    if start[:2] != b"\x1f\x8b" or len(start) < 10:
        return ()
    return (("the gzip time", str(int.from_bytes(start[4:8], "little"))), ("the gzip system", str(start[9])))


def _clean(name: str) -> str:
    """`./model` and `model` are the same file."""
    cleaned = name.removeprefix("./").rstrip("/")
    return cleaned or "."


def _free(name: str, found: dict[str, Member]) -> str:
    """The name; numbered when an archive holds it twice, and never WHOLE."""
    return next(each for each in _numbered(name) if each not in found)


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name} ({number})"
        number += 1


def _digest(source: IO[bytes], left: list[int]) -> str:
    """The SHA-256 of the rest; what is read is taken from `left`."""
    found = hashlib.sha256()
    while data := source.read(PIECE):
        left[0] -= len(data)
        if left[0] < 0:
            raise _TooMuch
        found.update(data)
    return found.hexdigest()
