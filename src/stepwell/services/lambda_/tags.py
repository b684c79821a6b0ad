"""Tags of functions, by key: TagResource, UntagResource, ListTags. Versions and aliases have none of their own."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from stepwell.base.documents import Document
from stepwell.services.lambda_ import entities, faults, names
from stepwell.services.registry import Call, operation
from stepwell.store import tags

MOST_TAGS = 50
RESERVED_PREFIX = "aws:"


@operation
def tag_resource(call: Call, request: Document) -> Document:
    """Add tags; a key that stands gets the new value."""
    with call.site.database.write() as transaction:
        arn = _tagged(transaction.connection, call, request["Resource"])
        check_tags(request["Tags"], tags.of(transaction.connection, arn))
        tags.put(transaction, arn, request["Tags"])
    return {}


@operation
def untag_resource(call: Call, request: Document) -> Document:
    """Remove tags."""
    with call.site.database.write() as transaction:
        tags.remove(transaction, _tagged(transaction.connection, call, request["Resource"]), request["TagKeys"])
    return {}


@operation
def list_tags(call: Call, request: Document) -> Document:
    """The tags of a function."""
    with call.site.database.read() as connection:
        return {"Tags": tags.of(connection, _tagged(connection, call, request["Resource"]))}


def check_tags(added: Mapping[str, str], standing: Mapping[str, str] | None = None) -> None:
    """Raises InvalidParameterValueException for reserved keys and for more tags than a function can have."""
    if any(key.lower().startswith(RESERVED_PREFIX) for key in added):
        raise faults.invalid(f"Tag keys starting with '{RESERVED_PREFIX}' are reserved for system use.")
    if len({**(standing or {}), **added}) > MOST_TAGS:
        raise faults.invalid(f"A function can have at most {MOST_TAGS} tags.")


def _tagged(connection: Connection, call: Call, resource: str) -> str:
    wanted = names.reference(call.scope, resource)
    if wanted.qualifier:
        raise faults.invalid(
            "Tags on function aliases and versions are not supported. Please specify a function ARN."
        )
    entities.function(connection, call.scope, wanted)
    return names.function_arn(call.scope, wanted.name)
