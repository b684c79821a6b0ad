"""Room steps: RegisterModel, a model package. In: CreateModelPackage's members. Out: DescribeModelPackage's.

A version in a group has no name, so the creation is made repeatable by its ClientToken, and the execution is named in
MetadataProperties.GeneratedBy (spec 02, section 13). It takes no tags either (CreateModelPackage refuses them): those
of the arguments go to the group, when the step makes it because it is missing (SDK pull request 2475; spec 04, 1). A
package outside of groups has a name, of which the arguments hold the prefix, as with jobs: the SDK writes one with
use_custom_job_prefix only (spec 01, section 5).
"""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.definition.resolve import ResolutionError
from stepwell.steps.kinds import Job, Need, StepType
from stepwell.steps.outcomes import Failed, Outcome, Succeeded

GROUP, NAME = "ModelPackageGroupName", "ModelPackageName"

_NOWHERE = (
    f"A RegisterModel step needs '{GROUP}' in its Arguments, the group in which the model becomes the next version. "
    "(A name alone is left out by the SDK unless PipelineDefinitionConfig(use_custom_job_prefix=True) keeps it.)"
)


def _extend(request: Document, execution_arn: str, token: str) -> Document:
    if not request.get(GROUP) and not request.get(NAME):
        raise ResolutionError(_NOWHERE)
    generated = {"GeneratedBy": execution_arn, **(request.get("MetadataProperties") or {})}
    kept = {name: value for name, value in request.items() if name != "Tags" or not request.get(GROUP)}
    return {**kept, "ClientToken": token, "MetadataProperties": generated}


def _needs(request: Document) -> Need | None:
    """The group of the version, unless it is named by ARN: then it is another's, or must stand."""
    group = request.get(GROUP)
    if not isinstance(group, str) or ":" in group:
        return None
    return Need("ModelPackageGroup", {GROUP: group}, {"Tags": request["Tags"]} if request.get("Tags") else {})


def _outcome(response: Document) -> Outcome | None:
    match response.get("ModelPackageStatus"):
        case "Completed":
            return Succeeded()
        case "Failed":
            details = response.get("ModelPackageStatusDetails") or {}
            reasons = [item.get("FailureReason") for item in details.get("ValidationStatuses") or []]
            return Failed("; ".join(filter(None, reasons)) or "No failure reason was given.")
        case _:
            return None


TYPE = StepType(
    "RegisterModel",
    "job",
    Job(
        noun="ModelPackage",
        metadata_key="RegisterModel",
        outcome=_outcome,
        describe_by_arn=True,
        named=False,
        role_member="",
        tagged=False,
        extend=_extend,
        needs=_needs,
    ),
    members=frozenset({"RetryPolicies"}),
)
