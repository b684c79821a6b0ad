"""Room runtime: the Objects of a job: S3 as its role uses it. In: a bucket, a key, a file. Out: rows and blobs.

Reads go to the store directly, so that staging is a clone of the blob and not a copy through memory; writes go
through the door, so that whatever S3 does on a PutObject happens for them too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.blobs.slices import CHUNK
from stepwell.container.objects import StorageRefused, StoredObject
from stepwell.services.registry import Door
from stepwell.store import buckets, object_listing

LARGEST_PUT = 5 << 30
"""Bytes of one PutObject; what is larger goes in parts."""
PART = 1 << 30


class SiteObjects:
    """The objects of this installation. Meets container.objects.Objects."""

    def __init__(self, door: Door, scope: Scope, *, largest_put: int = LARGEST_PUT, part: int = PART) -> None:
        self._door = door
        self._scope = scope
        self._largest_put = largest_put
        self._part = part

    def under(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        with self._door.site.database.read() as connection:
            found = buckets.find(connection, bucket)
            if found is None:
                raise StorageRefused("NoSuchBucket", "The specified bucket does not exist")
            for row in object_listing.below(connection, found, prefix):
                yield StoredObject(bucket, row.key, row.size, row.blob or "")

    def read(self, item: StoredObject) -> bytes:
        with self._door.site.blobs.open(item.content) as source:
            return source.read()

    def place(self, item: StoredObject, target: Path) -> None:
        self._door.site.blobs.place(item.content, target)

    def put(self, bucket: str, key: str, source: Path) -> None:
        self._put(bucket, key, source, None)

    def give(self, bucket: str, key: str, source: Path) -> None:
        self._put(bucket, key, source, source)

    def _put(self, bucket: str, key: str, source: Path, given: Path | None) -> None:
        where = {"Bucket": bucket, "Key": key}
        size = source.lstat().st_size
        try:
            with source.open("rb", buffering=0) as file:
                if size <= self._largest_put:
                    self._call("PutObject", {**where, "Body": FileBody(file, size, given=given)})
                else:
                    self._put_in_parts(where, file, size)
        except Fault as fault:
            raise StorageRefused(fault.code, fault.message) from fault

    def _put_in_parts(self, where: Document, file: BinaryIO, size: int) -> None:
        upload = {**where, "UploadId": self._call("CreateMultipartUpload", where)["UploadId"]}
        try:
            parts = []
            for number, begin in enumerate(range(0, size, self._part), 1):
                body = FileBody(file, min(self._part, size - begin))
                etag = self._call("UploadPart", {**upload, "PartNumber": number, "Body": body})["ETag"]
                parts.append({"PartNumber": number, "ETag": etag})
            self._call("CompleteMultipartUpload", {**upload, "MultipartUpload": {"Parts": parts}})
        except BaseException:
            self._call("AbortMultipartUpload", upload)
            raise

    def _call(self, operation: str, params: Document) -> Document:
        return self._door.call(self._scope, "s3", operation, params)


@dataclass(slots=True)
class FileBody:
    """The next `length` bytes of a file as the streaming body of a request."""

    file: BinaryIO
    length: int
    trailers: Mapping[str, str] = field(default_factory=dict)
    given: Path | None = None
    """The file itself, if these are all of its bytes and S3 may keep it instead of a copy."""

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, all of them without a size; none at the end."""
        data = self.file.read(self.length if size < 0 else min(size, self.length))
        self.length -= len(data)
        return data

    def pieces(self) -> Iterator[memoryview]:
        """All of them; a piece is good until the next is asked for."""
        buffer, left = memoryview(bytearray(min(CHUNK, self.length))), self.length
        while left and (count := self.file.readinto(buffer[:left])):  # type: ignore[attr-defined]
            left -= count
            yield buffer[:count]
