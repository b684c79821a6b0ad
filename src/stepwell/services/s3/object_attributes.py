"""Room services/s3: GetObjectAttributes. In: which attributes. Out: those, without the bytes, parts page by page."""

from __future__ import annotations

from sqlalchemy import Connection

from stepwell.base.documents import Document
from stepwell.services.registry import Call, operation
from stepwell.services.s3 import descriptions, owners
from stepwell.services.s3.objects import find
from stepwell.store import objects
from stepwell.store.objects import Version

MOST_PARTS = 1000
"""Parts of one page."""


@operation
def get_object_attributes(call: Call, request: Document) -> Document:
    """Size, ETag, checksum, storage class and parts of an object, as far as asked for."""
    descriptions.refuse(request)
    wanted = {name.strip() for listed in request["ObjectAttributes"] for name in listed.split(",")}
    with call.site.database.read() as connection:
        bucket = owners.bucket_of(call, connection, request)
        version = find(connection, bucket, request["Key"], request.get("VersionId"))
        available: Document = {
            "ETag": version.etag,
            "Checksum": version.document.get("checksum"),
            "StorageClass": version.document.get("headers", {}).get("StorageClass", "STANDARD"),
            "ObjectSize": version.size,
            "ObjectParts": _parts(connection, version, request) if "ObjectParts" in wanted else None,
        }
    found = {name: value for name, value in available.items() if name in wanted and value is not None}
    return {"LastModified": version.modified, **descriptions.version_id(bucket, version), **found}


def _parts(connection: Connection, version: Version, request: Document) -> Document | None:
    """One page of the parts; only their number, unless they were uploaded with checksums (S3 API)."""
    if "parts" not in version.document:
        return None
    limit, after = min(request.get("MaxParts", MOST_PARTS), MOST_PARTS), int(request.get("PartNumberMarker", 0))
    found = objects.parts_of(connection, version, after=after, limit=limit + 1)
    total: Document = {"TotalPartsCount": version.document["parts"]}
    if not any(part.checksum for part in found):
        return total
    page = found[:limit]
    return {
        **total,
        "PartNumberMarker": after,
        "NextPartNumberMarker": page[-1].number if page else after,
        "MaxParts": limit,
        "IsTruncated": len(found) > limit,
        "Parts": [{"PartNumber": part.number, "Size": part.size, **part.checksum} for part in page],
    }
