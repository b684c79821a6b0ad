"""The graphs on which engines are measured. In: nothing. Out: for each, its steps and what each waits for.

Every peer's program reads this file in its own environment, so it needs nothing but Python.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Graph = dict[str, list[str]]
"""Step -> the steps it waits for; every step behind those."""


@dataclass(frozen=True, slots=True)
class Workload:
    """One graph. `is_cached`: it is run once before, and every step then has an earlier result. `is_instant`: its
    steps are decided by the engine itself, no job runs."""

    name: str
    words: str
    graph: Callable[[], Graph]
    is_cached: bool = False
    is_instant: bool = False


def chain(length: int) -> Graph:
    return {f"S{number}": [f"S{number - 1}"] if number else [] for number in range(length)}


def fan(width: int) -> Graph:
    first = [f"S{number}" for number in range(width)]
    return {**{name: [] for name in first}, "Join": first}


def layers(depth: int, width: int, needs: int) -> Graph:
    graph: Graph = {}
    for layer in range(depth):
        for place in range(width):
            before = [f"L{layer - 1}x{(place + offset) % width}" for offset in range(needs)] if layer else []
            graph[f"L{layer}x{place}"] = before
    return graph


WORKLOADS: Mapping[str, Workload] = {
    each.name: each
    for each in (
        Workload("W1", "chain of 200", lambda: chain(200)),
        Workload("W2", "500 independent steps and a join", lambda: fan(500)),
        Workload("W3", "20 layers of 25, each step on 3 of the layer before", lambda: layers(20, 25, 3)),
        Workload("W4", "10,000 independent steps and a join", lambda: fan(10_000)),
        Workload("W5", "W2 again, every result taken from the cache", lambda: fan(500), is_cached=True),
        Workload("I1", "chain of 200 conditions", lambda: chain(200), is_instant=True),
        Workload("I2", "500 independent conditions and a join", lambda: fan(500), is_instant=True),
    )
}
