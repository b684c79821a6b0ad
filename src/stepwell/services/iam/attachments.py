"""Managed policies on roles: attaching, detaching, and both sides' lists. The role's row holds the ARNs."""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.services.iam import entities, managed, pages, policies
from stepwell.services.iam.entities import ROLE
from stepwell.services.registry import Call, operation
from stepwell.store import resources
from stepwell.store.resources import Resource

MOST_ATTACHED = 20
"""IAM's default quota is 10 and can be raised to 20."""


@operation
def attach_role_policy(call: Call, request: Document) -> Document:
    policy_arn = request["PolicyArn"]
    with call.site.database.write() as transaction:
        role = entities.role(transaction.connection, call.scope, request["RoleName"])
        if not managed.is_managed(policy_arn):
            policies.find(transaction.connection, call.scope, policy_arn)
        attached = role.document["AttachedPolicies"]
        if policy_arn in attached:
            return {}
        if len(attached) >= MOST_ATTACHED:
            raise entities.limit_exceeded(f"Cannot exceed quota for PoliciesPerRole: {MOST_ATTACHED}")
        resources.save(transaction, role.with_changes(call.now, AttachedPolicies=[*attached, policy_arn]))
    return {}


@operation
def detach_role_policy(call: Call, request: Document) -> Document:
    policy_arn = request["PolicyArn"]
    with call.site.database.write() as transaction:
        role = entities.role(transaction.connection, call.scope, request["RoleName"])
        attached = role.document["AttachedPolicies"]
        if policy_arn not in attached:
            raise entities.no_such_entity(f"Policy {policy_arn} was not found.")
        left = [kept for kept in attached if kept != policy_arn]
        resources.save(transaction, role.with_changes(call.now, AttachedPolicies=left))
    return {}


@operation
def list_attached_role_policies(call: Call, request: Document) -> Document:
    prefix = request.get("PathPrefix", "/")
    with call.site.database.read() as connection:
        role = entities.role(connection, call.scope, request["RoleName"])
    attached = [arn for arn in role.document["AttachedPolicies"] if _path_and_name(arn).startswith(prefix)]
    return pages.page(request, "AttachedPolicies", attached, str, _attached)


@operation
def list_entities_for_policy(call: Call, request: Document) -> Document:
    policy_arn, prefix = request["PolicyArn"], request.get("PathPrefix", "/")
    with call.site.database.read() as connection:
        if not managed.is_managed(policy_arn):
            policies.find(connection, call.scope, policy_arn)
        roles = [row for row in entities.all_of(connection, call.scope, ROLE) if _carries(row, policy_arn, prefix)]
    if request.get("EntityFilter", "Role") != "Role":
        roles = []
    answer = pages.page(request, "PolicyRoles", roles, lambda role: role.name, _carrier)
    return {"PolicyGroups": [], "PolicyUsers": [], **answer}


def _path_and_name(policy_arn: str) -> str:
    return "/" + policy_arn.partition(":policy/")[2]


def _attached(policy_arn: str) -> Document:
    return {"PolicyName": policy_arn.rpartition("/")[2], "PolicyArn": policy_arn}


def _carries(role: Resource, policy_arn: str, prefix: str) -> bool:
    return policy_arn in role.document["AttachedPolicies"] and role.document["Path"].startswith(prefix)


def _carrier(role: Resource) -> Document:
    return {"RoleName": role.name, "RoleId": role.document["RoleId"]}
