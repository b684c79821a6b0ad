"""Room services/s3: the end of a multipart upload. In: the parts that the client names. Out: one object.

The parts are joined into one blob, by the kernel and without reading them again; in return for the copy an object is
one file for everyone who stages, hashes or compares it (docs/decisions). Completing again what is
completed answers the same, so a client that lost the answer may ask again.
"""

from __future__ import annotations

import hashlib
import itertools

from sqlalchemy import Connection

from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.registry import Call, operation
from stepwell.services.s3 import checksums, conditions, descriptions, faults, owners
from stepwell.services.s3.objects import moment, write
from stepwell.store import objects, uploads
from stepwell.store.buckets import Bucket
from stepwell.store.objects import Part, Version
from stepwell.store.uploads import Upload, UploadedPart

SMALLEST_PART = 5 << 20
"""Bytes of every part but the last (S3 user guide, "Multipart upload limits")."""


@operation
def complete_multipart_upload(call: Call, request: Document) -> Document:
    """Make an object of the parts that are named."""
    with call.site.database.read() as connection:
        bucket = owners.bucket_of(call, connection, request)
        upload = uploads.find(connection, bucket, request["Key"], request["UploadId"])
        if upload is None:
            return _completed_before(call, connection, bucket, request)
        parts = _chosen(request, uploads.parts_of(connection, upload.id))
        if "IfMatch" in request or "IfNoneMatch" in request:
            conditions.check_write(request, upload.key, objects.find(connection, bucket, upload.key))
    content = _joined(call, request, upload, parts)
    rows = tuple(Part(number, part.size, part.checksum) for number, part in enumerate(parts, 1))
    with call.site.database.write() as transaction:
        if uploads.find(transaction.connection, bucket, upload.key, upload.id) is None:
            return _completed_before(call, transaction.connection, bucket, request)
        bucket, version = write(call, transaction, request, content, rows)
        uploads.remove(transaction, upload.id)
    return _completed(call, bucket, version)


def _chosen(request: Document, arrived: list[UploadedPart]) -> list[UploadedPart]:
    """The parts that the request names. Raises MalformedXML, InvalidPartOrder, InvalidPart, EntityTooSmall."""
    named = request.get("MultipartUpload", {}).get("Parts", [])
    numbers = [each.get("PartNumber") for each in named]
    if not named or None in numbers:
        raise faults.malformed_xml()
    if any(later <= earlier for earlier, later in itertools.pairwise(numbers)):
        text = "The list of parts was not in ascending order. Parts must be ordered by part number."
        raise Fault("InvalidPartOrder", text, 400, {"UploadId": request["UploadId"]})
    by_number = {part.number: part for part in arrived}
    chosen = [_same(by_number.get(each["PartNumber"]), each, request) for each in named]
    for part in chosen[:-1]:
        if part.size < SMALLEST_PART:
            members = {
                "ProposedSize": part.size,
                "MinSizeAllowed": SMALLEST_PART,
                "PartNumber": part.number,
                "ETag": part.etag,
            }
            text = "Your proposed upload is smaller than the minimum allowed size"
            raise Fault("EntityTooSmall", text, 400, members)
    return chosen


def _same(part: UploadedPart | None, named: Document, request: Document) -> UploadedPart:
    """The part that has arrived, if it is the one that is named: same ETag, same checksums."""
    stated = {name: value for name, value in named.items() if name.startswith("Checksum")}
    if (
        part is None
        or named.get("ETag", "").strip('"') != part.etag
        or any(part.checksum.get(name, value) != value for name, value in stated.items())
    ):
        text = (
            "One or more of the specified parts could not be found.  The part may not have been uploaded, or the "
            "specified entity tag may not match the part's entity tag."
        )
        members = {"UploadId": request["UploadId"], "PartNumber": named["PartNumber"], "ETag": named.get("ETag", "")}
        raise Fault("InvalidPart", text, 400, members)
    return part


def _joined(call: Call, request: Document, upload: Upload, parts: list[UploadedPart]) -> Version:
    """The object of these parts. Raises if its size or checksum is not what the request says."""
    size = sum(part.size for part in parts)
    if request.get("MpuObjectSize", size) != size:
        raise faults.invalid_request(
            f"The provided 'x-amz-mp-object-size' header value {request['MpuObjectSize']} does not match what was "
            f"computed: {size}"
        )
    checksum = _checksum(request, upload, parts)
    blobs = call.site.blobs
    name = parts[0].blob if len(parts) == 1 else blobs.concatenate([part.blob for part in parts]).hash
    etag = f"{hashlib.md5(b''.join(bytes.fromhex(part.etag) for part in parts)).hexdigest()}-{len(parts)}"
    kept = {n: value for n, value in upload.document.items() if not n.startswith("Checksum")}
    document = {**kept, **descriptions.compact(checksum=checksum), "parts": len(parts), "upload": upload.id}
    return Version(upload.key, name, size, etag, moment(call), document)


def _checksum(request: Document, upload: Upload, parts: list[UploadedPart]) -> Document:
    """Answer members of the whole's checksum. Raises BadDigest, InvalidRequest."""
    if "ChecksumAlgorithm" not in upload.document:
        return {}
    kind, name = upload.document["ChecksumType"], upload.document["ChecksumAlgorithm"].lower()
    member = checksums.MEMBERS[name]
    if request.get("ChecksumType", kind) != kind:
        raise faults.invalid_request(
            f"The upload was created using the {kind} checksum mode. The complete request must use the same "
            "checksum mode."
        )
    if kind == "COMPOSITE":
        found = checksums.composite(name, [part.checksum[member] for part in parts])
    else:
        found = checksums.combined(name, [(part.checksum[member], part.size) for part in parts])
    if request.get(member, found[member]) not in (found[member], found[member].partition("-")[0]):
        raise checksums.mismatch(name)
    return found


def _completed(call: Call, bucket: Bucket, version: Version) -> Document:
    location = f"{call.site.endpoint.rstrip('/')}/{bucket.name}/{version.key}"
    answer = descriptions.written(bucket, version)
    return {"Location": location, "Bucket": bucket.name, "Key": version.key, **answer}


def _completed_before(call: Call, connection: Connection, bucket: Bucket, request: Document) -> Document:
    """The answer for an upload that has become the object it was for. Raises NoSuchUpload."""
    standing = objects.find(connection, bucket, request["Key"])
    if standing is None or standing.document.get("upload") != request["UploadId"]:
        raise faults.no_such_upload(request["UploadId"])
    return _completed(call, bucket, standing)
