"""Room services/s3: objects. In: requests with keys and bytes. Out: rows that name blobs; slices of blobs.

A put reads the whole body first, finds it right, and only then writes the row: of two puts of one key at once the
one that commits last stays, and a client that goes away leaves nothing. A get answers a slice of a file.
"""

from __future__ import annotations

import math
from email.utils import formatdate

from sqlalchemy import Connection

from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.registry import Call, operation
from stepwell.services.s3 import bodies, bucket_settings, conditions, descriptions, faults, owners, ranges
from stepwell.services.s3.ranges import Stretch
from stepwell.store import objects
from stepwell.store.buckets import Bucket
from stepwell.store.database import Transaction
from stepwell.store.objects import Part, Version

MOST_DELETED = 1000
"""Keys of one DeleteObjects."""

OVERRIDES = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType")
"""Headers that a request may have answered otherwise, as Response<name>."""


@operation
def put_object(call: Call, request: Document) -> Document:
    """Store an object."""
    key = owners.key_of(request)
    with call.site.database.read() as connection:
        bucket = owners.bucket_of(call, connection, request)
        document = descriptions.of_request(request, bucket_settings.encryption_of(bucket))
        if "IfMatch" in request or "IfNoneMatch" in request:
            conditions.check_write(request, key, objects.find(connection, bucket, key))
    received = bodies.receive(call.site.blobs, request)
    content = Version(
        key,
        received.blob.hash,
        received.blob.size,
        received.etag,
        moment(call),
        {**document, **descriptions.compact(checksum=received.checksum)},
    )
    with call.site.database.write() as transaction:
        bucket, version = write(call, transaction, request, content)
    return {**descriptions.written(bucket, version), "Size": version.size}


def write(
    call: Call, transaction: Transaction, request: Document, content: Version, parts: tuple[Part, ...] = ()
) -> tuple[Bucket, Version]:
    """Make `content` the latest version of its key, if the request's conditions hold at this moment."""
    bucket = owners.bucket_of(call, transaction.connection, request)
    if "IfMatch" in request or "IfNoneMatch" in request:
        standing = objects.find(transaction.connection, bucket, content.key)
        conditions.check_write(request, content.key, standing)
    return bucket, objects.put(transaction, bucket, content, parts)


def moment(call: Call) -> float:
    """When an object was modified: S3 keeps whole seconds, so that conditional requests compare what headers say."""
    return float(math.floor(call.now))


@operation
def get_object(call: Call, request: Document) -> Document:
    """An object's bytes, or a stretch of them."""
    answer, version, stretch = _describe(call, request, "GET")
    offset, length = (stretch.offset, stretch.length) if stretch else (0, version.size)
    assert version.blob is not None
    return {**answer, "Body": call.site.blobs.slice(version.blob, offset, length)}


@operation
def head_object(call: Call, request: Document) -> Document:
    """What GetObject says besides the bytes."""
    return _describe(call, request, "HEAD")[0]


@operation
def delete_object(call: Call, request: Document) -> Document:
    """Delete a key (in a bucket that makes versions: by a delete marker), or one version for good."""
    _refuse_directory_conditions(request)
    with call.site.database.write() as transaction:
        bucket = owners.bucket_of(call, transaction.connection, request)
        return _delete(call, transaction, bucket, request)


@operation
def delete_objects(call: Call, request: Document) -> Document:
    """Delete up to a thousand keys or versions; one that fails does not stop the others."""
    wanted = request["Delete"]["Objects"]
    if not 1 <= len(wanted) <= MOST_DELETED:
        raise faults.malformed_xml()
    deleted: list[Document] = []
    errors: list[Document] = []
    with call.site.database.write() as transaction:
        bucket = owners.bucket_of(call, transaction.connection, request)
        for each in wanted:
            try:
                deleted.append(_deleted(each, _delete(call, transaction, bucket, _conditional(each))))
            except Fault as fault:
                named = {name: each[name] for name in ("Key", "VersionId") if name in each}
                errors.append({**named, "Code": fault.code, "Message": fault.message})
    answer: Document = {"Errors": errors} if errors else {}
    return answer if request["Delete"].get("Quiet") else {**answer, "Deleted": deleted}


def find(connection: Connection, bucket: Bucket, key: str, version: str | None, method: str = "GET") -> Version:
    """An object that can be read. Raises NoSuchKey, NoSuchVersion; MethodNotAllowed for a delete marker by its id."""
    found = objects.find(connection, bucket, key, version)
    if found is None:
        raise faults.no_such_key(key) if version is None else faults.no_such_version(key, version)
    if found.is_marker:
        raise faults.deleted(key, found.version) if version is None else faults.marker_not_allowed(method, version)
    return found


def _describe(call: Call, request: Document, method: str) -> tuple[Document, Version, Stretch | None]:
    """The answer without a body, the version, and the stretch of it that was asked for."""
    descriptions.refuse(request)
    with call.site.database.read() as connection:
        bucket = owners.bucket_of(call, connection, request)
        version = find(connection, bucket, request["Key"], request.get("VersionId"), method)
        conditions.check_read(request, version)
        number = request.get("PartNumber")
        stretch = (
            ranges.stretch(request.get("Range"), version.size)
            if number is None
            else _part(connection, version, number, request)
        )
    whole = stretch is None or stretch.length == version.size
    answer = descriptions.answer(bucket, version, checksum=whole and request.get("ChecksumMode") == "ENABLED")
    if number is not None and "parts" in version.document:
        answer["PartsCount"] = version.document["parts"]
    if stretch is not None:
        answer |= {"ContentLength": stretch.length, "ContentRange": stretch.content_range}
    return answer | _overrides(request), version, stretch


def _overrides(request: Document) -> Document:
    """Headers as the request wants them, whatever the object's own are."""
    answer = {name: request[f"Response{name}"] for name in OVERRIDES if f"Response{name}" in request}
    if "ResponseExpires" in request:
        answer["Expires"] = formatdate(request["ResponseExpires"], usegmt=True)
    return answer


def _part(connection: Connection, version: Version, number: int, request: Document) -> Stretch | None:
    """Where a part of an object lies. An object that was put at once is its own first part."""
    if "Range" in request:
        raise faults.invalid_request("Cannot specify both Range header and partNumber query parameter")
    count = version.document.get("parts", 1)
    if not 1 <= number <= count:
        raise faults.invalid_part_number(number, count)
    if "parts" not in version.document:
        return Stretch(0, version.size, version.size) if version.size else None
    sizes = [part.size for part in objects.parts_of(connection, version, limit=number)]
    return Stretch(sum(sizes[:-1]), sizes[-1], version.size) if sizes[-1] else None


def _delete(call: Call, transaction: Transaction, bucket: Bucket, request: Document) -> Document:
    key, version = request["Key"], request.get("VersionId")
    if "IfMatch" in request:
        standing = objects.find(transaction.connection, bucket, key, version)
        conditions.check_write({"IfMatch": request["IfMatch"]}, key, standing)
    if version is not None:
        gone = objects.remove_version(transaction, bucket, key, version)
        named = {"VersionId": version}
        return {**named, "DeleteMarker": True} if gone is not None and gone.is_marker else named
    marker = objects.remove(transaction, bucket, key, moment(call))
    return {"DeleteMarker": True, "VersionId": marker.version} if marker is not None else {}


def _conditional(each: Document) -> Document:
    """An entry of DeleteObjects as DeleteObject would have it."""
    if "LastModifiedTime" in each or "Size" in each:
        raise faults.not_implemented("x-amz-if-match-last-modified-time")
    return {**each, "IfMatch": each["ETag"]} if "ETag" in each else each


def _deleted(each: Document, done: Document) -> Document:
    """What DeleteObjects says of one that is gone."""
    entry: Document = {name: each[name] for name in ("Key", "VersionId") if name in each}
    if done.get("DeleteMarker"):
        entry |= {"DeleteMarker": True, "DeleteMarkerVersionId": done["VersionId"]}
    return entry


def _refuse_directory_conditions(request: Document) -> None:
    for member, header in (
        ("IfMatchLastModifiedTime", "x-amz-if-match-last-modified-time"),
        ("IfMatchSize", "x-amz-if-match-size"),
    ):
        if member in request:
            raise faults.not_implemented(header)
