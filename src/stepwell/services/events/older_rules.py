"""Room services: whether an event fits a rule's pattern, also one that was written for the ARNs of before 2023. Pure.

SageMaker once lower-cased pipeline names in ARNs; rules from that time name pipelines so (spec 02, sections 1 and
16). Such a rule, and no other, is also shown the event as it would have been then.
"""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.services.events.patterns import compiled, matches

MEMBERS = ("pipelineArn", "pipelineExecutionArn")


def fits(pattern: str, event: Document) -> bool:
    """Whether the event is one that the pattern of that text asks for."""
    if matches(compiled(pattern), event):
        return True
    detail = event.get("detail")
    arn = detail.get("pipelineArn") if isinstance(detail, dict) else None
    if not isinstance(arn, str) or arn == arn.lower() or arn.lower() not in pattern:
        return False
    return matches(compiled(pattern), _lowered(event))


def _lowered(event: Document) -> Document:
    arns = {member: event["detail"][member].lower() for member in MEMBERS if member in event["detail"]}
    resources = [arn.lower() for arn in event.get("resources", [])]
    return {**event, "resources": resources, "detail": {**event["detail"], **arns}}
