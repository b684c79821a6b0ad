"""Tags of roles and of customer policies."""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.services.iam import entities, pages, policies, tag_lists
from stepwell.services.registry import Call, operation
from stepwell.store import tags
from stepwell.store.database import Connection


def _role_arn(connection: Connection, call: Call, request: Document) -> str:
    return str(entities.role(connection, call.scope, request["RoleName"]).document["Arn"])


def _policy_arn(connection: Connection, call: Call, request: Document) -> str:
    return str(policies.find(connection, call.scope, request["PolicyArn"]).document["Arn"])


@operation
def tag_role(call: Call, request: Document) -> Document:
    added = tag_lists.tag_map(request["Tags"])
    with call.site.database.write() as transaction:
        tag_lists.add(transaction, _role_arn(transaction.connection, call, request), added)
    return {}


@operation
def untag_role(call: Call, request: Document) -> Document:
    with call.site.database.write() as transaction:
        tags.remove(transaction, _role_arn(transaction.connection, call, request), request["TagKeys"])
    return {}


@operation
def list_role_tags(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        found = tags.of(connection, _role_arn(connection, call, request))
    return _page(request, found)


@operation
def tag_policy(call: Call, request: Document) -> Document:
    added = tag_lists.tag_map(request["Tags"])
    with call.site.database.write() as transaction:
        tag_lists.add(transaction, _policy_arn(transaction.connection, call, request), added)
    return {}


@operation
def untag_policy(call: Call, request: Document) -> Document:
    with call.site.database.write() as transaction:
        tags.remove(transaction, _policy_arn(transaction.connection, call, request), request["TagKeys"])
    return {}


@operation
def list_policy_tags(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        found = tags.of(connection, _policy_arn(connection, call, request))
    return _page(request, found)


def _page(request: Document, found: dict[str, str]) -> Document:
    return pages.page(request, "Tags", tag_lists.tag_list(found), lambda tag: str(tag["Key"]), lambda tag: tag)
