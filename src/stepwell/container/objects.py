"""Room container: what staging and collecting ask of the place where objects are kept. Met by the runtime."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object of a bucket. `content` names its bytes to whoever keeps them, such as a blob's hash."""

    bucket: str
    key: str
    size: int
    content: str = ""


class StorageRefused(Exception):
    """The storage answered with an error. `code` is S3's, such as NoSuchBucket or AccessDenied."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Objects(Protocol):
    """Objects by bucket and key, as the job's role may use them. Everything may raise StorageRefused."""

    def under(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        """All objects whose key begins with `prefix`, in the order of their keys. Lazy."""

    def read(self, item: StoredObject) -> bytes:
        """All bytes of a small object."""

    def place(self, item: StoredObject, target: Path) -> None:
        """Make `target` (which does not exist yet) a private copy of the object."""

    def put(self, bucket: str, key: str, source: Path) -> None:
        """Make the bytes of a file an object; an object of that key is replaced."""

    def give(self, bucket: str, key: str, source: Path) -> None:
        """As `put`, of a file that nobody needs any more: it may be gone afterwards, or when this fails."""


def exactly(objects: Objects, bucket: str, key: str) -> StoredObject | None:
    """The object of that key, if there is one. Raises StorageRefused."""
    first = next(islice(objects.under(bucket, key), 1), None)  # in key order, the key itself comes first
    return first if first is not None and first.key == key else None
