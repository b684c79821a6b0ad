"""The work table: leases exclude each other, and no reason to look is ever lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepwell.store import work
from stepwell.store.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "stepwell.db")


def wake(database: Database, due: float) -> None:
    with database.write() as transaction:
        work.wake(transaction, "job", "arn:x", due)


def take(database: Database, now: float, token: str = "a") -> work.Lease | None:
    with database.write() as transaction:
        return work.lease(transaction, "arn:x", token, now, now + 30)


def ready(database: Database, now: float) -> list[str]:
    with database.read() as connection:
        return [subject for subject, _ in work.ready(connection, now, 10)]


def test_what_is_leased_is_not_ready_until_the_lease_ends(database: Database) -> None:
    wake(database, 1)
    assert ready(database, 1) == ["arn:x"]
    assert take(database, 1) is not None
    assert ready(database, 1) == []
    assert take(database, 2, "b") is None
    assert ready(database, 31) == ["arn:x"]
    assert take(database, 31, "b") is not None


def test_a_reason_that_comes_during_the_look_keeps_it_due(database: Database) -> None:
    wake(database, 1)
    held = take(database, 1)
    assert held
    wake(database, 2)
    with database.write() as transaction:
        work.release(transaction, held, None)
    assert ready(database, 2) == ["arn:x"]


@pytest.mark.parametrize(("due", "at", "expected"), [(None, 99, []), (50.0, 49, []), (50.0, 50, ["arn:x"])])
def test_without_a_new_reason_it_is_due_when_the_look_said(
    database: Database, due: float | None, at: float, expected: list[str]
) -> None:
    wake(database, 1)
    held = take(database, 1)
    assert held
    with database.write() as transaction:
        work.release(transaction, held, due)
    assert ready(database, at) == expected


@pytest.mark.parametrize(("first", "second", "expected"), [(5.0, 9.0, 5.0), (9.0, 5.0, 5.0)])
def test_two_reasons_are_due_at_the_earlier(database: Database, first: float, second: float, expected: float) -> None:
    wake(database, first)
    wake(database, second)
    with database.read() as connection:
        assert work.next_due(connection) == expected


def test_finishing_forgets_the_row_unless_a_reason_came(database: Database) -> None:
    wake(database, 1)
    held = take(database, 1)
    assert held
    wake(database, 2)
    with database.write() as transaction:
        work.finish(transaction, held)
    assert ready(database, 2) == ["arn:x"]
    again = take(database, 2)
    assert again
    with database.write() as transaction:
        work.finish(transaction, again)
    assert ready(database, 99) == []


def test_a_lost_lease_neither_holds_nor_releases(database: Database) -> None:
    wake(database, 1)
    lost = take(database, 1)
    assert lost
    assert take(database, 31, "b") is not None
    with database.write() as transaction:
        assert not work.is_held(transaction.connection, lost)
        assert not work.extend(transaction, lost, 99)
        work.release(transaction, lost, None)
    assert ready(database, 40) == []
