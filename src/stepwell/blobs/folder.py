"""Room blobs: the folder of blobs. In: bytes, or a file. Out: a Blob, named by the SHA-256 of its bytes.

A concatenation is named after its parts' names instead, so that joining need not look at a byte: a name still stands
for the same bytes always, but the same bytes may stand under a second name.

A blob is written to `incoming/` and renamed to its name when complete, so whatever stands under a name is whole,
also after kill -9. The same bytes are kept once. Blobs are read-only and their owner's alone; nobody outside gets
a hard link to one, because a job that runs as root could write through it: `place` clones (copy on write) or copies.

Two processes may share the folder. Each holds a shared lock on it while it lives; whoever finds itself alone at
its start removes what a killed process left in `incoming/`.

A blob is only ever removed by its age (docs/decisions/0031). To put bytes that are kept already makes them young
again, under a lock that `remove` holds alone: of the two, the second sees what the first did.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from stepwell.blobs import digests
from stepwell.blobs.slices import CHUNK, FileSlice

FICLONE = 0x40049409
"""ioctl_ficlone(2): share the extents of another file, copy on write. Btrfs, XFS, bcachefs."""

NAMING = "sha256"


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes that are kept. `digests` holds the checksums that were asked for, raw, by algorithm."""

    hash: str
    size: int
    digests: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kept:
    """A blob as it lies in the folder. `wanted`: when it was last put (epoch seconds)."""

    name: str
    size: int
    wanted: float


class BlobWriter:
    """A blob in the making: a context manager that leaves nothing behind unless `commit` was reached."""

    __slots__ = ("_digests", "_file", "_folder", "_temporary", "size")

    def __init__(self, folder: Blobs, algorithms: Iterable[str]) -> None:
        """`algorithms` holds NAMING, or `commit` must be told the name."""
        descriptor, name = tempfile.mkstemp(dir=folder.incoming)
        self._folder = folder
        self._temporary = name
        self._file = os.fdopen(descriptor, "wb", buffering=0)
        self._digests = {algorithm: digests.fresh(algorithm) for algorithm in set(algorithms)}
        self.size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append bytes."""
        view = memoryview(data)
        for digest in self._digests.values():
            digest.update(view)
        self.size += len(view)
        while view:
            view = view[self._file.write(view) :]

    def append(self, source: BinaryIO) -> None:
        """Append the rest of a file, unseen: only for a writer that computes no checksums."""
        assert not self._digests
        _copy(source, self._file)
        self.size = self._file.tell()

    def take(self, path: Path) -> bool:
        """Become a file that its owner gives away and writes to no more: it is moved, and only read. False when that
        cannot be, and it stays: it lies on another file system, has a second name, or is another user's."""
        assert not self.size
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1 or status.st_uid != os.geteuid():
            return False
        try:
            path.rename(self._temporary)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            return False
        os.utime(self._temporary)  # wanted from now on, however old it is
        self._file.close()
        self._file = os.fdopen(os.open(self._temporary, os.O_RDONLY | os.O_CLOEXEC), "rb", buffering=0)
        for piece in _pieces(self._file):
            for digest in self._digests.values():
                digest.update(piece)
            self.size += len(piece)
        return True

    def digest(self, algorithm: str) -> bytes:
        """The checksum of what was written so far; one that was not asked for is computed by reading it again."""
        if algorithm not in self._digests:
            self._digests[algorithm] = late = digests.fresh(algorithm)
            with Path(self._temporary).open("rb", buffering=0) as written:
                for piece in _pieces(written):
                    late.update(piece)
        return self._digests[algorithm].digest()

    def commit(self, name: str | None = None) -> Blob:
        """Keep what was written, under its name, which may be known from elsewhere."""
        found = {algorithm: digest.digest() for algorithm, digest in self._digests.items()}
        name = name or found[NAMING].hex()
        os.fchmod(self._file.fileno(), 0o400)
        self._file.close()
        self._folder.adopt(Path(self._temporary), name)
        return Blob(name, self.size, found)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._file.closed:
            self._file.close()
            Path(self._temporary).unlink()


class Blobs:
    """The folder. Thread-safe; made if it does not exist."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.incoming = folder / "incoming"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.incoming.mkdir(exist_ok=True)
        for number in range(256):
            (folder / f"{number:02x}").mkdir(exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        weakref.finalize(self, os.close, lock)
        self._sweep(lock)

    def writer(self, algorithms: Iterable[str] = (), *, is_named: bool = False) -> BlobWriter:
        """A new blob; `algorithms` are checksums to compute besides its name. With `is_named` somebody else computes
        the SHA-256 of the same bytes, and `commit` is told."""
        return BlobWriter(self, algorithms if is_named else (NAMING, *algorithms))

    def put(self, data: bytes, algorithms: Iterable[str] = ()) -> Blob:
        """Keep these bytes."""
        with self.writer(algorithms) as writer:
            writer.write(data)
            return writer.commit()

    def add_file(self, path: Path, algorithms: Iterable[str] = ()) -> Blob:
        """Keep the bytes of a file as they are now. The file itself stays and may change afterwards."""
        with path.open("rb", buffering=0) as source, self.writer(algorithms) as writer:
            for piece in _pieces(source):
                writer.write(piece)
            return writer.commit()

    def concatenate(self, names: Sequence[str]) -> Blob:
        """Keep the bytes of these blobs, one after the other, as one blob. Its name follows from theirs."""
        with self.writer(is_named=True) as writer:
            for part in names:
                with self.open(part) as source:
                    writer.append(source)
            # another hash than NAMING: else a blob that spells these names out would have the same name
            return writer.commit(hashlib.blake2b("+".join(names).encode(), digest_size=32).hexdigest())

    def add_slice(self, stretch: FileSlice, algorithms: Iterable[str] = ()) -> Blob:
        """Keep a stretch of a file as a blob of its own."""
        with self.writer(algorithms) as writer:
            for piece in stretch.iterate():
                writer.write(piece)
            return writer.commit()

    def digests(self, name: str, algorithms: Iterable[str]) -> dict[str, bytes]:
        """Checksums of a blob that is kept, read from the start. Raises FileNotFoundError."""
        found = {algorithm: digests.fresh(algorithm) for algorithm in algorithms}
        if found:
            with self.open(name) as source:
                for piece in _pieces(source):
                    for digest in found.values():
                        digest.update(piece)
        return {algorithm: digest.digest() for algorithm, digest in found.items()}

    def path(self, name: str) -> Path:
        """Where the blob of that hash is. For reading only."""
        return self.folder / name[:2] / name[2:]

    def open(self, name: str) -> BinaryIO:
        """The blob's bytes, unbuffered. Raises FileNotFoundError."""
        return self.path(name).open("rb", buffering=0)

    def slice(self, name: str, offset: int, length: int) -> FileSlice:
        """A stretch of the blob, to be read later."""
        return FileSlice(self.path(name), offset, length)

    def place(self, name: str, target: Path) -> None:
        """Make `target` a private, writable copy of the blob. Raises FileExistsError, FileNotFoundError."""
        with self.open(name) as source, target.open("xb", buffering=0) as copy:
            try:
                if not _clone(source, copy):
                    _copy(source, copy)
            except BaseException:
                target.unlink()
                raise

    def adopt(self, temporary: Path, name: str) -> None:
        """Move a complete file to its name, or drop it when those bytes are kept already."""
        target = self.path(name)
        try:
            with _locked(target.parent, fcntl.LOCK_SH):
                os.utime(target)  # a collector of unreferenced blobs goes by age: this one is wanted again
        except FileNotFoundError:
            temporary.replace(target)
        else:
            temporary.unlink()

    def kept(self) -> Iterator[Kept]:
        """Every blob there is, in no order. What comes or goes meanwhile may be among them or not."""
        for number in range(256):
            prefix = f"{number:02x}"
            for entry in os.scandir(self.folder / prefix):
                with suppress(FileNotFoundError):
                    found = entry.stat(follow_symlinks=False)
                    yield Kept(prefix + entry.name, found.st_size, found.st_mtime)

    def remove(self, name: str, wanted_before: float) -> int | None:
        """Delete a blob, unless it was put at that time (epoch seconds) or later. Returns how many bytes that freed;
        None: it stays, or was gone. Who calls makes sure that nothing names it."""
        path = self.path(name)
        with _locked(path.parent, fcntl.LOCK_EX), suppress(FileNotFoundError):
            found = path.stat()
            if found.st_mtime < wanted_before:
                path.unlink()
                return found.st_size
        return None

    def _sweep(self, lock: int) -> None:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for left in self.incoming.iterdir():
                left.unlink()
        fcntl.flock(lock, fcntl.LOCK_SH)


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    """Hold the lock of a folder; it goes with this process, however that ends."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


def _pieces(source: BinaryIO) -> Iterator[memoryview]:
    """The rest of a file, piece by piece, each valid until the next is asked for."""
    buffer = memoryview(bytearray(CHUNK))
    while count := source.readinto(buffer):  # type: ignore[attr-defined]  # an unbuffered file has it
        yield buffer[:count]


def _clone(source: BinaryIO, target: BinaryIO) -> bool:
    """Share the bytes, if the file system can."""
    try:
        fcntl.ioctl(target.fileno(), FICLONE, source.fileno())
    except OSError as error:
        if error.errno in {errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS}:
            return False
        raise
    return True


def _copy(source: BinaryIO, target: BinaryIO) -> None:
    """Copy inside the kernel; where it cannot (EXDEV on old kernels), through memory."""
    try:
        while os.copy_file_range(source.fileno(), target.fileno(), 1 << 30):
            pass
    except OSError as error:
        if error.errno not in {errno.EXDEV, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}:
            raise
        while data := source.read(CHUNK):
            target.write(data)
