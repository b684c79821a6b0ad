"""Room definition: which step waits for which.

In: a Pipeline. Out: its Graph: for every step what must have happened before it starts, and for every step who
waits for it. Edges come from DependsOn, from every reference, and from standing in a branch. Spec 02, section 4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from stepwell.definition.model import Branch, Pipeline, Step, Trigger
from stepwell.definition.references import of_step


@dataclass(frozen=True, slots=True)
class Requirement:
    """That `step` has ended as `trigger` says and, if a `branch` is named, that it took this branch."""

    step: str
    trigger: Trigger = "Completed"
    branch: Branch | None = None


@dataclass(frozen=True, slots=True)
class Waiter:
    """`step` waits for `requirement`."""

    step: str
    requirement: Requirement


@dataclass(frozen=True, slots=True)
class Graph:
    """What every step waits for. Steps that are named but do not exist are left out: the checks report them."""

    requirements: Mapping[str, frozenset[Requirement]]
    waiters: Mapping[str, tuple[Waiter, ...]] = field(init=False, repr=False, compare=False)
    """Step -> who waits for it, in the order of the definition."""

    def __post_init__(self) -> None:
        waiters: dict[str, list[Waiter]] = {step: [] for step in self.requirements}
        for step, requirements in self.requirements.items():
            for requirement in sorted(requirements, key=_order):
                waiters[requirement.step].append(Waiter(step, requirement))
        object.__setattr__(self, "waiters", {step: tuple(found) for step, found in waiters.items()})


def graph_of(pipeline: Pipeline) -> Graph:
    """The graph of `pipeline`, whose steps must have unique names."""
    known = pipeline.named
    return Graph(
        {
            step.name: frozenset(found for found in requirements_of(step) if found.step in known)
            for step in pipeline.steps
        }
    )


def requirements_of(step: Step) -> Iterator[Requirement]:
    """Everything `step` waits for; the same may come more than once."""
    if step.parent is not None:
        yield Requirement(step.parent.step, branch=step.parent.branch)
    for dependency in step.depends_on:
        yield Requirement(dependency.step, dependency.trigger)
    for reference in of_step(step):
        if reference.step is not None:
            yield Requirement(reference.step)


def find_cycle(graph: Graph) -> tuple[str, ...] | None:
    """Steps that wait for each other in a circle, the first again at the end; None when there is no circle."""
    waiting = {step: len(requirements) for step, requirements in graph.requirements.items()}
    free = [step for step, count in waiting.items() if count == 0]
    while free:
        for waiter in graph.waiters[free.pop()]:
            waiting[waiter.step] -= 1
            if waiting[waiter.step] == 0:
                free.append(waiter.step)
    stuck = {step for step, count in waiting.items() if count > 0}
    return _circle(graph, stuck) if stuck else None


def _circle(graph: Graph, stuck: set[str]) -> tuple[str, ...]:
    """Walk from any stuck step to one it waits for, all of them stuck, until a step comes again."""
    walked: dict[str, int] = {}
    step = min(stuck)
    while step not in walked:
        walked[step] = len(walked)
        step = min(found.step for found in graph.requirements[step] if found.step in stuck)
    circle = list(walked)[walked[step] :]
    return (*circle, step)


def _order(requirement: Requirement) -> tuple[str, str, str]:
    return requirement.step, requirement.trigger, requirement.branch or ""
