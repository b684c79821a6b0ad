"""Room services/s3: what an object is besides its bytes. In: request members. Out: a stored document; and back.

The document of a version holds: `headers` (answer members such as ContentType), `metadata` (x-amz-meta-*),
`checksum` (answer members), `tags`, `parts` (their number, of a multipart object) and `upload` (the id of the
multipart upload it came from). What is absent is empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.s3 import faults
from stepwell.store.buckets import Bucket
from stepwell.store.objects import Version

HEADERS = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "WebsiteRedirectLocation",
)
"""Kept with the object and answered as they came."""

ENCRYPTION = ("ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled")
"""Kept and answered too: what the client asked for. Bytes on disk are not encrypted (docs/decisions)."""

REFUSED: Mapping[str, str] = {
    "SSECustomerAlgorithm": "x-amz-server-side-encryption-customer-algorithm",
    "SSECustomerKey": "x-amz-server-side-encryption-customer-key",
    "ObjectLockMode": "x-amz-object-lock-mode",
    "ObjectLockRetainUntilDate": "x-amz-object-lock-retain-until-date",
    "ObjectLockLegalHoldStatus": "x-amz-object-lock-legal-hold",
    "WriteOffsetBytes": "x-amz-write-offset-bytes",
    "GrantFullControl": "x-amz-grant-full-control",
    "GrantRead": "x-amz-grant-read",
    "GrantReadACP": "x-amz-grant-read-acp",
    "GrantWriteACP": "x-amz-grant-write-acp",
}
"""Members that would change what happens, and are not built."""

CANNED = frozenset({"private", "bucket-owner-full-control"})
"""The ACLs that say what is the case anyhow; a bucket owner enforced by default takes no other."""

DEFAULT_TYPE = "binary/octet-stream"
LARGEST_METADATA = 2048
MOST_TAGS = 10
OFFLINE = frozenset({"GLACIER", "DEEP_ARCHIVE"})


def of_request(request: Document, encryption: Document) -> Document:
    """The document of an object that this request makes. `encryption`: what its bucket asks for by default.

    Raises MetadataTooLarge, InvalidTag, AccessControlListNotSupported, NotImplemented.
    """
    refuse(request)
    headers = {name: request[name] for name in HEADERS if name in request}
    headers.setdefault("ContentType", DEFAULT_TYPE)
    _without_chunking(headers)
    headers |= {name: request[name] for name in ENCRYPTION if name in request} or encryption
    if request.get("StorageClass", "STANDARD") != "STANDARD":
        headers["StorageClass"] = request["StorageClass"]
    return compact(headers=headers, metadata=metadata_of(request), tags=tags_of(request.get("Tagging")))


def refuse(request: Document) -> None:
    """Raises for members that ask for what is not built."""
    for member, header in REFUSED.items():
        if member in request:
            raise faults.not_implemented(header)
    if request.get("StorageClass") in OFFLINE:
        raise faults.not_implemented("x-amz-storage-class")
    if request.get("ACL", "private") not in CANNED:
        raise Fault("AccessControlListNotSupported", "The bucket does not allow ACLs")


def metadata_of(request: Document) -> dict[str, str]:
    """The user's metadata, by lower-case name. Raises MetadataTooLarge."""
    metadata = {name.lower(): value for name, value in request.get("Metadata", {}).items()}
    size = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
    if size > LARGEST_METADATA:
        members = {"Size": size, "MaxSizeAllowed": LARGEST_METADATA}
        text = "Your metadata headers exceed the maximum allowed metadata size"
        raise Fault("MetadataTooLarge", text, 400, members)
    return metadata


def tags_of(header: str | None) -> dict[str, str]:
    """The tags of an x-amz-tagging header, which is written as a query string. Raises InvalidArgument, InvalidTag."""
    if not header:
        return {}
    try:
        pairs = parse_qsl(header, keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:
        text = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters"
        raise faults.invalid_argument(f"{text} without tag name duplicates.", "x-amz-tagging", header) from None
    return checked_tags(pairs)


def checked_tags(pairs: Iterable[tuple[str, str]], most: int = MOST_TAGS) -> dict[str, str]:
    """Tags by key. Raises InvalidTag, and BadRequest when there are too many."""
    listed = list(pairs)
    tags = dict(listed)
    if len(tags) < len(listed):
        raise faults.invalid_tag("Cannot provide multiple Tags with the same key")
    if len(tags) > most:
        raise Fault("BadRequest", f"Object tags cannot be greater than {most}")
    for key, value in tags.items():
        if not 1 <= len(key) <= 128:
            raise faults.invalid_tag("The TagKey you have provided is invalid")
        if key.lower().startswith("aws:"):
            raise faults.invalid_tag("System tags cannot be added/updated by requester")
        if len(value) > 256:
            raise faults.invalid_tag("The TagValue you have provided is invalid")
    return tags


def compact(**fields: object) -> Document:
    """A document without what is empty."""
    return {name: value for name, value in fields.items() if value}


def answer(bucket: Bucket, version: Version, *, checksum: bool) -> Document:
    """What GetObject and HeadObject say of a version, apart from the body."""
    document = version.document
    result: Document = {
        "AcceptRanges": "bytes",
        "LastModified": version.modified,
        "ContentLength": version.size,
        "ETag": quoted(version.etag),
        "Metadata": document.get("metadata", {}),
        **document.get("headers", {}),
        **version_id(bucket, version),
    }
    if checksum:
        result |= document.get("checksum", {})
    if "tags" in document:
        result["TagCount"] = len(document["tags"])
    return result


def written(bucket: Bucket, version: Version) -> Document:
    """What operations that write an object say of it."""
    headers = version.document.get("headers", {})
    return {
        "ETag": quoted(version.etag),
        **version.document.get("checksum", {}),
        **{name: headers[name] for name in ENCRYPTION if name in headers},
        **version_id(bucket, version),
    }


def version_id(bucket: Bucket, version: Version) -> Document:
    """VersionId, for buckets that make or made versions."""
    return {"VersionId": version.version} if bucket.versioning else {}


def quoted(etag: str) -> str:
    """An ETag as HTTP writes it."""
    return f'"{etag}"'


def _without_chunking(headers: Document) -> None:
    """aws-chunked says how the body travelled; it is not the object's."""
    if "ContentEncoding" not in headers:
        return
    names = [name.strip() for name in headers["ContentEncoding"].split(",")]
    kept = ",".join(name for name in names if name and name.lower() != "aws-chunked")
    if kept:
        headers["ContentEncoding"] = kept
    else:
        del headers["ContentEncoding"]
