"""Room checks: EMR steps say where they run, once: an existing place or a new one. Spec 01, section 5."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stepwell.checks.running import Subject
from stepwell.definition.problems import Problem, below

PLACES: Mapping[str, tuple[str, str]] = {
    "EMR": ("ClusterId", "ClusterConfig"),
    "EMRServerless": ("ApplicationId", "ApplicationConfig"),
}
"""Type of step -> the argument that names an existing place, and the one that describes a new one."""


def check(subject: Subject) -> Iterator[Problem]:
    """Neither or both of the two; and a role for an existing cluster's step where the cluster is new."""
    for step in subject.pipeline.steps:
        if step.type not in PLACES:
            continue
        existing, new = (step.arguments.get(member) is not None for member in PLACES[step.type])
        inside = below(step.pointer, "Arguments")
        if existing == new:
            yield Problem(inside, "Exactly one of '{}' and '{}' is required.".format(*PLACES[step.type]))
        elif step.type == "EMR" and new and step.arguments.get("ExecutionRoleArn") is not None:
            message = "'ExecutionRoleArn' goes with 'ClusterId' only."
            yield Problem(below(inside, "ExecutionRoleArn"), message)
