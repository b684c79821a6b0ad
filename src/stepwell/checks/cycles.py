"""Room checks: no step waits, directly or through others, for itself. References count like DependsOn."""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.checks.running import Subject
from stepwell.definition.graph import find_cycle
from stepwell.definition.problems import Problem


def check(subject: Subject) -> Iterator[Problem]:
    """At most one problem: it names one circle, which may not be the only one."""
    circle = find_cycle(subject.graph)
    if circle is not None:
        pointer = subject.pipeline.named[circle[0]].pointer
        yield Problem(pointer, f"Cycle detected in the pipeline definition: {' -> '.join(circle)}")
