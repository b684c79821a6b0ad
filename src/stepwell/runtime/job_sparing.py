"""Room runtime: S3 as a job uses it for what it uploads again and again. In: files. Out: only what is not there yet.

What was uploaded stands in S3 itself: an object with the same bytes is not written again, so that nothing needs to be
remembered over the end of a server, and no version or event is made for nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stepwell.container.objects import Objects, StoredObject, exactly


@dataclass(frozen=True, slots=True)
class SparingObjects:
    """Meets container.objects.Objects."""

    objects: Objects

    def under(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        return self.objects.under(bucket, prefix)

    def read(self, item: StoredObject) -> bytes:
        return self.objects.read(item)

    def place(self, item: StoredObject, target: Path) -> None:
        self.objects.place(item, target)

    def put(self, bucket: str, key: str, source: Path) -> None:
        if not self._holds(bucket, key, source):
            self.objects.put(bucket, key, source)

    def give(self, bucket: str, key: str, source: Path) -> None:
        if not self._holds(bucket, key, source):
            self.objects.give(bucket, key, source)

    def _holds(self, bucket: str, key: str, source: Path) -> bool:
        """Whether the object has the bytes of the file; not known of objects that were uploaded in parts."""
        first = exactly(self.objects, bucket, key)
        if first is None or first.size != source.lstat().st_size:
            return False
        with source.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == first.content
