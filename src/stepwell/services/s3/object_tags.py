"""Room services/s3: tags of objects. In: tag sets. Out: tag sets. They belong to a version and make no new one."""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.services.registry import Call, operation
from stepwell.services.s3 import descriptions, owners
from stepwell.services.s3.objects import find
from stepwell.store import objects


@operation
def get_object_tagging(call: Call, request: Document) -> Document:
    """The tags of an object, by key."""
    with call.site.database.read() as connection:
        bucket = owners.bucket_of(call, connection, request)
        version = find(connection, bucket, request["Key"], request.get("VersionId"))
    tags = sorted(version.document.get("tags", {}).items())
    listed = [{"Key": key, "Value": value} for key, value in tags]
    return {"TagSet": listed, **descriptions.version_id(bucket, version)}


@operation
def put_object_tagging(call: Call, request: Document) -> Document:
    """Give an object these tags in place of those it has."""
    pairs = ((tag["Key"], tag["Value"]) for tag in request["Tagging"]["TagSet"])
    return _replace(call, request, descriptions.checked_tags(pairs))


@operation
def delete_object_tagging(call: Call, request: Document) -> Document:
    """Take all tags from an object."""
    return _replace(call, request, {})


def _replace(call: Call, request: Document, tags: dict[str, str]) -> Document:
    with call.site.database.write() as transaction:
        bucket = owners.bucket_of(call, transaction.connection, request)
        version = find(transaction.connection, bucket, request["Key"], request.get("VersionId"), "PUT")
        objects.set_document(transaction, version, descriptions.compact(**{**version.document, "tags": tags}))
    return descriptions.version_id(bucket, version)
