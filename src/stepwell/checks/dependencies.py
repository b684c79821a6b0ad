"""Room checks: every step that DependsOn names exists, and is not one that ends the execution."""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.checks.running import Subject
from stepwell.definition.problems import Problem, shown, suggestion


def check(subject: Subject) -> Iterator[Problem]:
    """One problem for each element of DependsOn that cannot be waited for. The text about Fail is AWS's."""
    named = subject.pipeline.named
    for step in subject.pipeline.steps:
        for dependency in step.depends_on:
            target = named.get(dependency.step)
            if target is None:
                hint = suggestion(dependency.step, named)
                yield Problem(dependency.pointer, f"Unknown step '{shown(dependency.step)}' in DependsOn.{hint}")
            elif target.type == "Fail":
                words = f"{step.name} can not depends on {target.name}"
                yield Problem(dependency.pointer, f"{words}: a Fail step ends the execution, and nothing follows it.")
