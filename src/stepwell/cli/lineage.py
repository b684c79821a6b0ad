"""`stepwell lineage ARN|NAME|S3_URI`: what led to it and what became of it, as a tree, as DOT or as JSON.

Reads the database of the data folder, so it also works when the server is stopped. Exit codes: 0 drawn, 1 there is
no such thing, or no lineage of it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import replace

from stepwell.base import times
from stepwell.base.faults import Fault
from stepwell.cli import connection, data_folder
from stepwell.cli.data_folder import counted, printable, short_arn
from stepwell.machines import lineage_trees
from stepwell.machines.lineage_trees import LINES, PLAIN, Node, Strokes
from stepwell.services.sagemaker import lineage_pictures
from stepwell.services.sagemaker.associations import WORDS
from stepwell.services.sagemaker.lineage_pictures import Picture
from stepwell.store.associations import Direction

DEEPEST = 10
TITLES: dict[Direction, str] = {"Ascendants": "came from", "Descendants": "led to"}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "subject",
        metavar="ARN|NAME|S3_URI",
        help="the ARN or name of a job, package (GROUP/VERSION), artifact, action, context or group, or an S3 URI",
    )
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--up", dest="ways", action="store_const", const=("Ascendants",), help="only what led to it")
    way.add_argument(
        "--down", dest="ways", action="store_const", const=("Descendants",), help="only what became of it"
    )
    parser.set_defaults(ways=("Ascendants", "Descendants"))
    parser.add_argument(
        "--depth", type=_depth, default=DEEPEST, metavar="N", help=f"how many edges to follow (default: {DEEPEST})"
    )
    parser.add_argument(
        "--format", choices=("tree", "dot", "json"), default="tree", help="dot is for Graphviz (default: tree)"
    )


def run(options: argparse.Namespace) -> int:
    try:
        with data_folder.opened(options.data) as folder:
            folder.catch_up()
            with folder.database.read() as reading:
                pictures = {
                    way: lineage_pictures.of(reading, folder.scope, options.subject, way, options.depth)
                    for way in options.ways
                }
    except Fault as fault:
        return connection.complain(fault.message)
    match options.format:
        case "dot":
            print("\n".join(_dot(joined(pictures))))
        case "json":
            print(json.dumps(document(joined(pictures)), indent=2))
        case _:
            is_plain = "utf" not in (sys.stdout.encoding or "").lower()
            print("\n".join(lines(pictures, PLAIN if is_plain else LINES)))
    return 0


def lines(pictures: dict[Direction, Picture], strokes: Strokes = LINES) -> Iterator[str]:
    """The trees, one a direction."""
    first = next(iter(pictures.values()))
    start = _clean(first.nodes[first.start])
    yield f"{start.label}  {start.name}  ({_short(start.arn)})"
    for way, picture in pictures.items():
        count = len(picture.entities) - 1
        yield ""
        yield TITLES[way] + (f" ({counted(count, 'entity').replace('entitys', 'entities')})" if count else " nothing")
        nodes = {number: _clean(node) for number, node in picture.nodes.items()}
        yield from lineage_trees.tree(picture.start, nodes, picture.following(way), strokes)
        if picture.is_cut:
            yield "There is more: --depth N follows further."


def joined(pictures: dict[Direction, Picture]) -> Picture:
    """Both directions in one."""
    first, *others = pictures.values()
    for other in others:
        edges = {(edge.source, edge.destination): edge for edge in (*first.edges, *other.edges)}
        first = replace(
            first,
            entities={**first.entities, **other.entities},
            depths={**other.depths, **first.depths},
            edges=list(edges.values()),
            is_cut=first.is_cut or other.is_cut,
        )
    return first


def document(picture: Picture) -> dict[str, object]:
    """The picture as JSON, in the words of QueryLineage."""
    entities = picture.entities
    return {
        "StartArn": entities[picture.start].arn,
        "Vertices": [
            {
                "Arn": entity.arn,
                "LineageType": WORDS.get(entity.kind, entity.kind),
                "Type": entity.type,
                "Name": entity.title or entity.name,
                "Source": entity.uri,
                "CreationTime": times.iso(entity.created),
                "Depth": picture.depths[number],
            }
            for number, entity in sorted(entities.items(), key=lambda each: (picture.depths[each[0]], each[0]))
        ],
        "Edges": [
            {
                "SourceArn": entities[edge.source].arn,
                "DestinationArn": entities[edge.destination].arn,
                "AssociationType": edge.type,
            }
            for edge in picture.edges
        ],
        "IsCut": picture.is_cut,
    }


def _dot(picture: Picture) -> Iterator[str]:
    nodes = {number: _clean(node) for number, node in picture.nodes.items()}
    edges = [(edge.source, edge.destination, edge.type) for edge in picture.edges]
    return lineage_trees.dot(picture.start, nodes, edges)


def _clean(node: Node) -> Node:
    """Without what could steer the terminal."""
    return replace(node, label=printable(node.label), name=printable(node.name))


def _short(arn: str) -> str:
    kind, _, name = short_arn(arn).partition("/")
    return f"{kind}/{name[:12]}..." if kind == "artifact" else f"{kind}/{name}"


def _depth(text: str) -> int:
    """A number of edges. Raises ArgumentTypeError."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no depth: 1 or more")
    return int(text)
