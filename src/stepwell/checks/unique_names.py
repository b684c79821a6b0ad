"""Room checks: names of steps are unique in the whole definition, those of parameters among themselves.

So are the names of what one Lambda or Callback step promises to answer, since these are read by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from stepwell.checks.running import Subject
from stepwell.definition.model import Parameter, Step
from stepwell.definition.outputs import OutputParameter
from stepwell.definition.problems import Problem, below, shown


def check(subject: Subject) -> Iterator[Problem]:
    """One problem for each name that has stood before. A step in both branches of a condition is one too."""
    yield from _repeated("step", subject.pipeline.steps)
    yield from _repeated("parameter", subject.pipeline.parameters)
    for step in subject.pipeline.steps:
        yield from _repeated("output parameter", step.outputs, "OutputName")


def _repeated(
    noun: str, items: Iterable[Step | Parameter | OutputParameter], member: str = "Name"
) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for item in items:
        if item.name in first:
            message = f"Duplicate {noun} name '{shown(item.name)}': it is also at {first[item.name]}."
            yield Problem(below(item.pointer, member), message)
        first.setdefault(item.name, item.pointer)
