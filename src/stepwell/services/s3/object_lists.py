"""Room services/s3: lists of objects and versions. In: prefix, delimiter, where to go on. Out: a page.

Order is that of the keys' UTF-8 bytes. A continuation token is opaque and names where the next page begins, so a
page costs the same wherever it lies. With `EncodingType` `url` keys are percent-encoded, because XML cannot hold
every character that a key may.
"""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import quote

from sqlalchemy import Connection

from stepwell.base.documents import Document
from stepwell.services.registry import Call, operation
from stepwell.services.s3 import checksums, descriptions, faults, owners
from stepwell.store import object_listing, objects
from stepwell.store.buckets import Bucket
from stepwell.store.object_listing import BEGINNING, Listed, Page, Position, Wanted

MOST = 1000
"""Entries of one page."""
PLAIN = re.compile(r"[A-Za-z0-9_.~/-]*")
"""Keys that URL encoding leaves as they are: most, and asking is cheaper than encoding."""


@operation
def list_objects_v2(call: Call, request: Document) -> Document:
    """The objects of a bucket, by key."""
    token = request.get("ContinuationToken")
    start = BEGINNING if token is None else Position(_decode(token))
    if token is None and "StartAfter" in request:
        start = behind(request["StartAfter"], request)
    page, bucket = _keys(call, request, start)
    answer = {
        **_echo(request, "Delimiter", "StartAfter"),
        **_contents(page, request, owners.owner(bucket) if request.get("FetchOwner") else None),
        "KeyCount": len(page.entries),
    }
    if token is not None:
        answer["ContinuationToken"] = token
    if page.following is not None:
        answer["NextContinuationToken"] = _encode(page.following.key)
    return answer


@operation
def list_objects(call: Call, request: Document) -> Document:
    """The objects of a bucket, by key: the older form, which goes on behind a key."""
    marker = request.get("Marker", "")
    page, bucket = _keys(call, request, behind(marker, request) if marker else BEGINNING)
    answer = {
        "Marker": "",
        **_echo(request, "Delimiter", "Marker"),
        **_contents(page, request, owners.owner(bucket)),
    }
    if page.following is not None and request.get("Delimiter"):
        answer["NextMarker"] = text(_name(page.entries[-1]), request)
    return answer


@operation
def list_object_versions(call: Call, request: Document) -> Document:
    """All versions and delete markers of a bucket: by key, the newest first."""
    key, version = request.get("KeyMarker", ""), request.get("VersionIdMarker")
    if version is not None and not key:
        message = "A version-id marker cannot be specified without a key marker."
        raise faults.invalid_argument(message, "version-id-marker", version)
    with call.site.database.read() as connection:
        bucket = owners.bucket_of(call, connection, request)
        start = _version_start(connection, bucket, request, key, version) if key else BEGINNING
        page = _page(object_listing.versions(connection, bucket, wanted_of(request, start)), request)
    owner = owners.owner(bucket)
    listed = [entry for entry in page.entries if isinstance(entry, Listed)]
    answer: Document = {
        **_frame(page, request),
        **_echo(request, "Delimiter", "KeyMarker"),
        "Versions": [_version(entry, request, owner) for entry in listed if entry.blob is not None],
        "DeleteMarkers": [_marker(entry, request, owner) for entry in listed if entry.blob is None],
    }
    if version is not None:
        answer["VersionIdMarker"] = version
    return answer | _next_version(page, request)


def _keys(call: Call, request: Document, start: Position) -> tuple[Page[Listed], Bucket]:
    with call.site.database.read() as connection:
        bucket = owners.bucket_of(call, connection, request)
        return _page(object_listing.keys(connection, bucket, wanted_of(request, start)), request), bucket


def wanted_of(request: Document, start: Position) -> Wanted:
    """Prefix, delimiter and length of the page that is asked for."""
    limit = request.get("MaxKeys", MOST)
    if limit < 0:
        raise faults.invalid_argument(
            "Argument maxKeys must be an integer between 0 and 2147483647", "maxKeys", limit
        )
    return Wanted(request.get("Prefix", ""), request.get("Delimiter", ""), min(limit, MOST), start)


def _page(page: Page[Listed], request: Document) -> Page[Listed]:
    """A page of nothing is complete, as in S3: it would never get on."""
    return Page([], None) if request.get("MaxKeys") == 0 else page


def behind(key: str, request: Document) -> Position:
    """Where a list goes on behind a key; behind a common prefix that is behind all it stands for."""
    wanted = wanted_of(request, BEGINNING)
    if key.startswith(wanted.prefix) and object_listing.rolled_up(key, wanted) == key:
        return Position(object_listing.end_of(key) or object_listing.successor(key))
    return Position(object_listing.successor(key))


def _version_start(
    connection: Connection, bucket: Bucket, request: Document, key: str, version: str | None
) -> Position:
    if version is None:
        return behind(key, request)
    found = objects.find(connection, bucket, key, version)
    if found is None:
        raise faults.invalid_argument("Invalid version id specified", "version-id-marker", version)
    return Position(key, found.id)


def _contents(page: Page[Listed], request: Document, owner: Document | None) -> Document:
    """What both forms of the list have in common."""
    contents = []
    for entry in page.entries:
        if isinstance(entry, Listed):
            item = _object(entry, request)
            contents.append(item if owner is None else {**item, "Owner": owner})
    return {**_frame(page, request), "Contents": contents}


def _frame(page: Page[Listed], request: Document) -> Document:
    frame: Document = {
        "Name": request["Bucket"],
        "MaxKeys": min(request.get("MaxKeys", MOST), MOST),
        "IsTruncated": page.following is not None,
        "Prefix": text(request.get("Prefix", ""), request),
        "CommonPrefixes": [{"Prefix": text(entry, request)} for entry in page.entries if isinstance(entry, str)],
    }
    if "EncodingType" in request:
        frame["EncodingType"] = request["EncodingType"]
    return frame


def _object(entry: Listed, request: Document) -> Document:
    item: Document = {
        "Key": text(entry.key, request),
        "LastModified": entry.modified,
        "ETag": descriptions.quoted(entry.etag),
        "Size": entry.size,
        "StorageClass": "STANDARD",
    }
    document: Document = entry.document
    if "checksum" in document:
        item["ChecksumAlgorithm"] = checksums.algorithms_of(document["checksum"])
        item["ChecksumType"] = document["checksum"]["ChecksumType"]
    if "StorageClass" in document.get("headers", {}):
        item["StorageClass"] = document["headers"]["StorageClass"]
    return item


def _version(entry: Listed, request: Document, owner: Document) -> Document:
    named = {"VersionId": entry.version, "IsLatest": entry.is_latest, "Owner": owner}
    return {**_object(entry, request), **named}


def _marker(entry: Listed, request: Document, owner: Document) -> Document:
    return {
        "Key": text(entry.key, request),
        "VersionId": entry.version,
        "IsLatest": entry.is_latest,
        "LastModified": entry.modified,
        "Owner": owner,
    }


def _next_version(page: Page[Listed], request: Document) -> Document:
    if page.following is None:
        return {}
    last = page.entries[-1]
    found = {"NextKeyMarker": text(_name(last), request)}
    return found if isinstance(last, str) else {**found, "NextVersionIdMarker": last.version}


def _name(entry: Listed | str) -> str:
    return entry if isinstance(entry, str) else entry.key


def _echo(request: Document, *names: str) -> Document:
    return {name: text(request[name], request) for name in names if name in request}


def text(key: str, request: Document) -> str:
    """A key as the answer writes it."""
    if request.get("EncodingType") != "url" or PLAIN.fullmatch(key):
        return key
    return quote(key, safe="/")


def _encode(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _decode(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        message = "The continuation token provided is incorrect"
        raise faults.invalid_argument(message, "continuation-token", token) from None
