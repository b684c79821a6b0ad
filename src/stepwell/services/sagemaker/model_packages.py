"""Model packages: versions of a group, and unversioned ones by name. Spec 04, section 1.

A package is Completed as soon as it is created: there is nothing to validate unless ValidationSpecification asks for
transform jobs, which is refused out loud. How packages change is in `model_package_updates.py`.
"""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.base.faults import Fault, validation
from stepwell.services import paging
from stepwell.services.events import announcements
from stepwell.services.registry import Call, operation
from stepwell.services.sagemaker import recording
from stepwell.services.sagemaker.identities import user_context
from stepwell.services.sagemaker.model_registry import (
    PACKAGE,
    find_group,
    find_package,
    package_arn,
    package_key,
)
from stepwell.services.sagemaker.tag_lists import tag_map
from stepwell.store import resources, tags
from stepwell.store.database import Transaction
from stepwell.store.resources import Key, Query, Resource

DEFAULT_APPROVAL = "PendingManualApproval"
NOT_DESCRIBED = ("ClientToken", "Tags", "ModelPackageName", "ModelPackageGroupName")
SUMMARY = (
    "ModelPackageName",
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "ModelPackageStatus",
    "ModelApprovalStatus",
    "ModelLifeCycle",
    "ModelPackageRegistrationType",
)


@operation
def create_model_package(call: Call, request: Document) -> Document:
    _check(request)
    create = _create_version if "ModelPackageGroupName" in request else _create_unversioned
    with call.site.database.write() as transaction:
        name = create(transaction, call, request)
    return {"ModelPackageArn": package_arn(call.scope, name)}


def _check(request: Document) -> None:
    name, group = request.get("ModelPackageName"), request.get("ModelPackageGroupName")
    if name is not None and group is not None:
        raise validation(
            "Both ModelPackageName and ModelPackageGroupName are provided in the input. "
            "Cannot determine which one to use."
        )
    if name is None and group is None:
        raise validation("Missing ARN.")
    if group is not None and request.get("Tags"):
        raise validation(
            "Tags cannot be given for a version of a model package group: it has the tags of its group. "
            "Use CustomerMetadataProperties, or tag the group."
        )
    if "ValidationSpecification" in request:
        message = "Stepwell does not implement ValidationSpecification of sagemaker:CreateModelPackage yet."
        raise Fault("NotImplementedException", message, 501)


def _create_version(transaction: Transaction, call: Call, request: Document) -> str:
    """Adds the next version of the group and returns its name; the first one again for a ClientToken it knows."""
    group = find_group(transaction.connection, call.scope, request["ModelPackageGroupName"])
    standing = _created_by(transaction, call, request, group.name)
    if standing is not None:
        return standing.name
    version = group.document["LastVersion"] + 1
    resources.save(transaction, group.with_changes(call.now, LastVersion=version))
    document: Document = {
        "ModelApprovalStatus": DEFAULT_APPROVAL,
        **_document(call, request),
        "ModelPackageGroupName": group.name,
        "ModelPackageVersion": version,
        "Type": "Versioned",
    }
    added = _add(transaction, call, package_key(call.scope, f"{group.name}/{version}"), document)
    return added.name


def _create_unversioned(transaction: Transaction, call: Call, request: Document) -> str:
    name: str = request["ModelPackageName"]
    key = package_key(call.scope, name)
    standing = resources.find(transaction.connection, key)
    if standing is not None:
        if _is_same(standing, request):
            return name
        raise validation(f"ModelPackage already exists: {package_arn(call.scope, name)}")
    document = {**_document(call, request), "ModelPackageName": name, "Type": "Unversioned"}
    _add(transaction, call, key, document)
    tags.put(transaction, package_arn(call.scope, name), tag_map(request.get("Tags")))
    return name


def _created_by(transaction: Transaction, call: Call, request: Document, group: str) -> Resource | None:
    """The version that a create with the same ClientToken made before."""
    if "ClientToken" not in request:
        return None
    same = (("ClientToken", request["ClientToken"]),)
    rows, _ = resources.page(transaction.connection, Query(PACKAGE, call.scope, group, members=same, limit=1))
    return rows[0] if rows else None


def _is_same(standing: Resource, request: Document) -> bool:
    return "ClientToken" in request and standing.document.get("ClientToken") == request["ClientToken"]


def _document(call: Call, request: Document) -> Document:
    document = {member: value for member, value in request.items() if member not in NOT_DESCRIBED}
    document["CreatedBy"] = user_context(call.scope)
    document["ModelPackageStatusDetails"] = {"ValidationStatuses": [], "ImageScanStatuses": []}
    if "ClientToken" in request:
        document["ClientToken"] = request["ClientToken"]
    document.setdefault("CertifyForMarketplace", False)
    return document


def _add(transaction: Transaction, call: Call, key: Key, document: Document) -> Resource:
    added = resources.add(transaction, Resource(key, "Completed", call.now, call.now, document))
    announcements.model_package_changed(call.site, transaction, added, call.now)
    return added


def described(call: Call, package: Resource) -> Document:
    """A package as DescribeModelPackage answers it."""
    answer: Document = {
        **package.document,
        "ModelPackageArn": package_arn(call.scope, package.name),
        "ModelPackageStatus": package.status,
        "CreationTime": package.created,
    }
    return {**answer, "LastModifiedTime": package.modified} if "LastModifiedBy" in package.document else answer


@operation
def describe_model_package(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        package = find_package(connection, call.scope, request["ModelPackageName"])
    return described(call, package)


@operation
def batch_describe_model_package(call: Call, request: Document) -> Document:
    found: Document = {}
    failed: Document = {}
    with call.site.database.read() as connection:
        for arn in request["ModelPackageArnList"]:
            try:
                found[arn] = described(call, find_package(connection, call.scope, arn))
            except Fault as fault:
                failed[arn] = {"ErrorCode": fault.code, "ErrorResponse": fault.message}
    return {"ModelPackageSummaries": found, "BatchDescribeModelPackageErrorMap": failed}


@operation
def list_model_packages(call: Call, request: Document) -> Document:
    """Versions of a group; without a group, unversioned packages unless ModelPackageType says otherwise."""
    group, wanted_type = None, request.get("ModelPackageType")
    if "ModelPackageGroupName" in request:
        with call.site.database.read() as connection:
            group = find_group(connection, call.scope, request["ModelPackageGroupName"]).name
    equal: dict[str, str] = {}
    if wanted_type != "Both" and (wanted_type or group is None):
        equal["Type"] = wanted_type or "Unversioned"
    if "ModelApprovalStatus" in request:
        equal["ModelApprovalStatus"] = request["ModelApprovalStatus"]
    wanted = paging.query(request, call, PACKAGE, parent=group, members=tuple(equal.items()))
    return paging.answer(call, wanted, "ModelPackageSummaryList", lambda package: _summary(call, package))


def _summary(call: Call, package: Resource) -> Document:
    full = described(call, package)
    return {member: full[member] for member in SUMMARY if member in full}


@operation
def delete_model_package(call: Call, request: Document) -> Document:
    with recording.writing(call) as transaction:
        recording.catch_up(call.site)  # its lineage stays
        package = find_package(transaction.connection, call.scope, request["ModelPackageName"])
        resources.remove(transaction, package.key)
        tags.clear(transaction, package_arn(call.scope, package.name))
    return {}
