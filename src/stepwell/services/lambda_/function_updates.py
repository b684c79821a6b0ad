"""Changes of a function: UpdateFunctionCode and UpdateFunctionConfiguration. Each gives it a new RevisionId."""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.services.lambda_ import configurations, entities, faults, function_code, names, versions
from stepwell.services.lambda_.names import LATEST
from stepwell.services.registry import Call, operation
from stepwell.store import resources


@operation
def update_function_code(call: Call, request: Document) -> Document:
    """Give the function other code; with Publish as a version, with DryRun only to see whether it could."""
    wanted = names.reference(call.scope, request["FunctionName"])
    if "ImageUri" in request:
        raise faults.invalid("Please do not provide ImageUri when updating a function with packageType Zip.")
    configurations.check(request)
    with call.site.database.read() as connection:
        standing = entities.function(connection, call.scope, wanted)
        configurations.check_revision(standing.document, request)
    code = function_code.receive(call, request)
    with call.site.database.write() as transaction:
        standing = entities.function(transaction.connection, call.scope, wanted)
        configurations.check_revision(standing.document, request)
        document = configurations.touched(configurations.with_code(standing.document, code, request), call.now)
        if request.get("DryRun"):
            return entities.shown(call.scope, wanted.name, document, LATEST)
        function = entities.replaced(standing, document, call.now)
        resources.save(transaction, function)
        if request.get("Publish"):
            return versions.publish(transaction, call, function, None)
    return entities.shown(call.scope, wanted.name, document, LATEST)


@operation
def update_function_configuration(call: Call, request: Document) -> Document:
    """Change the settings that the request names."""
    wanted = names.reference(call.scope, request["FunctionName"])
    with call.site.database.write() as transaction:
        standing = entities.function(transaction.connection, call.scope, wanted)
        configurations.check_revision(standing.document, request)
        document = configurations.changed(standing.document, wanted.name, request, call.now)
        resources.save(transaction, entities.replaced(standing, document, call.now))
    return entities.shown(call.scope, wanted.name, document, LATEST)
