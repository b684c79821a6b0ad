"""Room machines, pipeline_selection: which steps of a diamond can run alone, and on whose results."""

from __future__ import annotations

import pytest

from stepwell.definition.graph import Graph, Requirement
from stepwell.machines.pipeline_selection import Selection, selection

AFTER = {"A": [], "B": ["A"], "C": ["A"], "D": ["B", "C"], "E": ["D"], "X": []}
GRAPH = Graph({step: frozenset(Requirement(need) for need in needs) for step, needs in AFTER.items()})
RANK = {step: rank for rank, step in enumerate(AFTER)}


@pytest.mark.parametrize(
    ("selected", "reused", "missing"),
    [
        ("A", "", ""),
        ("X", "", ""),
        ("B", "A", ""),
        ("D", "BC", ""),
        ("E", "D", ""),
        ("AB", "", ""),
        ("BC", "A", ""),
        ("BD", "AC", ""),
        ("AD", "BC", "BC"),
        ("ABD", "C", "C"),
        ("ABCD", "", ""),
        ("BE", "AD", "D"),
        ("AX", "", ""),
        ("ABCDEX", "", ""),
    ],
)
def test_selection(selected: str, reused: str, missing: str) -> None:
    assert selection(GRAPH, RANK, frozenset(selected)) == Selection(tuple(reused), tuple(missing))
