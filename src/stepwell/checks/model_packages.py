"""Room checks: a version in a model package group has no name of its own. Spec 01, section 5 (RegisterModel).

The service has no such member there; the SDK writes one only for packages outside of groups, as a prefix.
"""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.checks.running import Subject
from stepwell.definition.problems import Problem, below


def check(subject: Subject) -> Iterator[Problem]:
    """One problem for each RegisterModel step with both a group and a name."""
    for step in subject.pipeline.steps:
        if step.type != "RegisterModel" or step.arguments.get("ModelPackageName") is None:
            continue
        if step.arguments.get("ModelPackageGroupName") is not None:
            message = "Unknown Argument member 'ModelPackageName': a version in a group is named by its group."
            yield Problem(below(step.pointer, "Arguments", "ModelPackageName"), message)
