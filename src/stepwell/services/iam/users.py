"""Users and the account: there are no users here; whoever calls is the root key's role, or a session of one."""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.services.iam import entities
from stepwell.services.registry import Call, operation


@operation
def get_user(call: Call, request: Document) -> Document:  # noqa: ARG001 - every handler takes both
    if "UserName" not in request:
        raise Fault("ValidationError", "Must specify userName when calling with non-User credentials")
    raise entities.no_such_entity(f"The user with name {request['UserName']} cannot be found.")


@operation
def list_users(call: Call, request: Document) -> Document:  # noqa: ARG001 - every handler takes both
    return {"Users": [], "IsTruncated": False}


@operation
def list_account_aliases(call: Call, request: Document) -> Document:  # noqa: ARG001 - every handler takes both
    return {"AccountAliases": [], "IsTruncated": False}
