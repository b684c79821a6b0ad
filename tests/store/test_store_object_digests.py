"""Room store, object_digests: equal bytes have equal digests, wherever they lie."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stepwell.store import buckets, object_digests, objects, tables
from stepwell.store.buckets import Bucket
from stepwell.store.database import Database
from stepwell.store.objects import Version

__all__ = ["tables"]
ACCOUNT = "123456789012"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "digests.db")
    yield made
    made.close()


def put(database: Database, name: str, **content: str) -> None:
    """Objects by key (two underscores are a slash), each with the name of its blob."""
    with database.write() as transaction:
        bucket = buckets.find(transaction.connection, name)
        bucket = bucket or buckets.add(transaction, Bucket(name, ACCOUNT, "us-east-1", 1.0))
        for key, blob in content.items():
            objects.put(transaction, bucket, Version(key.replace("__", "/"), blob, 1, "e", 1.0))


def digest(database: Database, uri: str, account: str = ACCOUNT) -> str | None:
    with database.read() as connection:
        return object_digests.of_uri(connection, account, uri)


def test_bytes_that_moved_are_the_same(database: Database) -> None:
    put(database, "one", data__a="x", data__b__c="y", code="z")
    put(database, "two", d__a="x", d__b__c="y", other="z")
    assert digest(database, "s3://one/data") is not None
    assert digest(database, "s3://one/data") == digest(database, "s3://one/data/") == digest(database, "s3://two/d")
    assert digest(database, "s3://one/code") == digest(database, "s3://two/other")
    assert digest(database, "s3://one/code") != digest(database, "s3://one/data/a")


@pytest.mark.parametrize(
    "change", [{"data__a": "other"}, {"data__new": "x"}, {"data__a__deeper": "x"}, {"data__aa": "x"}]
)
def test_whatever_changes_below_changes_the_digest(database: Database, change: dict[str, str]) -> None:
    put(database, "one", data__a="x", data__b="y")
    before = digest(database, "s3://one/data/")
    put(database, "one", elsewhere="x")
    assert digest(database, "s3://one/data/") == before
    put(database, "one", **change)
    assert digest(database, "s3://one/data/") != before


def test_names_count(database: Database) -> None:
    put(database, "one", p__a="x", p__b="y", q__a="y", q__b="x")
    assert digest(database, "s3://one/p/") != digest(database, "s3://one/q/")


def test_what_has_no_digest(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    put(database, "one", a="x", b="y")
    assert digest(database, "s3://one/none") is None
    assert digest(database, "s3://nowhere/a") is None
    assert digest(database, "s3://one/a", "210987654321") is None
    assert digest(database, "s3://one") is not None
    monkeypatch.setattr(object_digests, "MOST_OBJECTS", 1)
    assert digest(database, "s3://one") is None
