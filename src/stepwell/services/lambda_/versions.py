"""Published versions, numbered from 1 and never changed: PublishVersion, ListVersionsByFunction.

Publishing what was published last is success and makes nothing new (Lambda API Reference, PublishVersion).
"""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.services import paging
from stepwell.services.lambda_ import configurations, entities, faults, names
from stepwell.services.lambda_.names import LATEST
from stepwell.services.registry import Call, operation
from stepwell.store import resources
from stepwell.store.database import Transaction
from stepwell.store.resources import Query, Resource

MOST_LISTED = 50


@operation
def publish_version(call: Call, request: Document) -> Document:
    """Keep the function as it is now under the next number."""
    wanted = names.reference(call.scope, request["FunctionName"])
    with call.site.database.write() as transaction:
        function = entities.function(transaction.connection, call.scope, wanted)
        configurations.check_revision(function.document, request)
        _check_code(function.document["CodeSha256"], request.get("CodeSha256"))
        return publish(transaction, call, function, request.get("Description"))


@operation
def list_versions_by_function(call: Call, request: Document) -> Document:
    """$LATEST, and then the published versions from the first on."""
    wanted = names.reference(call.scope, request["FunctionName"])
    after = paging.decode(request.get("Marker"))
    limit = min(request.get("MaxItems", MOST_LISTED), MOST_LISTED)
    query = Query(entities.VERSION, call.scope, wanted.name, descending=False, limit=limit, after=after)
    with call.site.database.read() as connection:
        function = entities.function(connection, call.scope, wanted)
        rows, following = resources.page(connection, query)
    latest = [] if after else [entities.shown(call.scope, wanted.name, function.document, LATEST, LATEST)]
    answer: Document = {"Versions": latest + [shown(call, row) for row in rows]}
    return {**answer, "NextMarker": paging.encode(following)} if following else answer


def publish(transaction: Transaction, call: Call, function: Resource, description: str | None) -> Document:
    """The version that shows the function as it stands: the last one if nothing changed since, else a new one."""
    last = function.document["LastVersion"]
    if last:
        key = resources.key(call.scope, entities.VERSION, str(last), function.name)
        found = resources.find(transaction.connection, key)
        if found is not None and configurations.is_same(found.document, function.document):
            return shown(call, found)
    number = last + 1
    document = {
        **function.document,
        "Description": function.document["Description"] if description is None else description,
        "RevisionId": entities.fresh_revision(),
    }
    key = resources.key(call.scope, entities.VERSION, str(number), function.name)
    version = Resource(key, "Active", call.now, call.now, document)
    resources.add(transaction, version)
    resources.save(transaction, function.with_changes(call.now, LastVersion=number))
    return shown(call, version)


def shown(call: Call, version: Resource) -> Document:
    """A version's FunctionConfiguration."""
    return entities.shown(call.scope, version.key.parent, version.document, version.name, version.name)


def _check_code(present: str, expected: str | None) -> None:
    if expected not in (None, present):
        raise faults.invalid(
            f"CodeSHA256 ({expected}) is different from current CodeSHA256 in $LATEST ({present}). "
            "Please try again with the CodeSHA256 in $LATEST."
        )
