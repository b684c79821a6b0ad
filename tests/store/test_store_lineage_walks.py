"""Room store, associations and walks: what they find equals a naive walk, in any graph, direction and depth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from stepwell.base.arn import Scope
from stepwell.store import associations, lineage_entities, lineage_walks, resources, tables
from stepwell.store.associations import Association, Direction, Query
from stepwell.store.database import Database
from stepwell.store.lineage_entities import Entity, Filter
from stepwell.store.resources import Resource

__all__ = ["tables"]

SCOPE = Scope("123456789012", "eu-west-1")
DIRECTIONS: tuple[Direction, ...] = ("Both", "Ascendants", "Descendants")
Edges = Iterable[tuple[int, int]]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    made = Database(tmp_path_factory.mktemp("walks") / "walks.db")
    yield made
    made.close()


@contextmanager
def graph(database: Database, size: int, edges: Edges) -> Iterator[list[int]]:
    """The ids of `size` artifacts, joined as `edges` says by their places; gone afterwards."""
    with database.write() as transaction:
        ids = [add(database, f"{number:032x}") for number in range(size)]
        for source, destination in edges:
            associations.add(transaction, Association(ids[source], ids[destination], "Produced", 1.0))
    try:
        yield ids
    finally:
        with database.write() as transaction:
            transaction.connection.execute(delete(resources.table))


def add(database: Database, name: str, kind: str = "artifact", type_: str = "DataSet", **document: object) -> int:
    with database.write() as transaction:
        row = resources.add(transaction, Resource(resources.key(SCOPE, kind, name), "", 1.0, 1.0, document))
        entity = Entity(row.id, SCOPE.account, SCOPE.region, kind, name, name, type_, f"s3://b/{name}", 1.0, 1.0)
        lineage_entities.put(transaction, entity)
    return row.id


def naive(edges: Edges, start: int, direction: Direction, depth: int) -> dict[int, int]:
    """How far each can be from the start, found one by one."""
    ways = set()
    for source, destination in edges:
        if direction != "Ascendants":
            ways.add((source, destination))
        if direction != "Descendants":
            ways.add((destination, source))
    found = {start: 0}
    queue = [start]
    for here in queue:
        for source, destination in sorted(ways):
            if source == here and destination not in found and found[here] < depth:
                found[destination] = found[here] + 1
                queue.append(destination)
    return found


SIZE = 9
PAIRS = st.tuples(st.integers(0, SIZE - 1), st.integers(0, SIZE - 1)).filter(lambda pair: pair[0] != pair[1])
GRAPHS = st.sets(PAIRS, max_size=20)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edges=GRAPHS, direction=st.sampled_from(DIRECTIONS), depth=st.integers(0, 10))
def test_a_walk_finds_what_a_naive_one_finds(
    database: Database, edges: set[tuple[int, int]], direction: Direction, depth: int
) -> None:
    with graph(database, SIZE, edges) as ids, database.read() as connection:
        walk = lineage_walks.begin(connection, ids[0], direction, depth)
        while not walk.is_over:
            walk.further(connection)
        expected = {ids[place]: far for place, far in naive(edges, 0, direction, depth).items()}
        assert walk.depths == expected
        assert [each for level in walk.levels for each in level] == sorted(expected, key=lambda i: (expected[i], i))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edges=GRAPHS, direction=st.sampled_from(DIRECTIONS), goals=st.sets(st.integers(0, SIZE - 1)))
def test_what_is_on_the_way_lies_on_a_shortest_path(
    database: Database, edges: set[tuple[int, int]], direction: Direction, goals: set[int]
) -> None:
    with graph(database, SIZE, edges) as ids, database.read() as connection:
        walk = lineage_walks.begin(connection, ids[0], direction, 10)
        while not walk.is_over:
            walk.further(connection)
        reached = naive(edges, 0, direction, 10)
        goals = goals & set(reached)
        opposite: Direction = {"Both": "Both", "Ascendants": "Descendants", "Descendants": "Ascendants"}[direction]  # type: ignore[assignment]
        expected = set()
        for goal in goals:
            back = naive(edges, goal, opposite, 10)
            expected |= {each for each in reached if reached[each] + back.get(each, 99) == reached[goal]}
        assert walk.on_the_way(connection, [ids[goal] for goal in goals]) == {ids[each] for each in expected}


def test_many_neighbours_are_found_in_slices(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(associations, "AT_ONCE", 2)
    with graph(database, 8, [(0, each) for each in range(1, 8)]) as ids, database.read() as connection:
        assert associations.neighbours(connection, ids[:1], "Descendants") == set(ids[1:])
        assert associations.neighbours(connection, ids[1:], "Ascendants") == {ids[0]}
        assert [edge.source for edge in associations.into(connection, ids[1:])] == [ids[0]] * 7


def test_what_is_removed_takes_its_edges_along(database: Database) -> None:
    with graph(database, 3, [(0, 1), (1, 2)]) as ids:
        with database.write() as transaction:
            resources.remove(transaction, resources.key(SCOPE, "artifact", f"{1:032x}"))
        with database.read() as connection:
            assert not associations.is_associated(connection, ids[0])
            assert not associations.is_associated(connection, ids[2])
            assert set(lineage_entities.of_ids(connection, ids)) == {ids[0], ids[2]}


def test_two_edges_of_one_pair_and_edges_of_nothing_cannot_be(database: Database) -> None:
    with graph(database, 2, [(0, 1)]) as ids, database.write() as transaction:
        with pytest.raises(associations.AlreadyExists):
            associations.add(transaction, Association(ids[0], ids[1], "", 2.0))
        associations.add(transaction, Association(ids[1], ids[0], "", 2.0))
        with pytest.raises(Exception, match="FOREIGN KEY"):
            associations.add(transaction, Association(ids[0], ids[1] + 1000, "", 2.0))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort_by", ["created", "source", "destination", "source_type", "destination_type"])
def test_pages_of_edges_are_whole_and_in_order(database: Database, sort_by: str, *, descending: bool) -> None:
    edges = [(0, 1), (0, 2), (1, 2), (2, 0), (1, 0)]
    with graph(database, 3, edges) as ids, database.read() as connection:
        found: list[Association] = []
        query = Query(SCOPE, sort_by=sort_by, descending=descending, limit=2)  # type: ignore[arg-type]
        after = None
        while True:
            page, after = associations.page(connection, replace(query, after=after))
            found += page
            if after is None:
                break
        assert {(edge.source, edge.destination) for edge in found} == {(ids[a], ids[b]) for a, b in edges}
        assert len(found) == len(edges)
        if sort_by in ("source", "destination"):
            sides = [getattr(edge, sort_by) for edge in found]
            assert sides == sorted(sides, reverse=descending)


def test_wanted_entities(database: Database) -> None:
    with graph(database, 0, []):
        data = add(database, "a", Properties={"owner": "me", "x": "1"})
        model = add(database, "b", type_="Model", Properties={"owner": "you"})
        action = add(database, "c", kind="action", type_="Approval")
        every = [action, model, data]
        cases = [
            (Filter(), every),
            (Filter(kinds=("artifact",)), [model, data]),
            (Filter(types=("Model", "Approval")), [action, model]),
            (Filter(properties=(("owner", "me"),)), [data]),
            (Filter(properties=(("owner", "you"), ("x", "1"))), [model, data]),
            (Filter(properties=(("owner", "me"),), kinds=("action",)), []),
            (Filter(created_after=1.0), []),
            (Filter(created_before=2.0, modified_after=0.0, modified_before=1.5), every),
            (Filter(modified_before=1.0), []),
        ]
        with database.read() as connection:
            for wanted, expected in cases:
                assert lineage_entities.matching(connection, every, wanted) == expected
                assert lineage_entities.everything(connection, SCOPE, wanted, 0, 10) == sorted(expected)
            assert lineage_entities.matching(connection, [], Filter(kinds=("action",))) == []
            assert lineage_entities.everything(connection, SCOPE, Filter(), data, 1) == [model]


def test_by_source(database: Database) -> None:
    with graph(database, 0, []), database.write() as transaction:
        first = add(database, "a")
        found = lineage_entities.first_at(transaction.connection, SCOPE, "artifact", "s3://b/a")
        assert found is not None
        assert (found.id, found.arn) == (first, "arn:aws:sagemaker:eu-west-1:123456789012:artifact/a")
        assert lineage_entities.first_at(transaction.connection, SCOPE, "action", "s3://b/a") is None
        newest = lineage_entities.newest_at(transaction.connection, SCOPE, "artifact", "s3://b/a", "DataSet")
        assert newest == found
        assert lineage_entities.newest_at(transaction.connection, SCOPE, "artifact", "s3://b/a", "Model") is None
