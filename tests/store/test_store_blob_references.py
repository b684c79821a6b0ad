"""Which blobs rows name, and that no row can go without a note of what it named."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepwell.store import blob_references, buckets, objects, uploads
from stepwell.store import tables as tables  # every table is declared before the database is made
from stepwell.store.buckets import Bucket
from stepwell.store.database import Database
from stepwell.store.objects import Version
from stepwell.store.uploads import Upload, UploadedPart


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "stepwell.db")
    yield made
    made.close()


def a_bucket(database: Database) -> Bucket:
    with database.write() as transaction:
        return buckets.add(transaction, Bucket("b", "1", "r", 0.0))


def put(database: Database, bucket: Bucket, key: str, blob: str) -> None:
    with database.write() as transaction:
        objects.put(transaction, bucket, Version(key, blob, 1, "", 0.0))


def released(database: Database, since: float = 0.0) -> set[str]:
    with database.read() as connection:
        return blob_references.released(connection, since)


def test_what_came_since(database: Database) -> None:
    bucket = a_bucket(database)
    put(database, bucket, "a", "one")
    with database.read() as connection:
        found, last = blob_references.of_objects(connection)
    assert found == {"one"}
    put(database, bucket, "b", "two")
    put(database, bucket, "a", "three")
    with database.read() as connection:
        assert blob_references.of_objects(connection, last)[0] == {"two", "three"}
        assert blob_references.of_objects(connection)[0] == {"two", "three"}


def test_objects_that_go(database: Database) -> None:
    bucket = a_bucket(database)
    put(database, bucket, "a", "replaced")
    put(database, bucket, "a", "deleted")
    assert released(database) == {"replaced"}
    with database.write() as transaction:
        objects.remove(transaction, bucket, "a", 0.0)
    assert released(database) == {"replaced", "deleted"}
    assert released(database, time.time() - 60) == {"replaced", "deleted"}
    assert released(database, time.time() + 60) == set()
    with database.read() as connection:
        assert blob_references.released(connection, 0.0, ["deleted", "other"]) == {"deleted"}


def test_parts_that_go(database: Database) -> None:
    bucket = a_bucket(database)
    with database.write() as transaction:
        uploads.add(transaction, bucket, Upload("u", "k", 0.0, ""))
        for number, blob in ((1, "one"), (2, "two"), (1, "other"), (2, "two")):
            uploads.put_part(transaction, "u", UploadedPart(number, blob, 1, "", 0.0))
    assert released(database) == {"one"}
    with database.read() as connection:
        assert blob_references.of_uploads(connection) == {"other", "two"}
    with database.write() as transaction:
        uploads.remove(transaction, "u")
    assert released(database) == {"one", "two", "other"}, "parts go with their upload"


def test_what_is_rolled_back_was_not_let_go_of(database: Database) -> None:
    bucket = a_bucket(database)
    put(database, bucket, "a", "kept")
    with pytest.raises(ZeroDivisionError), database.write() as transaction:
        objects.remove(transaction, bucket, "a", 0.0)
        1 / 0  # noqa: B018
    assert released(database) == set()


def test_notes_are_forgotten_by_age(database: Database) -> None:
    bucket = a_bucket(database)
    put(database, bucket, "a", "one")
    put(database, bucket, "a", "two")
    with database.write() as transaction:
        blob_references.forget_released(transaction, time.time() - 60)
    assert released(database) == {"one"}
    with database.write() as transaction:
        blob_references.forget_released(transaction, time.time() + 60)
    assert released(database) == set()


def test_a_database_of_an_earlier_version_takes_notes_too(tmp_path: Path) -> None:
    earlier = Database(tmp_path / "stepwell.db")
    bucket = a_bucket(earlier)
    put(earlier, bucket, "a", "one")
    with earlier.write() as transaction:
        for name in blob_references.TRIGGERS:
            transaction.connection.exec_driver_sql(f"DROP TRIGGER {name}")
        transaction.connection.exec_driver_sql("DROP TABLE released_blobs")
    earlier.close()
    later = Database(tmp_path / "stepwell.db")
    put(later, bucket, "a", "two")
    assert released(later) == {"one"}
    later.close()
