"""Room definition, graph: which step waits for which."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from stepwell.definition.graph import Graph, Requirement, Waiter, find_cycle, graph_of
from stepwell.definition.json_text import JSON
from stepwell.definition.parse import parse


def work(name: str, **arguments: JSON) -> dict[str, JSON]:
    return {"Name": name, "Type": "Processing", "Arguments": arguments}


def graph(*steps: JSON) -> Graph:
    return graph_of(parse(json.dumps({"Steps": list(steps)})))


def get(step: str) -> JSON:
    return {"Get": f"Steps.{step}.X"}


def test_edges_come_from_depends_on_references_and_branches() -> None:
    condition: JSON = {
        "Name": "C",
        "Type": "Condition",
        "Arguments": {
            "Conditions": [{"Type": "Equals", "LeftValue": get("B"), "RightValue": 1}],
            "IfSteps": [{**work("If"), "DependsOn": ["A"]}],
            "ElseSteps": [work("Else", X=get("A"))],
        },
    }
    found = graph(
        work("A"),
        work("B", X={"y": [{"Std:Join": {"On": "", "Values": [get("A")]}}]}),
        condition,
        {**work("After"), "DependsOn": ["C", {"Step": "A", "Trigger": "Failed"}]},
        {**work("Late"), "SkipCheck": get("After")},
        work("Read", X={"Std:JsonGet": {"PropertyFile": {"Get": "Steps.A.PropertyFiles.F"}, "Path": "x"}}),
        work("Loose", X={"Get": "Parameters.P"}, Y={"Get": "Steps.Nowhere.X"}),
    )
    assert found.requirements == {
        "A": frozenset(),
        "B": {Requirement("A")},
        "C": {Requirement("B")},
        "If": {Requirement("C", branch="IfSteps"), Requirement("A")},
        "Else": {Requirement("C", branch="ElseSteps"), Requirement("A")},
        "After": {Requirement("C"), Requirement("A", "Failed")},
        "Late": {Requirement("After")},
        "Read": {Requirement("A")},
        "Loose": frozenset(),
    }
    assert found.waiters["C"] == (
        Waiter("If", Requirement("C", branch="IfSteps")),
        Waiter("Else", Requirement("C", branch="ElseSteps")),
        Waiter("After", Requirement("C")),
    )
    assert found.waiters["Late"] == ()


def test_the_same_need_counts_once() -> None:
    found = graph(work("A"), {**work("B", X=get("A"), Y=get("A")), "DependsOn": ["A", "A"]})
    assert found.requirements["B"] == {Requirement("A")}
    assert found.waiters["A"] == (Waiter("B", Requirement("A")),)


@pytest.mark.parametrize(
    ("steps", "circle"),
    [
        ([work("A"), work("B", X=get("A"))], None),
        ([work("A", X=get("A"))], ("A", "A")),
        ([work("A", X=get("B")), work("B", X=get("A"))], ("A", "B", "A")),
        (
            [work("A", X=get("C")), work("B", X=get("A")), work("C", X=get("B")), work("D", X=get("C"))],
            ("A", "C", "B", "A"),
        ),
        (
            [
                {
                    "Name": "C",
                    "Type": "Condition",
                    "Arguments": {
                        "Conditions": [{"Type": "Equals", "LeftValue": get("I"), "RightValue": 1}],
                        "IfSteps": [work("I")],
                    },
                }
            ],
            ("C", "I", "C"),
        ),
        ([work("Z", X=get("B")), work("B", X=get("C")), work("C", X=get("B"))], ("B", "C", "B")),
    ],
)
def test_circles_are_found(steps: list[JSON], circle: tuple[str, ...] | None) -> None:
    assert find_cycle(graph(*steps)) == circle


@settings(deadline=None)
@given(some.sets(some.tuples(some.integers(0, 6), some.integers(0, 6)), max_size=14))
def test_a_circle_is_one(edges: set[tuple[int, int]]) -> None:
    """What is found is a circle of real edges; nothing is found only when the steps can be put in order."""
    needs = {str(step): frozenset(Requirement(str(b)) for a, b in edges if a == step) for step in range(7)}
    circle = find_cycle(Graph(needs))
    if circle is not None:
        assert circle[0] == circle[-1]
        assert all(Requirement(after) in needs[before] for before, after in itertools.pairwise(circle))
    else:
        placed: set[str] = set()
        while len(placed) < len(needs):
            free = {s for s, need in needs.items() if s not in placed and all(r.step in placed for r in need)}
            assert free
            placed |= free
