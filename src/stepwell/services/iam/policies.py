"""Customer policies: documents of their own that roles can share, with up to five versions each."""

from __future__ import annotations

from collections import Counter

from stepwell.base import arn as arns
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.services.iam import documents, entities, managed, pages, tag_lists
from stepwell.services.iam.entities import POLICY, ROLE
from stepwell.services.registry import Call, operation
from stepwell.store import resources, tags
from stepwell.store.database import Connection
from stepwell.store.resources import Resource


def find(connection: Connection, scope: Scope, policy_arn: str) -> Resource:
    """The customer policy of that ARN. Raises NoSuchEntity, or AccessDenied for AWS's own, which have no row."""
    if managed.is_managed(policy_arn):
        raise managed.unchangeable(policy_arn)
    parsed = arns.parse(policy_arn)
    name = parsed.resource.rpartition("/")[2] if parsed else ""
    found = resources.find(connection, entities.key(scope, POLICY, name))
    if found is None or found.document["Arn"] != policy_arn:
        raise not_attachable(policy_arn)
    return found


def not_attachable(policy_arn: str) -> Exception:
    return entities.no_such_entity(f"Policy {policy_arn} does not exist or is not attachable.")


def shown(policy: Resource, attachments: int) -> Document:
    """A policy as answers show it."""
    members = ("PolicyId", "Arn", "Path", "DefaultVersionId", "Description")
    answer: Document = {member: policy.document[member] for member in members if member in policy.document}
    return {
        **answer,
        "PolicyName": policy.name,
        "AttachmentCount": attachments,
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": True,
        "CreateDate": policy.created,
        "UpdateDate": policy.modified,
    }


def attachments(connection: Connection, scope: Scope) -> Counter[str]:
    """How many roles carry each policy, by its ARN."""
    roles = entities.all_of(connection, scope, ROLE)
    return Counter(policy_arn for role in roles for policy_arn in role.document["AttachedPolicies"])


@operation
def create_policy(call: Call, request: Document) -> Document:
    documents.check_policy(request["PolicyDocument"])
    given_tags = tag_lists.tag_map(request.get("Tags", []))
    policy = _new_policy(call, request)
    with call.site.database.write() as transaction:
        if resources.find_ignoring_case(transaction.connection, policy.key) is not None:
            raise entities.already_exists(
                f"A policy called {policy.name} already exists. Duplicate names are not allowed."
            )
        resources.add(transaction, policy)
        tag_lists.add(transaction, policy.document["Arn"], given_tags)
    return {"Policy": {**shown(policy, 0), "Tags": tag_lists.tag_list(given_tags)}}


def _new_policy(call: Call, request: Document) -> Resource:
    name, path = request["PolicyName"], request.get("Path", "/")
    document: Document = {
        "PolicyId": entities.fresh_id("ANPA"),
        "Arn": entities.entity_arn(call.scope, POLICY, path, name),
        "Path": path,
        "DefaultVersionId": "v1",
        "LatestVersion": 1,
        "Versions": {"v1": {"Document": request["PolicyDocument"], "CreateDate": call.now}},
    }
    if "Description" in request:
        document["Description"] = request["Description"]
    return Resource(entities.key(call.scope, POLICY, name), "", call.now, call.now, document)


@operation
def get_policy(call: Call, request: Document) -> Document:
    policy_arn = request["PolicyArn"]
    with call.site.database.read() as connection:
        count = attachments(connection, call.scope)[policy_arn]
        if managed.is_managed(policy_arn):
            return {"Policy": managed.policy(policy_arn, count)}
        policy = find(connection, call.scope, policy_arn)
        policy_tags = tags.of(connection, policy_arn)
    return {"Policy": {**shown(policy, count), "Tags": tag_lists.tag_list(policy_tags)}}


@operation
def list_policies(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        counts = attachments(connection, call.scope)
        own = [shown(row, counts[row.document["Arn"]]) for row in entities.all_of(connection, call.scope, POLICY)]
    familiar = {*managed.FAMILIAR, *filter(managed.is_managed, counts)}
    of_aws = [managed.policy(policy_arn, counts[policy_arn]) for policy_arn in familiar]
    listed = {"Local": own, "AWS": of_aws}.get(request.get("Scope", "All"), own + of_aws)
    prefix, only_attached = request.get("PathPrefix", "/"), request.get("OnlyAttached", False)
    wanted = (
        policy
        for policy in listed
        if policy["Path"].startswith(prefix) and (policy["AttachmentCount"] or not only_attached)
    )
    return pages.page(request, "Policies", wanted, lambda policy: str(policy["Arn"]), lambda policy: policy)


@operation
def delete_policy(call: Call, request: Document) -> Document:
    with call.site.database.write() as transaction:
        policy = find(transaction.connection, call.scope, request["PolicyArn"])
        if attachments(transaction.connection, call.scope)[request["PolicyArn"]]:
            raise entities.delete_conflict("Cannot delete a policy attached to entities.")
        if len(policy.document["Versions"]) > 1:
            raise entities.delete_conflict(
                "This policy has more than one version. Before you delete a policy, you must delete the policy's "
                "versions. The default version is deleted with the policy."
            )
        resources.remove(transaction, policy.key)
        tags.clear(transaction, request["PolicyArn"])
    return {}
