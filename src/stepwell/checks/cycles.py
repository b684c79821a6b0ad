"""Room checks: no step waits, directly or through others, for itself. References count like DependsOn."""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.checks.loops import loop_of
from stepwell.checks.running import Subject
from stepwell.definition.graph import Graph, Requirement, find_cycle
from stepwell.definition.problems import Problem

_ADVICE = "Each waits for the next: by DependsOn, by reading its properties, or by standing in its branch."


def check(subject: Subject) -> Iterator[Problem]:
    """At most one problem: it names one circle, which may not be the only one."""
    circle = find_cycle(_with_loops_whole(subject))
    if circle is not None:
        pointer = subject.pipeline.named[circle[0]].pointer
        words = f"Cycle detected in the pipeline definition: {' -> '.join(circle)}"
        yield Problem(pointer, f"{words}. {_ADVICE}")


def _with_loops_whole(subject: Subject) -> Graph:
    """The graph in which a loop waits for all that the steps of its body wait for, as it cannot end without."""
    loops = loop_of(subject.pipeline)
    if not loops:
        return subject.graph
    requirements = {step: set(found) for step, found in subject.graph.requirements.items()}
    for step, loop in loops.items():
        outside = (found.step for found in subject.graph.requirements[step])
        requirements[loop] |= {Requirement(name) for name in outside if name != loop and loops.get(name) != loop}
    return Graph({step: frozenset(found) for step, found in requirements.items()})
