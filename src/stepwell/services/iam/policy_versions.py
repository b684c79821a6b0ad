"""Versions of customer policies: at most five stand, one of them is in effect. AWS's own have none to read here."""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.services.iam import documents, entities, managed, pages, policies
from stepwell.services.registry import Call, operation
from stepwell.store import resources
from stepwell.store.resources import Resource

MOST_VERSIONS = 5


def _shown(policy: Resource, version: str, *, with_document: bool) -> Document:
    kept = policy.document["Versions"][version]
    answer: Document = {
        "VersionId": version,
        "IsDefaultVersion": version == policy.document["DefaultVersionId"],
        "CreateDate": kept["CreateDate"],
    }
    return {**answer, "Document": documents.encoded(kept["Document"])} if with_document else answer


@operation
def create_policy_version(call: Call, request: Document) -> Document:
    documents.check_policy(request["PolicyDocument"])
    with call.site.database.write() as transaction:
        policy = policies.find(transaction.connection, call.scope, request["PolicyArn"])
        if len(policy.document["Versions"]) >= MOST_VERSIONS:
            raise entities.limit_exceeded(
                "A managed policy can have up to 5 versions. Before you create a new version, you must delete an "
                "existing version."
            )
        number = policy.document["LatestVersion"] + 1
        added = {f"v{number}": {"Document": request["PolicyDocument"], "CreateDate": call.now}}
        changes: Document = {"LatestVersion": number, "Versions": {**policy.document["Versions"], **added}}
        if request.get("SetAsDefault", False):
            changes["DefaultVersionId"] = f"v{number}"
        changed = policy.with_changes(call.now, **changes)
        resources.save(transaction, changed)
    return {"PolicyVersion": _shown(changed, f"v{number}", with_document=False)}


@operation
def get_policy_version(call: Call, request: Document) -> Document:
    if managed.is_managed(request["PolicyArn"]):
        raise managed.no_document(request["PolicyArn"])
    with call.site.database.read() as connection:
        policy = policies.find(connection, call.scope, request["PolicyArn"])
    _require(policy, request["VersionId"])
    return {"PolicyVersion": _shown(policy, request["VersionId"], with_document=True)}


@operation
def list_policy_versions(call: Call, request: Document) -> Document:
    if managed.is_managed(request["PolicyArn"]):
        only = {"VersionId": "v1", "IsDefaultVersion": True, "CreateDate": managed.CREATED}
        return {"Versions": [only], "IsTruncated": False}
    with call.site.database.read() as connection:
        policy = policies.find(connection, call.scope, request["PolicyArn"])

    def show(version: str) -> Document:
        return _shown(policy, version, with_document=False)

    return pages.page(request, "Versions", policy.document["Versions"], str, show)


@operation
def set_default_policy_version(call: Call, request: Document) -> Document:
    with call.site.database.write() as transaction:
        policy = policies.find(transaction.connection, call.scope, request["PolicyArn"])
        _require(policy, request["VersionId"])
        resources.save(transaction, policy.with_changes(call.now, DefaultVersionId=request["VersionId"]))
    return {}


@operation
def delete_policy_version(call: Call, request: Document) -> Document:
    version = request["VersionId"]
    with call.site.database.write() as transaction:
        policy = policies.find(transaction.connection, call.scope, request["PolicyArn"])
        _require(policy, version)
        if version == policy.document["DefaultVersionId"]:
            raise entities.delete_conflict("Cannot delete the default version of a policy.")
        left = {name: kept for name, kept in policy.document["Versions"].items() if name != version}
        resources.save(transaction, policy.with_changes(call.now, Versions=left))
    return {}


def _require(policy: Resource, version: str) -> None:
    if version not in policy.document["Versions"]:
        raise entities.no_such_entity(f"Policy {policy.document['Arn']} version {version} does not exist.")
