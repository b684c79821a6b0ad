"""Room services/s3: multipart uploads. In: parts, in any order and at the same time. Out: rows that name blobs.

Each part is a blob and a row. `upload_completion` makes an object of them.
"""

from __future__ import annotations

from sqlalchemy import Connection

from stepwell.base import ids
from stepwell.base.documents import Document
from stepwell.blobs import digests
from stepwell.services.registry import Call, operation
from stepwell.services.s3 import bodies, bucket_settings, checksums, descriptions, faults, owners, ranges
from stepwell.services.s3.object_copies import open_source, parse, source_version
from stepwell.services.s3.objects import moment
from stepwell.store import uploads
from stepwell.store.buckets import Bucket
from stepwell.store.objects import Version
from stepwell.store.uploads import Upload, UploadedPart

MOST_PARTS = 10_000


@operation
def create_multipart_upload(call: Call, request: Document) -> Document:
    """Begin an upload."""
    key = owners.key_of(request)
    names = checksums.asked(request)
    kind = _checksum_type(request, names)
    described: Document = {"ChecksumAlgorithm": names[0].upper(), "ChecksumType": kind} if names else {}
    with call.site.database.write() as transaction:
        bucket = owners.bucket_of(call, transaction.connection, request)
        document = descriptions.of_request(request, bucket_settings.encryption_of(bucket))
        upload = Upload(ids.token(64, ids.ALPHANUMERIC), key, call.now, call.scope.principal, document | described)
        uploads.add(transaction, bucket, upload)
    headers = document["headers"]
    encryption = {name: headers[name] for name in descriptions.ENCRYPTION if name in headers}
    return {"Bucket": bucket.name, "Key": key, "UploadId": upload.id, **described, **encryption}


@operation
def upload_part(call: Call, request: Document) -> Document:
    """Keep one part."""
    upload = _begin_part(call, request)
    received = bodies.receive(call.site.blobs, request, checksums.algorithm(upload.document.get("ChecksumAlgorithm")))
    part = _keep_part(call, request, received)
    return {"ETag": descriptions.quoted(part.etag), **part.checksum, **_encryption(upload)}


@operation
def upload_part_copy(call: Call, request: Document) -> Document:
    """Keep a stretch of an object as one part."""
    upload = _begin_part(call, request)
    wanted = checksums.algorithm(upload.document.get("ChecksumAlgorithm"))
    with call.site.database.read() as connection:
        origin, version = open_source(call, connection, request, parse(request["CopySource"]))
    received = _copied(call, request, version, wanted)
    part = _keep_part(call, request, received)
    result = {"ETag": descriptions.quoted(part.etag), "LastModified": part.modified, **part.checksum}
    return {"CopyPartResult": result, **source_version(origin, version), **_encryption(upload)}


@operation
def abort_multipart_upload(call: Call, request: Document) -> Document:
    """Give an upload up, with its parts."""
    with call.site.database.write() as transaction:
        bucket = owners.bucket_of(call, transaction.connection, request)
        uploads.remove(transaction, find_upload(transaction.connection, bucket, request).id)
    return {}


def _begin_part(call: Call, request: Document) -> Upload:
    """The upload that a part is for. Raises before the body is read."""
    if not 1 <= request["PartNumber"] <= MOST_PARTS:
        text = f"Part number must be an integer between 1 and {MOST_PARTS}, inclusive"
        raise faults.invalid_argument(text, "partNumber", request["PartNumber"])
    descriptions.refuse(request)
    with call.site.database.read() as connection:
        bucket = owners.bucket_of(call, connection, request)
        upload = find_upload(connection, bucket, request)
    stated, expected = checksums.stated(request), upload.document.get("ChecksumAlgorithm")
    if expected and any(name.upper() != expected for name in stated):
        actual = next(iter(stated))
        raise faults.invalid_request(
            f"Checksum Type mismatch occurred, expected checksum Type: {expected.lower()}, "
            f"actual checksum Type: {actual}"
        )
    return upload


def _keep_part(call: Call, request: Document, received: bodies.Received) -> UploadedPart:
    checksum = {name: value for name, value in received.checksum.items() if name != "ChecksumType"}
    blob = received.blob
    part = UploadedPart(request["PartNumber"], blob.hash, blob.size, received.etag, moment(call), checksum)
    with call.site.database.write() as transaction:
        bucket = owners.bucket_of(call, transaction.connection, request)
        uploads.put_part(transaction, find_upload(transaction.connection, bucket, request).id, part)
    return part


def _copied(call: Call, request: Document, version: Version, wanted: tuple[str, ...]) -> bodies.Received:
    assert version.blob is not None
    if "CopySourceRange" not in request:
        if version.size > bodies.LARGEST:
            raise faults.entity_too_large(version.size, bodies.LARGEST)
        return bodies.reused(call.site.blobs, version.blob, version.size, wanted)
    stretch = ranges.copied(request["CopySourceRange"], version.size)
    if stretch.length > bodies.LARGEST:
        raise faults.entity_too_large(stretch.length, bodies.LARGEST)
    source = call.site.blobs.slice(version.blob, stretch.offset, stretch.length)
    blob = call.site.blobs.add_slice(source, ("md5", *wanted))
    return bodies.Received(blob, checksums.full(blob.digests, wanted))


def _checksum_type(request: Document, names: tuple[str, ...]) -> str:
    """How the whole will be checked; CRC-64 has but one way (S3 user guide, "Checking object integrity")."""
    default = "FULL_OBJECT" if names == ("crc64nvme",) else "COMPOSITE"
    kind: str = request.get("ChecksumType", default)
    if "ChecksumType" in request and not names:
        raise faults.invalid_request(
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
        )
    is_impossible = (kind == "FULL_OBJECT" and not digests.COMBINED.issuperset(names)) or (
        kind == "COMPOSITE" and names == ("crc64nvme",)
    )
    if is_impossible:
        text = f"The {kind} checksum type cannot be used with the {names[0]} checksum algorithm."
        raise faults.invalid_request(text)
    return kind


def find_upload(connection: Connection, bucket: Bucket, request: Document) -> Upload:
    """The upload of the request. Raises NoSuchUpload."""
    upload = uploads.find(connection, bucket, request["Key"], request["UploadId"])
    if upload is None:
        raise faults.no_such_upload(request["UploadId"])
    return upload


def _encryption(upload: Upload) -> Document:
    headers = upload.document["headers"]
    return {name: headers[name] for name in descriptions.ENCRYPTION if name in headers}
