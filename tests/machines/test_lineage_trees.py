"""Trees and DOT of lineage: every entity told once, whatever the graph looks like."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stepwell.machines import lineage_trees
from stepwell.machines.lineage_trees import FAN, PLAIN, Node

NODES = {number: Node(f"arn:{number}", "artifact", "Thing", f"n{number}") for number in range(40)}


def drawn(following: dict[int, list[int]]) -> list[str]:
    return list(lineage_trees.tree(0, NODES, following))


def test_branches() -> None:
    assert drawn({0: [1, 2], 1: [3, 4], 2: [5]}) == [
        "├─ Thing  n1",
        "│  ├─ Thing  n3",
        "│  └─ Thing  n4",
        "└─ Thing  n2",
        "   └─ Thing  n5",
    ]
    assert list(lineage_trees.tree(0, NODES, {0: [1]}, PLAIN)) == ["`- Thing  n1"]


def test_what_comes_again_is_marked_and_not_repeated() -> None:
    assert drawn({0: [1, 2], 1: [3], 2: [1, 4, 4], 3: [0]}) == [
        "├─ Thing  n1",
        "│  └─ Thing  n3",
        "│     └─ Thing  n0  (as above)",
        "└─ Thing  n2",
        "   ├─ Thing  n1  (as above)",
        "   ├─ Thing  n4",
        "   └─ Thing  n4",
    ]


def test_wide_fans_are_folded() -> None:
    wide = drawn({0: list(range(1, FAN + 4))})
    assert len(wide) == FAN - 1
    assert wide[-1] == "└─ ... and 5 more"
    assert len(drawn({0: list(range(1, FAN + 1))})) == FAN


def test_depth_is_no_matter() -> None:
    following = {number: [number + 1] for number in range(5000)}
    nodes = dict.fromkeys(range(5001), NODES[0])
    assert len(list(lineage_trees.tree(0, nodes, following))) == 5000


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=40))
def test_any_graph_ends(edges: list[tuple[int, int]]) -> None:
    following: dict[int, list[int]] = {}
    for source, destination in dict.fromkeys(edges):
        following.setdefault(source, []).append(destination)
    lines = drawn(following)
    reached, waiting = {0}, [0]
    for node in waiting:
        for child in following.get(node, ()):
            if child not in reached:
                reached.add(child)
                waiting.append(child)
    assert {line.split()[-1] for line in lines if "as above" not in line} == {f"n{each}" for each in reached - {0}}


def test_dot_quotes_whatever_is_in_a_name() -> None:
    nodes = {1: Node('arn:"1"', "context", "group", "a\\b"), 2: Node("arn:2", "other", "x", 'say "y"\nz')}
    assert list(lineage_trees.dot(1, nodes, [(1, 2, "Produced"), (2, 1, "")]))[3:] == [
        '  "arn:\\"1\\"" [label="group\\na\\\\b", shape=folder, style=bold];',
        '  "arn:2" [label="x\\nsay \\"y\\"\\nz", shape=ellipse];',
        '  "arn:\\"1\\"" -> "arn:2" [label="Produced"];',
        '  "arn:2" -> "arn:\\"1\\"";',
        "}",
    ]
