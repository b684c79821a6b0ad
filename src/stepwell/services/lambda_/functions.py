"""Functions: CreateFunction, GetFunction, GetFunctionConfiguration, DeleteFunction, ListFunctions.

A function is ready as soon as it stands: State is Active and LastUpdateStatus is Successful from the first answer.
"""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.base.faults import validation
from stepwell.services import paging
from stepwell.services.lambda_ import configurations, entities, faults, function_code, names, versions
from stepwell.services.lambda_.names import LATEST, Reference
from stepwell.services.lambda_.tags import check_tags
from stepwell.services.registry import Call, operation
from stepwell.store import resources, tags
from stepwell.store.database import Transaction
from stepwell.store.resources import AlreadyExists, Query, Resource

LONGEST_NAME = 64
MOST_LISTED = 50


@operation
def create_function(call: Call, request: Document) -> Document:
    """Make a function, and with Publish its first version."""
    name = _new_name(call, request)
    configurations.check_new(request)
    check_tags(request.get("Tags", {}))
    with call.site.database.read() as connection:
        if resources.find(connection, entities.key(call.scope, name)) is not None:
            raise _exists(name)
    code = function_code.receive(call, request["Code"])
    document = configurations.new({**request, "FunctionName": name}, code, call.now)
    function = Resource(entities.key(call.scope, name), "Active", call.now, call.now, document)
    with call.site.database.write() as transaction:
        try:
            function = resources.add(transaction, function)
        except AlreadyExists:
            raise _exists(name) from None
        tags.put(transaction, names.function_arn(call.scope, name), request.get("Tags", {}))
        if request.get("Publish"):
            return versions.publish(transaction, call, function, request.get("Description"))
    return entities.shown(call.scope, name, document, LATEST)


@operation
def get_function(call: Call, request: Document) -> Document:
    """A function's configuration, where its code came from, and its tags."""
    wanted = names.reference(call.scope, request["FunctionName"], request.get("Qualifier"))
    with call.site.database.read() as connection:
        target = entities.target(connection, call.scope, wanted)
        standing = tags.of(connection, names.function_arn(call.scope, wanted.name))
    shown = entities.shown(call.scope, wanted.name, target.configuration, target.version, wanted.qualifier)
    answer: Document = {"Configuration": shown, "Code": {"RepositoryType": "S3"}}
    return {**answer, "Tags": standing} if standing else answer


@operation
def get_function_configuration(call: Call, request: Document) -> Document:
    """A function's configuration."""
    wanted = names.reference(call.scope, request["FunctionName"], request.get("Qualifier"))
    with call.site.database.read() as connection:
        target = entities.target(connection, call.scope, wanted)
    return entities.shown(call.scope, wanted.name, target.configuration, target.version, wanted.qualifier)


@operation
def delete_function(call: Call, request: Document) -> Document:
    """Delete a function with its versions and aliases, or one version. Invocations that began go on."""
    wanted = names.reference(call.scope, request["FunctionName"], request.get("Qualifier"))
    with call.site.database.write() as transaction:
        entities.function(transaction.connection, call.scope, wanted)
        if wanted.qualifier:
            _delete_version(transaction, call, wanted)
            return {"StatusCode": 204}
        for kind in (entities.VERSION, entities.ALIAS):
            resources.remove_children(transaction, kind, call.scope, wanted.name)
        resources.remove(transaction, entities.key(call.scope, wanted.name))
        tags.clear(transaction, names.function_arn(call.scope, wanted.name))
    return {"StatusCode": 204}


@operation
def list_functions(call: Call, request: Document) -> Document:
    """Functions by name; with FunctionVersion ALL their versions too, behind each of them."""
    query = Query(
        entities.FUNCTION,
        call.scope,
        sort_by="name",
        descending=False,
        limit=min(request.get("MaxItems", MOST_LISTED), MOST_LISTED),
        after=paging.decode(request.get("Marker")),
    )
    listed: list[Document] = []
    with call.site.database.read() as connection:
        rows, following = resources.page(connection, query)
        for row in rows:
            everything = request.get("FunctionVersion") == "ALL"
            qualifier = LATEST if everything else ""
            listed.append(entities.shown(call.scope, row.name, row.document, LATEST, qualifier))
            if everything:
                published = entities.children(connection, call.scope, entities.VERSION, row.name)
                listed += [versions.shown(call, version) for version in published]
    answer: Document = {"Functions": listed}
    return {**answer, "NextMarker": paging.encode(following)} if following else answer


def _new_name(call: Call, request: Document) -> str:
    wanted = names.reference(call.scope, request["FunctionName"])
    if len(wanted.name) > LONGEST_NAME:
        raise validation(
            f"1 validation error detected: Value '{wanted.name}' at 'functionName' failed to satisfy constraint: "
            f"Member must have length less than or equal to {LONGEST_NAME}"
        )
    return wanted.name


def _exists(name: str) -> Exception:
    return faults.conflict(f"Function already exist: {name}")


def _delete_version(transaction: Transaction, call: Call, wanted: Reference) -> None:
    if wanted.qualifier == LATEST:
        raise faults.invalid("$LATEST version cannot be deleted without deleting the function.")
    if not wanted.qualifier.isdigit():
        raise faults.invalid("Deletion of aliases is not currently supported.")
    found = list(entities.children(transaction.connection, call.scope, entities.ALIAS, wanted.name))
    naming = [alias.name for alias in found if alias.document["FunctionVersion"] == wanted.qualifier]
    if naming:
        arn = names.function_arn(call.scope, wanted.name, wanted.qualifier)
        raise faults.conflict(f"Version {arn} cannot be deleted because it is referenced by alias {naming[0]}.")
    resources.remove(transaction, resources.key(call.scope, entities.VERSION, wanted.qualifier, wanted.name))
