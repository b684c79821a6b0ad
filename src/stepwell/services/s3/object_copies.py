"""Room services/s3: copies. In: a source and where it should go. Out: a second row for the same blob.

No bytes are copied. They are read only when the copy needs a digest the source does not have: the ETag of a copy is
the MD5 of the whole, also when the source was uploaded in parts (S3 API, CopyObject).
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from sqlalchemy import Connection

from stepwell.base.documents import Document
from stepwell.services.registry import Call, operation
from stepwell.services.s3 import bodies, bucket_settings, checksums, conditions, descriptions, faults, owners
from stepwell.services.s3.objects import find, moment, write
from stepwell.store.buckets import Bucket
from stepwell.store.objects import Version


@dataclass(frozen=True, slots=True)
class Source:
    """What an x-amz-copy-source header names."""

    bucket: str
    key: str
    version: str | None


@operation
def copy_object(call: Call, request: Document) -> Document:
    """Make a new object of the bytes of another."""
    key = owners.key_of(request)
    source = parse(request["CopySource"])
    with call.site.database.read() as connection:
        target = owners.bucket_of(call, connection, request)
        origin, version = open_source(call, connection, request, source)
        _check_size(version)
        document = _document(request, version, bucket_settings.encryption_of(target))
    if _is_itself(source, request, version) and not _changes(request):
        raise faults.invalid_request(ILLEGAL)
    content = _content(call, request, key, version, document)
    with call.site.database.write() as transaction:
        target, made = write(call, transaction, request, content)
    answer = descriptions.written(target, made)
    result = {"ETag": answer.pop("ETag"), "LastModified": made.modified, **made.document.get("checksum", {})}
    return {**answer, "CopyObjectResult": result, **source_version(origin, version)}


def open_source(call: Call, connection: Connection, request: Document, source: Source) -> tuple[Bucket, Version]:
    """The source of a copy, if the request's conditions on it hold."""
    bucket = owners.open_bucket(call, connection, source.bucket, request.get("ExpectedSourceBucketOwner"))
    if "CopySourceSSECustomerAlgorithm" in request:
        raise faults.not_implemented("x-amz-copy-source-server-side-encryption-customer-algorithm")
    version = find(connection, bucket, source.key, source.version)
    conditions.check_source(request, version)
    return bucket, version


def parse(text: str) -> Source:
    """`bucket/key?versionId=…`, percent-encoded, with or without a slash in front. Raises InvalidArgument."""
    path, _, query = text.partition("?versionId=")
    bucket, _, key = unquote(path).removeprefix("/").partition("/")
    if not bucket or not key:
        message = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"
        raise faults.invalid_argument(message, "x-amz-copy-source", text)
    return Source(bucket, key, unquote(query) or None)


def source_version(bucket: Bucket, version: Version) -> Document:
    """CopySourceVersionId, for buckets that make or made versions."""
    return {"CopySourceVersionId": version.version} if bucket.versioning else {}


def _content(call: Call, request: Document, key: str, version: Version, document: Document) -> Version:
    """The copy: its ETag and checksum are those of the whole object."""
    assert version.blob is not None
    stored = version.document.get("checksum", {})
    named = checksums.asked(request) or tuple(name.lower() for name in checksums.algorithms_of(stored))
    etag, checksum = version.etag, stored
    if "parts" in version.document or named != tuple(n.lower() for n in checksums.algorithms_of(stored)):
        received = bodies.reused(call.site.blobs, version.blob, version.size, named)
        etag, checksum = received.etag, received.checksum
    document = {**document, **descriptions.compact(checksum=checksum)}
    return Version(key, version.blob, version.size, etag, moment(call), document)


def _document(request: Document, version: Version, encryption: Document) -> Document:
    """Headers, metadata and tags: the source's, or the request's where it says REPLACE."""
    fresh = descriptions.of_request(request, encryption)
    if request.get("MetadataDirective", "COPY") == "COPY":
        standing = version.document.get("headers", {})
        kept = {name: standing[name] for name in descriptions.HEADERS if name in standing}
        own = {name: value for name, value in fresh["headers"].items() if name not in descriptions.HEADERS}
        fresh["headers"] = {**kept, **own}
        fresh["metadata"] = version.document.get("metadata", {})
    if request.get("TaggingDirective", "COPY") == "COPY":
        fresh["tags"] = version.document.get("tags", {})
    return descriptions.compact(**fresh)


def _is_itself(source: Source, request: Document, version: Version) -> bool:
    return (source.bucket, source.key) == (request["Bucket"], request["Key"]) and version.is_latest


def _changes(request: Document) -> bool:
    """Whether copying an object onto itself would change it."""
    replaces = "REPLACE" in (request.get("MetadataDirective"), request.get("TaggingDirective"))
    others = ("StorageClass", "WebsiteRedirectLocation", "ServerSideEncryption", "ChecksumAlgorithm")
    return replaces or any(name in request for name in others)


def _check_size(version: Version) -> None:
    if version.size > bodies.LARGEST:
        text = (
            f"The specified copy source is larger than the maximum allowable size for a copy source: {bodies.LARGEST}"
        )
        raise faults.invalid_request(text)


ILLEGAL = (
    "This copy request is illegal because it is trying to copy an object to itself without changing the object's "
    "metadata, storage class, website redirect location or encryption attributes."
)
