"""Aliases, names for a version that may be moved: CreateAlias, GetAlias, UpdateAlias, DeleteAlias, ListAliases."""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.services import paging
from stepwell.services.lambda_ import configurations, entities, faults, names
from stepwell.services.lambda_.names import LATEST, Reference
from stepwell.services.registry import Call, operation
from stepwell.store import resources
from stepwell.store.database import Connection
from stepwell.store.resources import AlreadyExists, Query, Resource

MOST_LISTED = 50


@operation
def create_alias(call: Call, request: Document) -> Document:
    """Name a version."""
    wanted = names.reference(call.scope, request["FunctionName"])
    document: Document = {
        "FunctionVersion": request["FunctionVersion"],
        "Description": request.get("Description", ""),
        "RevisionId": entities.fresh_revision(),
    }
    key = resources.key(call.scope, entities.ALIAS, request["Name"], wanted.name)
    alias = Resource(key, "Active", call.now, call.now, document)
    with call.site.database.write() as transaction:
        _check(transaction.connection, call, wanted, request)
        try:
            resources.add(transaction, alias)
        except AlreadyExists:
            arn = names.function_arn(call.scope, wanted.name, request["Name"])
            raise faults.conflict(f"Alias already exists: {arn}") from None
    return _shown(call, alias)


@operation
def get_alias(call: Call, request: Document) -> Document:
    """An alias."""
    wanted = names.reference(call.scope, request["FunctionName"])
    with call.site.database.read() as connection:
        return _shown(call, entities.alias(connection, call.scope, wanted.name, request["Name"]))


@operation
def update_alias(call: Call, request: Document) -> Document:
    """Let an alias name another version, or describe it otherwise."""
    wanted = names.reference(call.scope, request["FunctionName"])
    with call.site.database.write() as transaction:
        alias = entities.alias(transaction.connection, call.scope, wanted.name, request["Name"])
        configurations.check_revision(alias.document, request)
        _check(transaction.connection, call, wanted, {**alias.document, **request})
        given = {member: request[member] for member in ("FunctionVersion", "Description") if member in request}
        alias = alias.with_changes(call.now, **given, RevisionId=entities.fresh_revision())
        resources.save(transaction, alias)
    return _shown(call, alias)


@operation
def delete_alias(call: Call, request: Document) -> Document:
    """Forget an alias; one that does not stand is forgotten already."""
    wanted = names.reference(call.scope, request["FunctionName"])
    with call.site.database.write() as transaction:
        resources.remove(transaction, resources.key(call.scope, entities.ALIAS, request["Name"], wanted.name))
    return {}


@operation
def list_aliases(call: Call, request: Document) -> Document:
    """A function's aliases by name, all or those of one version."""
    wanted = names.reference(call.scope, request["FunctionName"])
    version = request.get("FunctionVersion")
    query = Query(
        entities.ALIAS,
        call.scope,
        wanted.name,
        members=(("FunctionVersion", version),) if version else (),
        sort_by="name",
        descending=False,
        limit=min(request.get("MaxItems", MOST_LISTED), MOST_LISTED),
        after=paging.decode(request.get("Marker")),
    )
    with call.site.database.read() as connection:
        entities.function(connection, call.scope, wanted)
        rows, following = resources.page(connection, query)
    answer: Document = {"Aliases": [_shown(call, row) for row in rows]}
    return {**answer, "NextMarker": paging.encode(following)} if following else answer


def _check(connection: Connection, call: Call, wanted: Reference, request: Document) -> None:
    """The version must exist, and all calls must go to it. Raises Fault."""
    if request.get("RoutingConfig", {}).get("AdditionalVersionWeights"):
        raise faults.invalid("Weighted aliases (RoutingConfig) are not supported by this server. Leave it out.")
    entities.function(connection, call.scope, wanted)
    if request["FunctionVersion"] != LATEST:
        entities.version(connection, call.scope, wanted.name, request["FunctionVersion"])


def _shown(call: Call, alias: Resource) -> Document:
    arn = names.function_arn(call.scope, alias.key.parent, alias.name)
    return {"AliasArn": arn, "Name": alias.name, **alias.document}
