"""Actions: what was done, such as an approval or a deployment. Spec 04, section 3."""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.services.registry import Call, operation
from stepwell.services.sagemaker import lineage_nouns
from stepwell.services.sagemaker.lineage_rows import ACTION


@operation
def create_action(call: Call, request: Document) -> Document:
    request.setdefault("Status", "Unknown")
    return lineage_nouns.create(call, ACTION, request, request["ActionName"])


@operation
def describe_action(call: Call, request: Document) -> Document:
    return lineage_nouns.describe(call, ACTION, request)


@operation
def list_actions(call: Call, request: Document) -> Document:
    return lineage_nouns.listed(call, ACTION, request)


@operation
def update_action(call: Call, request: Document) -> Document:
    return lineage_nouns.update(call, ACTION, request)


@operation
def delete_action(call: Call, request: Document) -> Document:
    return lineage_nouns.delete(call, ACTION, request["ActionName"])
