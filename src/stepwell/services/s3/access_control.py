"""Room services/s3: access control lists. In: requests. Out: the one list there is: the owner may do everything.

Buckets are bucket owner enforced, as S3 makes them by default: lists that say the same are taken, others refused.
"""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.registry import Call, operation
from stepwell.services.s3 import descriptions, owners
from stepwell.services.s3.objects import find
from stepwell.store.buckets import Bucket


@operation
def get_bucket_acl(call: Call, request: Document) -> Document:
    """The owner may do everything."""
    with call.site.database.read() as connection:
        return _private(owners.bucket_of(call, connection, request))


@operation
def get_object_acl(call: Call, request: Document) -> Document:
    """The owner may do everything."""
    with call.site.database.read() as connection:
        bucket = owners.bucket_of(call, connection, request)
        find(connection, bucket, request["Key"], request.get("VersionId"))
    return _private(bucket)


@operation
def put_bucket_acl(call: Call, request: Document) -> Document:
    """Takes what is the case anyhow. Raises AccessControlListNotSupported."""
    with call.site.database.read() as connection:
        owners.bucket_of(call, connection, request)
    _check(request)
    return {}


@operation
def put_object_acl(call: Call, request: Document) -> Document:
    """Takes what is the case anyhow. Raises AccessControlListNotSupported."""
    with call.site.database.read() as connection:
        bucket = owners.bucket_of(call, connection, request)
        version = find(connection, bucket, request["Key"], request.get("VersionId"), "PUT")
    _check(request)
    return descriptions.version_id(bucket, version)


def _private(bucket: Bucket) -> Document:
    owner = owners.owner(bucket)
    return {"Owner": owner, "Grants": [{"Grantee": {**owner, "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}]}


def _check(request: Document) -> None:
    grants = [name for name in request if name.startswith("Grant")]
    if grants or "AccessControlPolicy" in request or request.get("ACL", "private") not in descriptions.CANNED:
        raise Fault("AccessControlListNotSupported", "The bucket does not allow ACLs")
