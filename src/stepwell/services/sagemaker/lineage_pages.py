"""Pages of a lineage query: which vertices come next, and which edges with them. In: a Question. Out: a Page.

What stands between two pages is kept in this process, by its token; nothing depends on it but speed.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from stepwell.base import ids
from stepwell.base.arn import Scope
from stepwell.services import paging
from stepwell.store import associations, lineage_entities, lineage_walks
from stepwell.store.associations import Association, Direction
from stepwell.store.database import Connection
from stepwell.store.lineage_entities import Filter
from stepwell.store.lineage_walks import Walk

MOST_KEPT = 32
"""Queries that stand still between two pages."""
MOST_IDS = 200_000
"""A query that found more is not kept: it is made again for the next page."""
TOKEN_LENGTH = 12
SHIFT = 48
"""Depth and id in one number, as a position among the vertices."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `start` None: nothing is walked, whatever is wanted is found."""

    start: int | None
    scope: Scope
    direction: Direction
    depth: int
    wanted: Filter
    with_edges: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Vertices by id, in their order, the edges that belong to them, and the token of the next page."""

    vertices: Sequence[int]
    edges: Sequence[Association]
    token: str = ""


@dataclass(slots=True)
class Standing:
    """A query between two pages: `pending` was found and not given yet."""

    question: Question
    walk: Walk | None
    pending: list[int] = field(default_factory=list)
    given: set[int] = field(default_factory=set)
    last: tuple[int, int] = (0, 0)
    """Depth and id of the vertex that was given last."""


_kept: OrderedDict[str, Standing] = OrderedDict()
_keeping = threading.Lock()


def following(connection: Connection, question: Question, token: str | None, most: int) -> Page:
    """The page behind `token`, at most `most` vertices. Raises ValidationException for a token we did not give."""
    standing = _resumed(connection, question, token)
    _fill(connection, standing, most)
    page, standing.pending = standing.pending[:most], standing.pending[most:]
    standing.given.update(page)
    edges = _edges(connection, page, standing.given) if question.with_edges else []
    if not standing.pending:
        return Page(page, edges)
    standing.last = (_depth(standing, page[-1]), page[-1])
    return Page(page, edges, _keep(standing))


def _fill(connection: Connection, standing: Standing, most: int) -> None:
    """Walk on until there is one vertex more than the page takes, or nothing further."""
    question, walk = standing.question, standing.walk
    if walk is None:
        last = standing.pending[-1] if standing.pending else standing.last[1]
        lacking = most + 1 - len(standing.pending)
        standing.pending += lineage_entities.everything(
            connection, question.scope, question.wanted, last, max(lacking, 0)
        )
        return
    while len(standing.pending) <= most and not walk.is_over:
        standing.pending += lineage_entities.matching(connection, walk.further(connection), question.wanted)


def _begun(connection: Connection, question: Question) -> Standing:
    if question.start is None:
        return Standing(question, None)
    walk = lineage_walks.begin(connection, question.start, question.direction, question.depth)
    if not question.with_edges:
        return Standing(question, walk)
    if question.wanted == Filter():
        return Standing(question, walk, [question.start])
    # Whatever lies on the way to what is wanted is given too: how far that reaches is known at the end.
    found: list[int] = lineage_entities.matching(connection, [question.start], question.wanted)
    while not walk.is_over:
        found += lineage_entities.matching(connection, walk.further(connection), question.wanted)
    shown = walk.on_the_way(connection, found)
    return Standing(question, walk, [each for level in walk.levels for each in level if each in shown])


def _edges(connection: Connection, page: Sequence[int], given: set[int]) -> list[Association]:
    """The edges between these vertices and those given before or with them."""
    fresh = set(page)
    out = (edge for edge in associations.out_of(connection, page) if edge.destination in given)
    into = (edge for edge in associations.into(connection, page) if edge.source in given and edge.source not in fresh)
    return [*out, *into]


def _resumed(connection: Connection, question: Question, token: str | None) -> Standing:
    position = paging.decode(token)
    if position is None:
        return _begun(connection, question)
    name, after = position
    with _keeping:
        standing = _kept.pop(str(name), None)
    if standing is not None and standing.question == question:
        return standing
    return _again(connection, question, divmod(after, 1 << SHIFT))


def _again(connection: Connection, question: Question, last: tuple[int, int]) -> Standing:
    """The query as it stood when the vertex at `last` had been given."""
    standing = _begun(connection, question)
    standing.last = last
    if standing.walk is None:
        standing.given.update(
            lineage_entities.everything(connection, question.scope, question.wanted, 0, last[1])
            if question.with_edges
            else ()
        )
        standing.given = {each for each in standing.given if each <= last[1]}
        return standing
    while standing.walk.depth < last[0] and not standing.walk.is_over:
        level = standing.walk.further(connection)
        standing.pending += lineage_entities.matching(connection, level, question.wanted)
    ranked = [(_depth(standing, each), each) for each in standing.pending]
    standing.given.update(each for depth, each in ranked if (depth, each) <= last)
    standing.pending = [each for depth, each in ranked if (depth, each) > last]
    return standing


def _depth(standing: Standing, vertex: int) -> int:
    return standing.walk.depths[vertex] if standing.walk is not None else 0


def _keep(standing: Standing) -> str:
    name = ids.token(TOKEN_LENGTH)
    if standing.walk is None or len(standing.walk.depths) <= MOST_IDS:
        with _keeping:
            _kept[name] = standing
            while len(_kept) > MOST_KEPT:
                _kept.popitem(last=False)
    depth, row_id = standing.last
    token = paging.encode((name, (depth << SHIFT) + row_id))
    assert token is not None
    return token
