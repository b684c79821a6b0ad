"""Inline policies: documents that are part of one role."""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.services.iam import documents, entities, pages
from stepwell.services.registry import Call, operation
from stepwell.store import resources


@operation
def put_role_policy(call: Call, request: Document) -> Document:
    documents.check_policy(request["PolicyDocument"])
    with call.site.database.write() as transaction:
        role = entities.role(transaction.connection, call.scope, request["RoleName"])
        inline = {**role.document["InlinePolicies"], request["PolicyName"]: request["PolicyDocument"]}
        resources.save(transaction, role.with_changes(call.now, InlinePolicies=inline))
    return {}


@operation
def get_role_policy(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        role = entities.role(connection, call.scope, request["RoleName"])
    text = role.document["InlinePolicies"].get(request["PolicyName"])
    if text is None:
        raise _no_policy(request["PolicyName"])
    return {
        "RoleName": role.name,
        "PolicyName": request["PolicyName"],
        "PolicyDocument": documents.encoded(text),
    }


@operation
def list_role_policies(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        role = entities.role(connection, call.scope, request["RoleName"])
    return pages.page(request, "PolicyNames", role.document["InlinePolicies"], str, str)


@operation
def delete_role_policy(call: Call, request: Document) -> Document:
    with call.site.database.write() as transaction:
        role = entities.role(transaction.connection, call.scope, request["RoleName"])
        inline = dict(role.document["InlinePolicies"])
        if inline.pop(request["PolicyName"], None) is None:
            raise _no_policy(request["PolicyName"])
        resources.save(transaction, role.with_changes(call.now, InlinePolicies=inline))
    return {}


def _no_policy(name: str) -> Exception:
    return entities.no_such_entity(f"The role policy with name {name} cannot be found.")
