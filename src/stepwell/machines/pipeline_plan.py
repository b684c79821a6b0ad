"""Room machines: what a definition says about the order of its steps: facts that no execution changes.

In: a checked Pipeline. Out: its Plan. The steps of a ForEach body are not steps of the plan: they are the pattern
from which the loop makes a step for each item, so what they need from outside is what the loop itself waits for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stepwell.definition.graph import Graph, Requirement, Waiter, graph_of
from stepwell.definition.model import Pipeline, Step
from stepwell.steps import registry
from stepwell.steps.kinds import Kind


@dataclass(frozen=True, slots=True)
class Body:
    """The steps that a ForEach repeats, and which of them wait for which within one turn."""

    steps: tuple[str, ...]
    at_once: int
    """How many turns may be under way."""
    requirements: Mapping[str, frozenset[Requirement]]
    waiters: Mapping[str, tuple[Waiter, ...]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the definition says about order. `rank` is the place of each step in the definition."""

    graph: Graph
    kinds: Mapping[str, Kind]
    rank: Mapping[str, int]
    bodies: Mapping[str, Body] = field(default_factory=dict)
    """ForEach step -> what it repeats."""


def plan_of(pipeline: Pipeline) -> Plan:
    """The plan of a checked pipeline."""
    whole = graph_of(pipeline)
    inside = {step.name: step.parent.step for step in pipeline.steps if step.parent and _is_body(step)}
    loops = {step.name: step for step in pipeline.steps if step.type == "ForEach"}
    graph = Graph({name: found for name, found in whole.requirements.items() if name not in inside})
    if loops:
        graph = Graph(_with_needs_of_bodies(whole, inside))
    return Plan(
        graph,
        {step.name: registry.of(step.type).kind for step in pipeline.steps},
        {step.name: rank for rank, step in enumerate(pipeline.steps)},
        {name: _body(step, whole, inside) for name, step in loops.items()},
    )


def _is_body(step: Step) -> bool:
    return step.parent is not None and step.parent.branch == "ForEachBody"


def _with_needs_of_bodies(whole: Graph, inside: Mapping[str, str]) -> dict[str, frozenset[Requirement]]:
    needs = {name: set(found) for name, found in whole.requirements.items() if name not in inside}
    for name, loop in inside.items():
        needs[loop] |= {need for need in whole.requirements[name] if need.step != loop and need.step not in inside}
    return {name: frozenset(found) for name, found in needs.items()}


def _body(loop: Step, whole: Graph, inside: Mapping[str, str]) -> Body:
    steps = tuple(name for name, holder in inside.items() if holder == loop.name)
    graph = Graph(
        {name: frozenset(need for need in whole.requirements[name] if need.step in steps) for name in steps}
    )
    return Body(steps, loop.loop.max_concurrency if loop.loop else 1, graph.requirements, graph.waiters)
