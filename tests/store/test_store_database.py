"""The database: reads see the last commit, failed writes leave nothing, prepared questions read alike."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import bindparam, func, select

from stepwell.store import resources
from stepwell.store.database import Database
from stepwell.store.prepared import Prepared
from stepwell.store.resources import Key, Resource

KEY = Key("pipeline", "123456789012", "us-east-1", "churn")
ROW = Resource(KEY, "Active", 1.0, 2.0, {"Text": 'ä "quoted"', "Number": 1, "Nothing": None})


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "test.db")
    yield opened
    opened.close()


def put(database: Database, row: Resource = ROW) -> Resource:
    with database.write() as transaction:
        return resources.add(transaction, row)


def count(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(resources.table)).scalar_one())


def test_what_is_found_is_what_was_put(database: Database) -> None:
    added = put(database)
    with database.read() as connection:
        assert resources.find(connection, KEY) == added
        assert resources.find(connection, Key("pipeline", "123456789012", "us-east-1", "other")) is None


def test_a_connection_is_used_again(database: Database) -> None:
    with database.read() as first:
        pass
    with database.read() as second, database.read() as third:
        assert second is first
        assert third is not first


def test_a_connection_that_was_used_before_sees_the_last_commit(database: Database) -> None:
    assert count(database) == 0
    put(database)
    assert count(database) == 1
    with database.read() as connection:
        rows = connection.execute(select(resources.table.c.name))
        assert rows.fetchone() is not None
        put(database, Resource(Key("pipeline", "123456789012", "us-east-1", "later"), "Active", 3.0, 3.0))
        del rows
    assert count(database) == 2


def test_a_read_that_failed_half_way_keeps_no_snapshot(database: Database) -> None:
    for number in range(3):
        put(database, Resource(Key("pipeline", "123456789012", "us-east-1", str(number)), "Active", 1.0, 1.0))
    with pytest.raises(ZeroDivisionError), database.read() as connection:
        for row in connection.execute(select(resources.table.c.id)):
            divmod(row.id, 0)
    put(database)
    assert count(database) == 4


def test_a_write_that_fails_leaves_nothing(database: Database) -> None:
    told: list[str] = []
    with pytest.raises(ZeroDivisionError), database.write() as transaction:
        transaction.on_commit(lambda: told.append("committed"))
        resources.add(transaction, ROW)
        divmod(1, 0)
    assert (count(database), told) == (0, [])
    put(database)
    assert count(database) == 1


def test_readers_and_writers_at_once_lose_nothing(database: Database) -> None:
    def work(name: str) -> None:
        for number in range(20):
            put(database, Resource(Key("pipeline", name, "us-east-1", str(number)), "Active", 1.0, 1.0))
            count(database)

    threads = [threading.Thread(target=work, args=(str(number),)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(database) == 120


def test_a_prepared_question_reads_columns_as_their_types_say(database: Database) -> None:
    put(database)
    table = resources.table
    question = Prepared(select(table.c.document, table.c.created).where(table.c.name == bindparam("name")))
    with database.read() as connection:
        assert question.first(connection, name="churn") == (ROW.document, 1.0)
        assert question.first(connection, name="it's; --") is None
