"""UpdateModelPackage: approval, description, metadata, further inference specifications, life cycle.

Any approval status may follow any other (spec 04, section 1); what a member does to the document is one line below.
"""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.base.faults import validation
from stepwell.services.events import announcements
from stepwell.services.registry import Call, operation
from stepwell.services.sagemaker import recording
from stepwell.services.sagemaker.identities import user_context
from stepwell.services.sagemaker.model_registry import find_package, package_arn
from stepwell.store import resources

REPLACED = (
    "ModelApprovalStatus",
    "ModelPackageRegistrationType",
    "ApprovalDescription",
    "InferenceSpecification",
    "SourceUri",
    "ModelCard",
    "ModelLifeCycle",
)
MOST_PROPERTIES = 50
MOST_SPECIFICATIONS = 15


@operation
def update_model_package(call: Call, request: Document) -> Document:
    with recording.writing(call) as transaction:
        recording.catch_up(call.site)  # every approval counts: none may be replaced before it is recorded
        package = find_package(transaction.connection, call.scope, request["ModelPackageArn"])
        changes: Document = {member: request[member] for member in REPLACED if member in request}
        changes["CustomerMetadataProperties"] = _properties(package.document, request)
        changes["AdditionalInferenceSpecifications"] = _specifications(package.document, request)
        changes["LastModifiedBy"] = user_context(call.scope)
        updated = package.with_changes(call.now, **changes)
        resources.save(transaction, updated)
        announcements.model_package_changed(call.site, transaction, updated, call.now)
    return {"ModelPackageArn": package_arn(call.scope, package.name)}


def _properties(document: Document, request: Document) -> Document | None:
    """The customer's properties after the update; None when none are left."""
    merged = {**document.get("CustomerMetadataProperties", {}), **request.get("CustomerMetadataProperties", {})}
    removed = request.get("CustomerMetadataPropertiesToRemove", [])
    kept = {key: value for key, value in merged.items() if key not in removed}
    if len(kept) > MOST_PROPERTIES:
        raise validation(
            f"A model package can have at most {MOST_PROPERTIES} CustomerMetadataProperties; "
            f"this would make {len(kept)}."
        )
    return kept or None


def _specifications(document: Document, request: Document) -> list[Document] | None:
    """The additional inference specifications after the update; None when there are none."""
    added = request.get("AdditionalInferenceSpecificationsToAdd", [])
    every = [*document.get("AdditionalInferenceSpecifications", []), *added]
    names = [specification["Name"] for specification in every]
    if len(set(names)) < len(names):
        raise validation(f"Names of AdditionalInferenceSpecifications must be unique within a model package: {names}")
    if len(every) > MOST_SPECIFICATIONS:
        raise validation(
            f"A model package can have at most {MOST_SPECIFICATIONS} AdditionalInferenceSpecifications; "
            f"this would make {len(every)}."
        )
    return every or None
