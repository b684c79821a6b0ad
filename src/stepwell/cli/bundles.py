"""Bundles: zip files with everything that a model was made of. In: a Bundle and blobs. Out: the file; and back.

`stepwell-bundle.json` says what (machines/bundle_documents.py), `blobs/<sha256>` are the bytes, `locks/<name>.txt`
what was in an environment. Nothing is compressed, so that the same content always makes the same file and no file can
grow when it is read; names, sizes and hashes are looked at before anything is believed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

from stepwell.base import ids
from stepwell.blobs.folder import Blobs
from stepwell.machines import bundle_documents
from stepwell.machines.bundle_documents import Bundle, Malformed
from stepwell.services.sagemaker import bundled_rows

SUFFIX = ".zip"
DOCUMENT = "stepwell-bundle.json"
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The time of every entry: the first that a zip file can say."""
LARGEST_DOCUMENT = 256 << 20
LARGEST_LOCK = 16 << 20
PIECE = 1 << 20
MOST_PROBLEMS = 5
"""So many are named."""

_BLOB = re.compile(r"blobs/([0-9a-f]{64})")
_LOCK = re.compile(r"locks/([A-Za-z0-9][A-Za-z0-9.+_-]{0,120})\.txt")
_READ = (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, ValueError)
"""What zipfile raises for files that are none."""


class BundleRefused(Exception):
    """The file cannot be used, or must not be written; the message says why."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A bundle whose list of contents is right. `bytes` are looked at when they are read."""

    bundle: Bundle
    archive: zipfile.ZipFile
    path: Path

    def lock(self, environment: str) -> str:
        """What was in an environment. Raises BundleRefused."""
        with _refusing(self.path):
            return self.archive.read(f"locks/{environment}.txt").decode()

    def verify(self) -> None:
        """Raises BundleRefused when some bytes are not what their name says."""
        for name in self.bundle.blobs:
            with _refusing(self.path), self.archive.open(f"blobs/{name}") as source:
                found = hashlib.sha256()
                while data := source.read(PIECE):
                    found.update(data)
            self._expect(name, found.hexdigest())

    def keep(self, blobs: Blobs) -> None:
        """Put all bytes into `blobs`. Raises BundleRefused, as `verify` does."""
        for name in self.bundle.blobs:
            with _refusing(self.path), self.archive.open(f"blobs/{name}") as source, blobs.writer() as writer:
                while data := source.read(PIECE):
                    writer.write(data)
                self._expect(name, writer.digest("sha256").hex())
                writer.commit()

    def _expect(self, name: str, found: str) -> None:
        if found != name:
            raise BundleRefused(f"{self.path} is damaged: the bytes of blobs/{name} are others.")


def write(path: Path, bundle: Bundle, locks: Mapping[str, str], files: Mapping[str, Path], *, force: bool) -> None:
    """Make the file; it is there when all of it is. `files` are the blobs by SHA-256. Raises BundleRefused."""
    if path.exists() and not force:
        raise BundleRefused(f"{path} is there already. Choose another name, or replace it with --force.")
    draft = path.with_name(f".{path.name}.{ids.token(8)}")
    try:
        with draft.open("xb") as target, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            text = json.dumps(bundle_documents.written(bundle), indent=1, sort_keys=True)
            archive.writestr(_entry(DOCUMENT), text.encode())
            for name, lock in sorted(locks.items()):
                archive.writestr(_entry(f"locks/{name}.txt"), lock.encode())
            for name, file in sorted(files.items()):
                _write_file(archive, f"blobs/{name}", file)
        draft.replace(path)
    except OSError as error:
        raise BundleRefused(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        draft.unlink(missing_ok=True)


def _write_file(archive: zipfile.ZipFile, name: str, file: Path) -> None:
    entry = _entry(name)
    with file.open("rb") as source:
        entry.file_size = os.fstat(source.fileno()).st_size
        with archive.open(entry, "w") as target:
            while data := source.read(PIECE):
                target.write(data)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, LONG_AGO)
    entry.create_system = 3
    entry.external_attr = (stat.S_IFREG | 0o600) << 16
    return entry


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """The bundle at `path`. Raises BundleRefused for what is none, or not whole."""
    if not path.is_file():
        raise BundleRefused(f"there is no bundle {path}.")
    try:
        archive = zipfile.ZipFile(path)
    except _READ as error:
        raise BundleRefused(f"{path} is not a bundle, or not whole: {error}.") from error
    with archive:
        yield Opened(_checked(path, archive), archive, path)


def unpacked(path: Path, blobs: Blobs) -> Bundle:
    """The bundle at `path`, its bytes in `blobs`. Raises BundleRefused."""
    with opened(path) as found:
        found.keep(blobs)
        return found.bundle


def require_sound(path: Path, bundle: Bundle) -> None:
    """Raises BundleRefused when a document of it is none that the API could have answered or been given."""
    problems = list(islice(bundled_rows.check(bundle), MOST_PROBLEMS))
    if problems:
        raise BundleRefused(f"{path} cannot be read: {'; '.join(problems)}.")


def _checked(path: Path, archive: zipfile.ZipFile) -> Bundle:
    entries = archive.infolist()
    names = {entry.filename for entry in entries}
    if len(names) != len(entries):
        raise BundleRefused(f"{path} holds a name twice.")
    if sum(entry.file_size for entry in entries) > path.stat().st_size:
        raise BundleRefused(f"{path} says that it holds more than it can.")
    for entry in entries:
        problem = _problem(entry)
        if problem:
            raise BundleRefused(f"{path}: {entry.filename[:120]!r} {problem}.")
    if DOCUMENT not in names:
        raise BundleRefused(f"{path} is not a bundle: it has no {DOCUMENT}.")
    with _refusing(path):
        try:
            bundle = bundle_documents.read(json.loads(archive.read(DOCUMENT)))
        except Malformed as error:
            raise BundleRefused(f"{path} cannot be read: {error}.") from error
        except RecursionError as error:
            raise BundleRefused(f"{path} cannot be read: its document is nested too deep.") from error
    _check_list(path, bundle, {entry.filename: entry.file_size for entry in entries})
    return bundle


def _problem(entry: zipfile.ZipInfo) -> str:
    """Why an entry is not one of a bundle; empty when it is."""
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        return "is not a file"
    if entry.flag_bits & 1:
        return "is encrypted"
    if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
        return "is compressed, which nothing in a bundle is"
    if entry.filename == DOCUMENT:
        return "is too large" if entry.file_size > LARGEST_DOCUMENT else ""
    if _LOCK.fullmatch(entry.filename):
        return "is too large" if entry.file_size > LARGEST_LOCK else ""
    return "" if _BLOB.fullmatch(entry.filename) else "does not belong into a bundle"


def _check_list(path: Path, bundle: Bundle, sizes: Mapping[str, int]) -> None:
    """What the document names is there, and nothing else."""
    named = {f"blobs/{name}": size for name, size in bundle.blobs.items()}
    there = {name: size for name, size in sizes.items() if name.startswith("blobs/")}
    if named != there:
        odd = sorted(named.items() ^ there.items())[0][0]
        raise BundleRefused(f"{path} is damaged: {odd} is missing, not listed, or of another size.")
    locks = {name for name in sizes if name.startswith("locks/")}
    if locks != {f"locks/{name}.txt" for name in bundle.environments}:
        raise BundleRefused(f"{path} is damaged: the locks are not those that are listed.")


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    try:
        yield
    except _READ as error:
        raise BundleRefused(f"{path} is damaged: {error}.") from error


def sha256_of(source: IO[bytes]) -> str:
    """The SHA-256 of the rest."""
    return hashlib.file_digest(source, "sha256").hexdigest()  # type: ignore[arg-type]
