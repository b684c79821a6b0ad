"""Roles: who may assume them, and what they carry. Policies of a role are in `role_policies.py` and `attachments.py`.

Names are unique without regard to case (IAM User Guide, "IAM and AWS STS quotas, name requirements").
"""

from __future__ import annotations

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.services.iam import documents, entities, pages, tag_lists
from stepwell.services.iam.entities import ROLE
from stepwell.services.registry import Call, operation
from stepwell.store import resources, tags
from stepwell.store.resources import Resource

DEFAULT_SESSION_SECONDS = 3600
CHANGEABLE: tuple[str, ...] = ("Description", "MaxSessionDuration")


@operation
def create_role(call: Call, request: Document) -> Document:
    documents.check_trust_policy(request["AssumeRolePolicyDocument"])
    given_tags = tag_lists.tag_map(request.get("Tags", []))
    role = new_role(call.scope, call.now, request)
    with call.site.database.write() as transaction:
        if resources.find_ignoring_case(transaction.connection, role.key) is not None:
            raise entities.already_exists(f"Role with name {role.name} already exists.")
        resources.add(transaction, role)
        tag_lists.add(transaction, role.document["Arn"], given_tags)
    return {"Role": {**shown(role), "Tags": tag_lists.tag_list(given_tags)}}


def new_role(scope: Scope, now: float, request: Document) -> Resource:
    """The row of a role that does not stand yet; `request` is that of CreateRole."""
    name, path = request["RoleName"], request.get("Path", "/")
    document = {
        "RoleId": entities.fresh_id("AROA"),
        "Arn": entities.entity_arn(scope, ROLE, path, name),
        "Path": path,
        "AssumeRolePolicyDocument": request["AssumeRolePolicyDocument"],
        "Description": request.get("Description"),
        "MaxSessionDuration": request.get("MaxSessionDuration", DEFAULT_SESSION_SECONDS),
        "PermissionsBoundary": request.get("PermissionsBoundary"),
        "InlinePolicies": {},
        "AttachedPolicies": [],
    }
    kept = {member: value for member, value in document.items() if value is not None}
    return Resource(entities.key(scope, ROLE, name), "", now, now, kept)


def shown(role: Resource) -> Document:
    """A role as every operation but GetRole and CreateRole shows it: without tags."""
    members = ("RoleId", "Arn", "Path", "Description", "MaxSessionDuration")
    answer: Document = {member: role.document[member] for member in members if member in role.document}
    answer["RoleName"] = role.name
    answer["CreateDate"] = role.created
    answer["AssumeRolePolicyDocument"] = documents.encoded(role.document["AssumeRolePolicyDocument"])
    if "PermissionsBoundary" in role.document:
        boundary = role.document["PermissionsBoundary"]
        answer["PermissionsBoundary"] = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": boundary}
    return answer


@operation
def get_role(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        role = entities.role(connection, call.scope, request["RoleName"])
        role_tags = tags.of(connection, role.document["Arn"])
    return {"Role": {**shown(role), "Tags": tag_lists.tag_list(role_tags), "RoleLastUsed": {}}}


@operation
def list_roles(call: Call, request: Document) -> Document:
    prefix = request.get("PathPrefix", "/")
    with call.site.database.read() as connection:
        roles = list(entities.all_of(connection, call.scope, ROLE))
    wanted = (role for role in roles if role.document["Path"].startswith(prefix))
    return pages.page(request, "Roles", wanted, lambda role: role.name, shown)


@operation
def update_role(call: Call, request: Document) -> Document:
    changes: Document = {member: request[member] for member in CHANGEABLE if member in request}
    _change(call, request["RoleName"], changes)
    return {}


@operation
def update_role_description(call: Call, request: Document) -> Document:
    return {"Role": shown(_change(call, request["RoleName"], {"Description": request["Description"]}))}


@operation
def update_assume_role_policy(call: Call, request: Document) -> Document:
    documents.check_trust_policy(request["PolicyDocument"])
    _change(call, request["RoleName"], {"AssumeRolePolicyDocument": request["PolicyDocument"]})
    return {}


@operation
def put_role_permissions_boundary(call: Call, request: Document) -> Document:
    _change(call, request["RoleName"], {"PermissionsBoundary": request["PermissionsBoundary"]})
    return {}


@operation
def delete_role_permissions_boundary(call: Call, request: Document) -> Document:
    _change(call, request["RoleName"], {"PermissionsBoundary": None})
    return {}


@operation
def delete_role(call: Call, request: Document) -> Document:
    with call.site.database.write() as transaction:
        role = entities.role(transaction.connection, call.scope, request["RoleName"])
        if role.document["AttachedPolicies"]:
            raise entities.delete_conflict("Cannot delete entity, must detach all policies first.")
        if role.document["InlinePolicies"]:
            raise entities.delete_conflict("Cannot delete entity, must delete policies first.")
        resources.remove(transaction, role.key)
        tags.clear(transaction, role.document["Arn"])
    return {}


@operation
def list_instance_profiles_for_role(call: Call, request: Document) -> Document:
    """No instance profile ever stands here: nothing of EC2 does. Terraform asks before it deletes a role."""
    with call.site.database.read() as connection:
        entities.role(connection, call.scope, request["RoleName"])
    return {"InstanceProfiles": [], "IsTruncated": False}


def _change(call: Call, name: str, changes: Document) -> Resource:
    with call.site.database.write() as transaction:
        role = entities.role(transaction.connection, call.scope, name)
        changed = role.with_changes(call.now, **changes)
        resources.save(transaction, changed)
    return changed
