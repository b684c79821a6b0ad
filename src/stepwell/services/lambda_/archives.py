"""A function's zip archive. In: its bytes, from anybody. Out: a folder with its files, or a Fault and nothing.

Nothing is written outside of the folder, however an entry is called, and no more than Lambda's own limit of 250 MB
(Lambda quotas, "Deployment package size"). Symbolic links are made last, so that no file is written through one, and
only where they point inside. Everything becomes readable for everybody: who runs the function need not own it.
"""

from __future__ import annotations

import errno
import lzma
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO

from stepwell.base.faults import Fault
from stepwell.services.lambda_ import faults

MOST_BYTES = 262_144_000
MOST_ENTRIES = 65_535
"""Files and folders: each costs an inode, whatever it holds."""
MOST_LINK_BYTES = 4096
EXECUTABLE = 0o111

_BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError)
"""What reading a damaged, encrypted or unusually packed archive raises."""
_NAMES_AT_FAULT = (None, errno.ENAMETOOLONG, errno.EEXIST, errno.EISDIR, errno.ENOTDIR)
"""Of an OSError: names that cannot stand beside each other; bz2 says that data is damaged without a number."""


def unpack(source: IO[bytes], folder: Path) -> None:
    """Make `folder` of the archive's files. Raises InvalidParameterValueException, the folder half full."""
    try:
        with zipfile.ZipFile(source) as archive:
            entries = archive.infolist()
            _check(entries)
            links = [entry for entry in entries if _is_link(entry)]
            for entry in entries:
                if not _is_link(entry):
                    _extract(archive, entry, folder)
            for entry in links:
                _link(archive, entry, folder)
    except _BROKEN:
        raise _unreadable() from None
    except OSError as error:
        if error.errno not in _NAMES_AT_FAULT:
            raise
        raise _unreadable() from None


def _unreadable() -> Fault:
    return faults.invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")


def _check(entries: list[zipfile.ZipInfo]) -> None:
    if not entries:
        raise faults.invalid("Uploaded file must be a non-empty zip")
    if sum(entry.file_size for entry in entries) >= MOST_BYTES:
        raise faults.invalid(f"Unzipped size must be smaller than {MOST_BYTES} bytes")
    if len(entries) > MOST_ENTRIES:
        raise faults.invalid(f"A deployment package can hold at most {MOST_ENTRIES} files and folders")
    for entry in entries:
        _inside(entry.filename)


def _inside(name: str) -> PurePosixPath:
    """`name` as a path below the folder. Raises ValueError for one that would leave it."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name or "\\" in name:
        raise ValueError(name)
    return path


def _is_link(entry: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(entry.external_attr >> 16)


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> None:
    target = folder / _inside(entry.filename)
    if entry.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    # zipfile stops at the declared size, which was counted, and compares the checksum.
    with archive.open(entry) as packed, target.open("wb") as file:
        shutil.copyfileobj(packed, file)
    target.chmod(0o644 | (entry.external_attr >> 16 & EXECUTABLE))


def _link(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> None:
    path = _inside(entry.filename)
    if entry.file_size > MOST_LINK_BYTES:
        raise ValueError(entry.filename)
    aim = archive.read(entry).decode()
    depth = len(path.parts) - 1
    for part in PurePosixPath(aim).parts:
        depth += -1 if part == ".." else 1
        if depth < 0 or part == "/":
            raise ValueError(aim)
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).symlink_to(aim)
