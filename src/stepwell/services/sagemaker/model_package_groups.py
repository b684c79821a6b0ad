"""Model package groups: the registry's shelves. Their versions are in `model_packages.py`.

A group's document counts the versions it ever had (`LastVersion`), so that a number never comes back after a delete.
"""

from __future__ import annotations

import json

from stepwell.base.documents import Document
from stepwell.base.faults import validation
from stepwell.services import paging
from stepwell.services.registry import Call, operation
from stepwell.services.sagemaker.identities import user_context
from stepwell.services.sagemaker.model_registry import GROUP, PACKAGE, conflict, find_group, group_arn
from stepwell.services.sagemaker.tag_lists import tag_map
from stepwell.store import resources, tags
from stepwell.store.resources import AlreadyExists, Resource

KEPT = ("ModelPackageGroupDescription", "ManagedConfiguration")


@operation
def create_model_package_group(call: Call, request: Document) -> Document:
    name = request["ModelPackageGroupName"]
    arn, given_tags = group_arn(call.scope, name), tag_map(request.get("Tags"))
    document = {member: request[member] for member in KEPT if member in request}
    document.update(CreatedBy=user_context(call.scope), LastVersion=0)
    group = Resource(resources.key(call.scope, GROUP, name), "Completed", call.now, call.now, document)
    with call.site.database.write() as transaction:
        try:
            resources.add(transaction, group)
        except AlreadyExists:
            raise validation(f"Model Package Group already exists: {arn}") from None
        tags.put(transaction, arn, given_tags)
    return {"ModelPackageGroupArn": arn}


@operation
def describe_model_package_group(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        group = find_group(connection, call.scope, request["ModelPackageGroupName"])
    return {**_summary(call, group), "CreatedBy": group.document["CreatedBy"]}


@operation
def list_model_package_groups(call: Call, request: Document) -> Document:
    wanted = paging.query(request, call, GROUP)
    return paging.answer(call, wanted, "ModelPackageGroupSummaryList", lambda group: _summary(call, group))


def _summary(call: Call, group: Resource) -> Document:
    return {
        **{member: group.document[member] for member in KEPT if member in group.document},
        "ModelPackageGroupName": group.name,
        "ModelPackageGroupArn": group_arn(call.scope, group.name),
        "ModelPackageGroupStatus": group.status,
        "CreationTime": group.created,
    }


@operation
def delete_model_package_group(call: Call, request: Document) -> Document:
    with call.site.database.write() as transaction:
        group = find_group(transaction.connection, call.scope, request["ModelPackageGroupName"])
        left = resources.count(transaction.connection, PACKAGE, call.scope, group.name)
        if left:
            raise conflict(
                f"Model Package Group {group_arn(call.scope, group.name)} cannot be deleted: "
                f"it still contains {left} model packages. Delete them first."
            )
        resources.remove(transaction, group.key)
        tags.clear(transaction, group_arn(call.scope, group.name))
    return {}


@operation
def put_model_package_group_policy(call: Call, request: Document) -> Document:
    policy = request["ResourcePolicy"]
    if not _is_object(policy):
        raise validation("The ResourcePolicy is not valid: it must be a JSON object.")
    with call.site.database.write() as transaction:
        group = find_group(transaction.connection, call.scope, request["ModelPackageGroupName"])
        resources.save(transaction, group.with_changes(call.now, ResourcePolicy=policy))
    return {"ModelPackageGroupArn": group_arn(call.scope, group.name)}


@operation
def get_model_package_group_policy(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        group = find_group(connection, call.scope, request["ModelPackageGroupName"])
    return {"ResourcePolicy": _policy(call, group)}


@operation
def delete_model_package_group_policy(call: Call, request: Document) -> Document:
    with call.site.database.write() as transaction:
        group = find_group(transaction.connection, call.scope, request["ModelPackageGroupName"])
        _policy(call, group)
        resources.save(transaction, group.with_changes(call.now, ResourcePolicy=None))
    return {}


def _policy(call: Call, group: Resource) -> str:
    policy = group.document.get("ResourcePolicy")
    if policy is None:
        raise validation(f"Cannot find resource policy for: {group_arn(call.scope, group.name)}")
    return str(policy)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
