"""Room services/s3: whose a bucket is, and who may touch it. In: a request. Out: its bucket, or a Fault.

Names of buckets are unique in the installation; a bucket of one account is closed to every other, because policies
are stored but not evaluated. The region of a call does not matter: any regional client reaches any bucket.
"""

from __future__ import annotations

from sqlalchemy import Connection

from stepwell.base import ids
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.registry import Call
from stepwell.services.s3 import faults
from stepwell.store import buckets
from stepwell.store.buckets import Bucket

LONGEST_KEY = 1024
"""Bytes of UTF-8 (S3 user guide, "Naming Amazon S3 objects")."""


def bucket_of(call: Call, connection: Connection, request: Document) -> Bucket:
    """The bucket of the request. Raises NoSuchBucket, AccessDenied."""
    return open_bucket(call, connection, request["Bucket"], request.get("ExpectedBucketOwner"))


def open_bucket(call: Call, connection: Connection, name: str, expected_owner: str | None) -> Bucket:
    """The bucket of that name. Raises NoSuchBucket; AccessDenied if it is another account's."""
    bucket = buckets.find(connection, name)
    if bucket is None:
        raise faults.no_such_bucket(name)
    if bucket.account != call.scope.account or expected_owner not in (None, bucket.account):
        raise faults.access_denied()
    return bucket


def key_of(request: Document) -> str:
    """The key that is to be written. Raises KeyTooLongError."""
    key: str = request["Key"]
    size = len(key.encode())
    if size > LONGEST_KEY:
        members = {"Size": size, "MaxSizeAllowed": LONGEST_KEY}
        raise Fault("KeyTooLongError", "Your key is too long", 400, members)
    return key


def canonical_user(account: str) -> str:
    """The account's canonical user id: 64 hexadecimal digits that depend on the account alone."""
    return ids.derived(64, "canonical user", account, alphabet="0123456789abcdef")


def owner(bucket: Bucket) -> Document:
    """The Owner of a bucket and of all that is in it."""
    return {"ID": canonical_user(bucket.account)}
