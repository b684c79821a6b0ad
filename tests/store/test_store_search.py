"""The search index as a table: stretches in order, from behind a row, conditions, and what goes with a resource."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stepwell.base.arn import Scope
from stepwell.store import resources, search_entries, search_properties, search_rows
from stepwell.store.database import Database
from stepwell.store.resources import Resource
from stepwell.store.search_entries import Entry, Stretch

SCOPE = Scope("123456789012", "eu-west-1", "")
NUMBERS, TEXTS = Stretch(0), Stretch(1)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "stepwell.db")
    yield made
    made.close()


@pytest.fixture
def entries(database: Database) -> list[Entry]:
    """Of five resources: numbers 1, 2, 2 and a text of one property, and a missing value."""
    with database.write() as transaction:
        search_properties.add(transaction, SCOPE, "thing", ["Size", "Name", "Size"])
        for number in range(5):
            resources.add(transaction, Resource(resources.key(SCOPE, "thing", f"n{number}"), "", 1.0, 1.0))
        rows = search_rows.after(transaction.connection, "thing", SCOPE, 0, 10)
        size = search_properties.of(transaction.connection, SCOPE, "thing")[0].id
        made = [
            Entry(size, form, number, text, row.id)
            for row, (form, number, text) in zip(
                rows, [(0, 1.0, ""), (0, 2.0, ""), (0, 2.0, ""), (1, 0.0, "big"), (2, 0.0, "")], strict=True
            )
        ]
        search_entries.add(transaction, [*made, made[0]])
    return made


def listed(
    database: Database,
    entries: list[Entry],
    stretch: Stretch,
    *,
    descending: bool = False,
    after: Entry | None = None,
) -> list[int]:
    """Indexes of entries as they are met, two at a time."""
    with database.read() as connection:
        found = search_entries.following(
            connection, entries[0].property, stretch, None, descending=descending, after=after, limit=2
        )
    return [entries.index(entry) for entry in found]


def test_stretches(database: Database, entries: list[Entry]) -> None:
    assert listed(database, entries, NUMBERS) == [0, 1]
    assert listed(database, entries, NUMBERS, after=entries[1]) == [2]
    assert listed(database, entries, NUMBERS, descending=True) == [2, 1]
    assert listed(database, entries, NUMBERS, descending=True, after=entries[1]) == [0]
    assert listed(database, entries, TEXTS) == [3]
    assert listed(database, entries, Stretch(2)) == [4]
    assert listed(database, entries, Stretch(0, low=1.0, above=True)) == [1, 2]
    assert listed(database, entries, Stretch(0, high=2.0, below=True)) == [0]
    assert listed(database, entries, Stretch(0, low=2.0), descending=True, after=entries[2]) == [1]
    assert listed(database, entries, Stretch(0, high=2.0), after=entries[0]) == [1, 2]


def test_conditions(database: Database, entries: list[Entry]) -> None:
    size, ids = entries[0].property, [entry.resource for entry in entries]
    low = search_entries.having(size, search_entries.within(Stretch(0, high=1.0)))
    not_low = search_entries.having(size, search_entries.within(Stretch(0, high=1.0)), negated=True)
    big = search_entries.having(size, search_entries.texts(["big", "huge"]))
    has_i = search_entries.having(size, search_entries.containing("i"))
    with database.read() as connection:

        def those(condition: search_entries.Condition) -> list[int]:
            return sorted(entries.index(entry) for entry in search_entries.among(connection, size, ids, condition))

        assert those(low) == [0]
        assert those(not_low) == [1, 2, 3, 4]
        assert those(big) == [3]
        assert those(has_i) == [3]
        assert those(search_entries.some([low, big])) == [0, 3]
        assert those(search_entries.every([not_low, big])) == [3]
        assert those(search_entries.some([])) == []
        assert those(search_entries.having(size, search_entries.present(), negated=True)) == [4]
        either = search_entries.either([search_entries.within(Stretch(0, low=2.0)), search_entries.texts(["big"])])
        assert sorted(search_entries.found(connection, size, either, 9)) == ids[1:4]
        assert len(search_entries.found(connection, size, either, 2)) == 2


def test_entries_go_with_their_resource(database: Database, entries: list[Entry]) -> None:
    with database.write() as transaction:
        resources.remove(transaction, resources.key(SCOPE, "thing", "n1"))
        search_entries.remove(transaction, [entries[0]])
    assert listed(database, entries, NUMBERS) == [2]


def test_how_far_a_property_is_built(database: Database, entries: list[Entry]) -> None:
    assert entries
    with database.write() as transaction:
        size, name = search_properties.of(transaction.connection, SCOPE, "thing")
        assert (size.name, size.progress, name.name) == ("Size", 0, "Name")
        search_properties.advance(transaction, [size, name], 7)
        search_properties.advance(transaction, [size], 3)
        search_properties.finish(transaction, [name])
        search_properties.add(transaction, SCOPE, "thing", ["Name"])
        known = search_properties.of(transaction.connection, SCOPE, "thing")
        assert [(each.name, each.progress) for each in known] == [("Size", 7), ("Name", None)]
        assert search_properties.of(transaction.connection, SCOPE, "other") == []


def test_living_resources(database: Database, entries: list[Entry]) -> None:
    with database.write() as transaction:
        search_entries.add(
            transaction, [Entry(entries[0].property, search_entries.LIVING, 0.0, "", entries[1].resource)]
        )
        assert search_entries.living(transaction.connection, [entries[0].property]) == [entries[1].resource]
    assert listed(database, entries, NUMBERS) == [0, 1]


def test_rows(database: Database, entries: list[Entry]) -> None:
    with database.read() as connection:
        ids = [entry.resource for entry in entries]
        assert sorted(search_rows.by_id(connection, [*ids, 99])) == ids
        assert [row.id for row in search_rows.newest(connection, "thing", SCOPE, 2)] == ids[:2:-1]
        assert search_rows.are_more_than(connection, "thing", SCOPE, 4)
        assert not search_rows.are_more_than(connection, "thing", SCOPE, 5)
