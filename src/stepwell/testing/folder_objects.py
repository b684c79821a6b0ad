"""Room testing: Objects that are plain files: `<folder>/<bucket>/<quoted key>`. Meets container.objects.Objects.

Keys are quoted, so that any key of S3 (with `..`, `//` or a trailing slash) can be an object here.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

from stepwell.container.objects import StorageRefused, StoredObject


class FolderObjects:
    """Buckets are the directories of `folder`; a bucket that is missing is NoSuchBucket."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, bucket: str, key: str, data: bytes) -> None:
        """Make an object, and its bucket if need be."""
        (self._folder / bucket).mkdir(parents=True, exist_ok=True)
        self._path(bucket, key).write_bytes(data)

    def content(self, bucket: str, key: str) -> bytes:
        """The bytes of an object."""
        return self._path(bucket, key).read_bytes()

    def keys(self, bucket: str) -> list[str]:
        """All keys of a bucket, sorted."""
        return [item.key for item in self.under(bucket, "")]

    def under(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        place = self._folder / bucket
        if not place.is_dir():
            raise StorageRefused("NoSuchBucket", "The specified bucket does not exist")
        for path in sorted(place.iterdir(), key=lambda path: unquote(path.name)):
            key = unquote(path.name)
            if key.startswith(prefix):
                yield StoredObject(bucket, key, path.stat().st_size)

    def read(self, item: StoredObject) -> bytes:
        return self.content(item.bucket, item.key)

    def place(self, item: StoredObject, target: Path) -> None:
        with self._path(item.bucket, item.key).open("rb") as source, target.open("xb") as copy:
            shutil.copyfileobj(source, copy)

    def put(self, bucket: str, key: str, source: Path) -> None:
        if not (self._folder / bucket).is_dir():
            raise StorageRefused("NoSuchBucket", "The specified bucket does not exist")
        shutil.copyfile(source, self._path(bucket, key))

    def give(self, bucket: str, key: str, source: Path) -> None:
        self.put(bucket, key, source)
        source.unlink()

    def _path(self, bucket: str, key: str) -> Path:
        return self._folder / bucket / quote(key, safe="")
