"""Room machines: what running some steps of a pipeline alone means for the others.

In: a Graph and the selected steps. Out: whose earlier results they need, and what must be selected besides, because
it lies on a way from one selected step to another. Spec 02, section 9; API reference, SelectiveExecutionConfig.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stepwell.definition.graph import Graph


@dataclass(frozen=True, slots=True)
class Selection:
    """`reused`: steps whose earlier results stand for them. `missing`: steps between selected ones, not selected."""

    reused: tuple[str, ...]
    missing: tuple[str, ...]


def selection(graph: Graph, rank: Mapping[str, int], selected: frozenset[str]) -> Selection:
    """What selecting these steps of the graph leads to; in the order of the definition."""
    before = {step: [need.step for need in needs] for step, needs in graph.requirements.items()}
    after = {step: [waiter.step for waiter in waiters] for step, waiters in graph.waiters.items()}
    between = _reached(before, selected) & _reached(after, selected)
    needed = {need for step in selected for need in before[step]}
    return Selection(_sorted(needed - selected, rank), _sorted(between - selected, rank))


def _reached(edges: Mapping[str, Iterable[str]], starts: Iterable[str]) -> set[str]:
    """Every step that can be reached from `starts` along `edges`, without those reached by no edge."""
    found: set[str] = set()
    waiting = list(starts)
    while waiting:
        for step in edges[waiting.pop()]:
            if step not in found:
                found.add(step)
                waiting.append(step)
    return found


def _sorted(steps: Iterable[str], rank: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(sorted(steps, key=rank.__getitem__))
