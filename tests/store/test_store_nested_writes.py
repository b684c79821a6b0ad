"""A write within a write of the same thread is a part of it: kept with the whole, or undone alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepwell.store import tags
from stepwell.store.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "stepwell.db")


def kept(database: Database) -> dict[str, str]:
    with database.read() as connection:
        return tags.of(connection, "arn")


def test_a_part_that_fails_is_undone_alone(database: Database) -> None:
    told: list[str] = []
    with database.write() as whole:
        tags.put(whole, "arn", {"before": "1"})
        with pytest.raises(RuntimeError), database.write() as part:
            tags.put(part, "arn", {"failed": "1"})
            part.on_commit(lambda: told.append("failed"))
            raise RuntimeError
        with database.write() as part:
            tags.put(part, "arn", {"inner": "1"})
            part.on_commit(lambda: told.append("inner"))
        assert kept(database) == {"before": "1", "inner": "1"}, "a read within it sees what it wrote"
        assert told == [], "nothing is safe yet"
    assert kept(database) == {"before": "1", "inner": "1"}
    assert told == ["inner"]


def test_a_whole_that_fails_takes_its_parts_along(database: Database) -> None:
    told: list[str] = []
    with pytest.raises(RuntimeError), database.write():
        with database.write() as part:
            tags.put(part, "arn", {"inner": "1"})
            part.on_commit(lambda: told.append("inner"))
        raise RuntimeError
    assert kept(database) == {}
    assert told == []
    with database.write() as after:
        tags.put(after, "arn", {"after": "1"})
    assert kept(database) == {"after": "1"}


def test_a_part_of_a_part_is_undone_with_it(database: Database) -> None:
    told: list[str] = []
    with database.write() as whole:
        tags.put(whole, "arn", {"whole": "1"})
        with pytest.raises(RuntimeError), database.write():
            with database.write() as innermost:
                tags.put(innermost, "arn", {"innermost": "1"})
                innermost.on_commit(lambda: told.append("innermost"))
            raise RuntimeError
    assert kept(database) == {"whole": "1"}
    assert told == []
