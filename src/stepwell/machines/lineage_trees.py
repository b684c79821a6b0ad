"""Room machines: a walk along lineage as a picture: a text tree, or DOT. In: nodes and edges. Out: lines.

A tree reads well as long as it tells everything once: what hangs under a node is drawn where the node comes first,
and marked wherever it comes again. Of a wide fan the first few are drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

FAN = 12
"""A node with more neighbours than this shows the first of them."""
AGAIN = "(as above)"


@dataclass(frozen=True, slots=True)
class Node:
    """What is drawn of an entity: what it is, and its name. `kind` is that of its ARN."""

    arn: str
    kind: str
    label: str
    name: str


@dataclass(frozen=True, slots=True)
class Strokes:
    """What a tree is drawn with; every text of the same width."""

    branch: str
    last: str
    pass_by: str
    nothing: str


LINES = Strokes("├─ ", "└─ ", "│  ", "   ")
PLAIN = Strokes("|- ", "`- ", "|  ", "   ")


def tree(
    start: int, nodes: Mapping[int, Node], following: Mapping[int, Sequence[int]], strokes: Strokes = LINES
) -> Iterator[str]:
    """The tree below `start`, without its own line. `following` says what is one edge further from each node."""
    drawn = {start}
    stack = [(child, "", position) for child, position in _children(start, following)][::-1]
    while stack:
        node, indent, (index, count) = stack.pop()
        is_last = index == count - 1
        branch = strokes.last if is_last else strokes.branch
        below = indent + (strokes.nothing if is_last else strokes.pass_by)
        if node < 0:
            yield f"{indent}{branch}... and {-node:,} more"
            continue
        shown = nodes[node]
        again = node in drawn and bool(following.get(node))
        drawn.add(node)
        yield f"{indent}{branch}{shown.label}  {shown.name}{'  ' + AGAIN if again else ''}".rstrip()
        if not again:
            stack += [(child, below, position) for child, position in _children(node, following)][::-1]


def _children(node: int, following: Mapping[int, Sequence[int]]) -> Iterator[tuple[int, tuple[int, int]]]:
    """What is drawn under a node, each with its place among how many; a negative number stands for so many more."""
    children = list(following.get(node, ()))
    if len(children) > FAN:
        children = [*children[: FAN - 2], -(len(children) - FAN + 2)]
    yield from ((child, (index, len(children))) for index, child in enumerate(children))


SHAPES: Mapping[str, str] = {
    "artifact": "note",
    "action": "hexagon",
    "context": "folder",
    "experiment-trial-component": "box",
    "experiment": "tab",
}


def dot(start: int, nodes: Mapping[int, Node], edges: Sequence[tuple[int, int, str]]) -> Iterator[str]:
    """The graph in the language of Graphviz."""
    yield "digraph lineage {"
    yield "  rankdir=LR;"
    yield '  node [fontname="sans-serif", fontsize=10];'
    for number, node in nodes.items():
        style = ", style=bold" if number == start else ""
        text = _quoted(f"{node.label}\n{node.name}")
        yield f"  {_quoted(node.arn)} [label={text}, shape={SHAPES.get(node.kind, 'ellipse')}{style}];"
    for source, destination, type_ in edges:
        label = f" [label={_quoted(type_)}]" if type_ else ""
        yield f"  {_quoted(nodes[source].arn)} -> {_quoted(nodes[destination].arn)}{label};"
    yield "}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
