"""Room container: unpacks tar archives that nobody vouches for. In: an archive. Out: plain files and folders.

Nothing is ever written through a link, since links are not made; what is not plain is `Unusual`, and who asked
decides what then. Memory is bounded whatever the archive says of itself.
"""

from __future__ import annotations

import os
import posixpath
import tarfile
import zlib
from pathlib import Path
from typing import BinaryIO

from stepwell.container.placement import NAME_LIMIT
from stepwell.container.plan import Refusal
from stepwell.container.staging import Checkpoint

PIECE = 1 << 16
MOST_MEMBERS = 100_000
MOST_HEADERS = 4 << 20
"""Bytes between the data of two members at most: headers are read into memory as a whole."""
LONGEST_PATH = 2048
GZIP = b"\x1f\x8b"


class Unusual(Exception):
    """The archive is not one of plain files and folders. The text ends a sentence."""


class _Gunzip:
    """Reads gzip data, of one member or several, without ever unpacking more than is asked for."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._inflater = zlib.decompressobj(zlib.MAX_WBITS + 16)
        self._packed = b""

    def read(self, size: int) -> bytes:
        """At least a byte, unless it is at its end. Raises zlib.error, EOFError."""
        while True:
            packed = self._packed or self._source.read(PIECE)
            if self._inflater.eof:
                packed = packed.lstrip(b"\0")
                if not packed:
                    return b""
                self._inflater = zlib.decompressobj(zlib.MAX_WBITS + 16)
            elif not packed:
                raise EOFError
            data = self._inflater.decompress(packed, size)
            self._packed = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail
            if data:
                return data


class _Metered:
    """Reads from `source`, but only so many bytes as are allowed."""

    def __init__(self, source: _Gunzip | BinaryIO) -> None:
        self._source = source
        self._left = 0

    def allow(self, count: int) -> None:
        self._left = count + MOST_HEADERS

    def read(self, size: int) -> bytes:
        data = self._source.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise Unusual("a header is too long")
        return data


def unpack(
    archive: Path,
    target: Path,
    most_bytes: int,
    checkpoint: Checkpoint,
    *,
    masks: bool = False,
    only_gzip: bool = False,
) -> None:
    """Unpack `archive` below `target`, an empty folder or none. `masks`: permissions as Python's data filter gives
    them. `checkpoint` is called before each file. Raises Unusual, OSError, and Refusal for more than `most_bytes`."""
    target.mkdir(parents=True, exist_ok=True)
    folders: list[tuple[Path, tarfile.TarInfo]] = []
    left = most_bytes
    try:
        with archive.open("rb") as raw:
            is_gzip = raw.read(2) == GZIP
            raw.seek(0)
            if only_gzip and not is_gzip:
                raise Unusual("it is not compressed")
            source = _Metered(_Gunzip(raw) if is_gzip else raw)
            source.allow(0)
            with tarfile.open(fileobj=source, mode="r|", bufsize=PIECE) as members:  # type: ignore[call-overload]
                for count, member in enumerate(members):
                    checkpoint()
                    members.members = []  # it keeps them all otherwise
                    if count >= MOST_MEMBERS:
                        raise Unusual(f"it has more than {MOST_MEMBERS} members")
                    left -= member.size
                    if left < 0:
                        raise Refusal(
                            f"The archive {archive.name} holds more than {most_bytes} bytes, "
                            "which is all that VolumeSizeInGB gives it."
                        )
                    source.allow(member.size)
                    path = target / _relative(member)
                    if member.isdir():
                        path.mkdir(parents=True, exist_ok=True)
                        folders.append((path, member))
                    else:
                        _write(members, member, path)
                        _settle(path, member, _file_mode(member, masks=masks))
                    source.allow(0)
    except (tarfile.TarError, EOFError, zlib.error, ValueError, OverflowError) as error:
        raise Unusual("it is not a readable archive") from error
    for path, member in reversed(folders):
        if path != target:
            _settle(path, member, None if masks else member.mode & 0o777)


def _relative(member: tarfile.TarInfo) -> str:
    name = member.name
    if name.startswith("/") or ".." in name.split("/") or "\0" in name:
        raise Unusual("a member points outside of it")
    if not (member.isdir() or member.isreg()) or member.issparse():
        raise Unusual("a member is neither a file nor a folder")
    path = posixpath.normpath(name)
    if path == "." and not member.isdir():
        raise Unusual("a file has no name")
    data = os.fsencode(path)
    if len(data) > LONGEST_PATH or any(len(part) > NAME_LIMIT for part in data.split(b"/")):
        raise Unusual("a name is too long")
    return path


def _write(members: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    source = members.extractfile(member)
    assert source is not None, "a regular file has data"
    with path.open("xb", buffering=0) as file:  # a second member of that name is not plain
        while piece := source.read(PIECE):
            file.write(piece)
        if file.tell() != member.size:
            raise Unusual("it is not a readable archive")


def _file_mode(member: tarfile.TarInfo, *, masks: bool) -> int:
    """Permissions of a file; with `masks` as PEP 706 says for its data filter."""
    if not masks:
        return member.mode & 0o777
    mode = member.mode & 0o755
    return (mode if mode & 0o100 else mode & ~0o111) | 0o600


def _settle(path: Path, member: tarfile.TarInfo, mode: int | None) -> None:
    if mode is not None:
        path.chmod(mode)
    os.utime(path, (member.mtime, member.mtime))
