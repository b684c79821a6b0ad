"""Room machines: what a model package leaves in the lineage. In: its document. Out: artifacts, names, properties.

The package is an artifact whose source is its ARN; its group is a context; every approval status it ever had is an
action (developer guide, "Tracking Entities for Model Packages"; names as AWS's notebooks show them, spec 04, 3).
"""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.base.documents import Document
from stepwell.machines.job_lineage import Artifact

SUFFIX = "aws-model-group"
EXECUTION = "/execution/"


def parts(document: Document) -> list[Artifact]:
    """What contributed to the package: images and models of its containers, and the algorithms it was made of."""
    found: dict[str, Artifact] = {}
    for each in (*_containers(document), *_algorithms(document)):
        found.setdefault(each.uri, each)
    return list(found.values())


def _containers(document: Document) -> Iterator[Artifact]:
    specifications = (
        document.get("InferenceSpecification", {}),
        *document.get("AdditionalInferenceSpecifications", ()),
    )
    for specification in specifications:
        for container in specification.get("Containers", ()):
            source = container.get("ModelDataSource", {}).get("S3DataSource", {})
            for uri, type_ in (
                (container.get("Image"), "Image"),
                (container.get("ModelDataUrl") or source.get("S3Uri"), "Model"),
            ):
                if uri:
                    yield Artifact(uri, type_)


def _algorithms(document: Document) -> Iterator[Artifact]:
    for algorithm in document.get("SourceAlgorithmSpecification", {}).get("SourceAlgorithms", ()):
        for uri, type_ in ((algorithm.get("AlgorithmName"), "Algorithm"), (algorithm.get("ModelDataUrl"), "Model")):
            if uri:
                yield Artifact(uri, type_)


def package(arn: str, document: Document) -> Artifact:
    """The package itself."""
    shown = {
        "ModelPackageGroupName": document.get("ModelPackageGroupName"),
        "ModelPackageVersion": document.get("ModelPackageVersion"),
    }
    return Artifact(arn, "Model", {name: str(value) for name, value in shown.items() if value is not None})


def context_name(group: str) -> str:
    """What the context of a group is called."""
    return f"{group}-{SUFFIX}"


def context_properties(group: str, document: Document) -> Document:
    """What the context of a group says once a package with that document is in it."""
    generated_by = document.get("MetadataProperties", {}).get("GeneratedBy", "")
    execution = {"PipelineExecutionArn": generated_by} if EXECUTION in generated_by else {}
    return {"ModelPackageGroupName": group, **execution}


def approval_name(document: Document, moment: int) -> str:
    """What the action is called by which a package got its approval status in that second."""
    group, version = document["ModelPackageGroupName"], document["ModelPackageVersion"]
    return f"{group}-{version}-{document['ModelApprovalStatus']}-{moment}-{SUFFIX}"


def approval_properties(document: Document) -> Document:
    """What that action says."""
    members = ("ModelApprovalStatus", "ApprovalDescription")
    return {member: document[member] for member in members if document.get(member)}
