"""Artifacts: what has a URI, such as data, images and models. Spec 04, section 3."""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.base.faults import not_found, validation
from stepwell.services.registry import Call, operation
from stepwell.services.sagemaker import lineage_nouns, recording
from stepwell.services.sagemaker.lineage_rows import ARTIFACT, artifact_id
from stepwell.store import resources


@operation
def create_artifact(call: Call, request: Document) -> Document:
    return lineage_nouns.create(call, ARTIFACT, request, artifact_id(call.scope, request["Source"]))


@operation
def describe_artifact(call: Call, request: Document) -> Document:
    return lineage_nouns.describe(call, ARTIFACT, request)


@operation
def list_artifacts(call: Call, request: Document) -> Document:
    return lineage_nouns.listed(call, ARTIFACT, request)


@operation
def update_artifact(call: Call, request: Document) -> Document:
    return lineage_nouns.update(call, ARTIFACT, request)


@operation
def delete_artifact(call: Call, request: Document) -> Document:
    if ("ArtifactArn" in request) == ("Source" in request):
        raise validation("Exactly one of ArtifactArn and Source must be specified.")
    if "ArtifactArn" in request:
        return lineage_nouns.delete(call, ARTIFACT, request["ArtifactArn"])
    source = request["Source"]
    name = artifact_id(call.scope, source)
    with recording.reading(call) as connection:
        if resources.find(connection, resources.key(call.scope, ARTIFACT.kind, name)) is None:
            raise not_found(f"Artifact with source '{source['SourceUri']}' does not exist.")
    return lineage_nouns.delete(call, ARTIFACT, ARTIFACT.arn(call.scope, name))
