"""Room checks: a version in a model package group has no name of its own. Spec 01, section 5 (RegisterModel).

AWS's own words for one are "Unknown Argument member". Without a group a name is a prefix, like those of jobs; the SDK
writes one only where use_custom_job_prefix asks for it, and else neither: such a step fails when it runs.
"""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.checks.running import Subject
from stepwell.definition.problems import Problem, below
from stepwell.steps.register_model import GROUP, NAME


def check(subject: Subject) -> Iterator[Problem]:
    """One problem for each RegisterModel step with both a group and a name."""
    for step in subject.pipeline.steps:
        if step.type != "RegisterModel" or any(step.arguments.get(member) is None for member in (GROUP, NAME)):
            continue
        message = f"Unknown Argument member '{NAME}': a version in a group is named by its group. Leave it out."
        yield Problem(below(step.pointer, "Arguments", NAME), message)
