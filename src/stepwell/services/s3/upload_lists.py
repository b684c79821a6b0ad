"""Room services/s3: lists of multipart uploads and of their parts. In: markers. Out: a page."""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.services.registry import Call, operation
from stepwell.services.s3 import descriptions, owners
from stepwell.services.s3.object_lists import behind, text, wanted_of
from stepwell.services.s3.uploads import find_upload
from stepwell.store import uploads
from stepwell.store.buckets import Bucket
from stepwell.store.object_listing import BEGINNING, Position
from stepwell.store.uploads import Upload, UploadedPart

MOST = 1000
"""Entries of one page."""


@operation
def list_multipart_uploads(call: Call, request: Document) -> Document:
    """The uploads of a bucket that are in progress, by key."""
    limit = min(request.get("MaxUploads", MOST), MOST)
    key, upload = request.get("KeyMarker", ""), request.get("UploadIdMarker", "")
    start = Position(key, upload) if key and upload else behind(key, request) if key else BEGINNING
    wanted = wanted_of({**request, "MaxKeys": limit}, start)
    with call.site.database.read() as connection:
        bucket = owners.bucket_of(call, connection, request)
        page = uploads.page(connection, bucket, wanted)
    listed = [entry for entry in page.entries if isinstance(entry, Upload)]
    answer: Document = {
        "Bucket": bucket.name,
        "KeyMarker": text(key, request),
        "UploadIdMarker": upload if key else "",
        "MaxUploads": limit,
        "IsTruncated": page.following is not None,
        "Uploads": [_upload(each, bucket, request) for each in listed],
        "CommonPrefixes": [{"Prefix": text(entry, request)} for entry in page.entries if isinstance(entry, str)],
        **{name: text(request[name], request) for name in ("Prefix", "Delimiter") if name in request},
    }
    if "EncodingType" in request:
        answer["EncodingType"] = request["EncodingType"]
    if page.following is not None and page.entries:
        last = page.entries[-1]
        answer["NextKeyMarker"] = text(last if isinstance(last, str) else last.key, request)
        answer["NextUploadIdMarker"] = "" if isinstance(last, str) else last.id
    return answer


@operation
def list_parts(call: Call, request: Document) -> Document:
    """The parts that have arrived, by number."""
    limit, after = min(request.get("MaxParts", MOST), MOST), int(request.get("PartNumberMarker", 0))
    with call.site.database.read() as connection:
        bucket = owners.bucket_of(call, connection, request)
        upload = find_upload(connection, bucket, request)
        found = uploads.parts_of(connection, upload.id, after=after, limit=limit + 1)
    page = found[:limit]
    return {
        "Bucket": bucket.name,
        **_described(upload, bucket),
        "PartNumberMarker": after,
        "NextPartNumberMarker": page[-1].number if page else 0,
        "MaxParts": limit,
        "IsTruncated": len(found) > limit,
        "Parts": [_listed(part) for part in page],
    }


def _described(upload: Upload, bucket: Bucket) -> Document:
    """What lists of uploads and of parts say of an upload."""
    document = upload.document
    described: Document = {name: document[name] for name in ("ChecksumAlgorithm", "ChecksumType") if name in document}
    return {
        "Key": upload.key,
        "UploadId": upload.id,
        "StorageClass": document["headers"].get("StorageClass", "STANDARD"),
        "Owner": owners.owner(bucket),
        "Initiator": {"ID": upload.initiator or owners.canonical_user(bucket.account)},
        **described,
    }


def _listed(part: UploadedPart) -> Document:
    return {
        "PartNumber": part.number,
        "LastModified": part.modified,
        "ETag": descriptions.quoted(part.etag),
        "Size": part.size,
        **part.checksum,
    }


def _upload(upload: Upload, bucket: Bucket, request: Document) -> Document:
    return {**_described(upload, bucket), "Key": text(upload.key, request), "Initiated": upload.initiated}
