"""Tags of log groups, through the new operations (by ARN) and the old ones (by name)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.logs import lookups
from stepwell.services.registry import Call, operation
from stepwell.store import tags
from stepwell.store.database import Connection

MOST_TAGS = 50


@operation
def tag_resource(call: Call, request: Document) -> Document:
    _add(call, request["resourceArn"], request["tags"])
    return {}


@operation
def tag_log_group(call: Call, request: Document) -> Document:
    _add(call, request["logGroupName"], request["tags"])
    return {}


@operation
def untag_resource(call: Call, request: Document) -> Document:
    _remove(call, request["resourceArn"], request["tagKeys"])
    return {}


@operation
def untag_log_group(call: Call, request: Document) -> Document:
    _remove(call, request["logGroupName"], request["tags"])
    return {}


@operation
def list_tags_for_resource(call: Call, request: Document) -> Document:
    return _list(call, request["resourceArn"])


@operation
def list_tags_log_group(call: Call, request: Document) -> Document:
    return _list(call, request["logGroupName"])


def _arn(connection: Connection, call: Call, identifier: str) -> str:
    group = lookups.group(connection, call.scope, lookups.name_of(identifier))
    return lookups.group_arn(call.scope, group.name)


def _add(call: Call, identifier: str, added: Mapping[str, str]) -> None:
    with call.site.database.write() as transaction:
        arn = _arn(transaction.connection, call, identifier)
        if len({**tags.of(transaction.connection, arn), **added}) > MOST_TAGS:
            raise Fault("TooManyTagsException", f"A resource can have no more than {MOST_TAGS} tags.")
        tags.put(transaction, arn, added)


def _remove(call: Call, identifier: str, keys: Iterable[str]) -> None:
    with call.site.database.write() as transaction:
        tags.remove(transaction, _arn(transaction.connection, call, identifier), keys)


def _list(call: Call, identifier: str) -> Document:
    with call.site.database.read() as connection:
        return {"tags": tags.of(connection, _arn(connection, call, identifier))}
