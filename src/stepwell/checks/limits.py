"""Room checks: AWS's limits on the size of a definition. Spec 01, section 9."""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.checks.running import Subject
from stepwell.definition.problems import Problem, below

PARAMETERS = 200
OUTPUT_PARAMETERS = 50


def check(subject: Subject) -> Iterator[Problem]:
    """Too many parameters, or too many output parameters of a step."""
    count = len(subject.pipeline.parameters)
    if count > PARAMETERS:
        yield Problem("/Parameters", f"There are {count} parameters; at most {PARAMETERS} are allowed.")
    for step in subject.pipeline.steps:
        outputs = step.outputs
        if len(outputs) > OUTPUT_PARAMETERS:
            message = f"There are {len(outputs)} output parameters; at most {OUTPUT_PARAMETERS} are allowed."
            yield Problem(below(step.pointer, "OutputParameters"), message)
