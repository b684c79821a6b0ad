"""Lists, against a model that is a sorted list of strings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from s3_callers import S3, opened
from sqlalchemy import event

from stepwell.base.arn import Scope
from stepwell.services.registry import Door, Site
from stepwell.store import buckets, object_listing
from stepwell.store.object_listing import Position, Wanted


@pytest.fixture(scope="module")
def lasting() -> Iterator[S3]:
    """One server for many examples, each of which makes buckets of its own."""
    with TemporaryDirectory() as folder:
        site = opened(Path(folder))
        yield S3(Door(site), Scope("123456789012", "us-east-1"))
        site.database.close()


LETTERS = st.sampled_from(["a", "b", "/", "//", "-", "ä", "\U0010ffff", "\ud7ff", "\uffff", "\x01", " "])
TEXTS = st.lists(LETTERS, max_size=4).map("".join)
KEYS = st.sets(st.lists(LETTERS, min_size=1, max_size=4).map("".join), max_size=12)
NUMBERS = iter(range(1_000_000))


def filled(s3: S3, keys: set[str]) -> str:
    bucket = f"bucket-{next(NUMBERS)}"
    s3("CreateBucket", Bucket=bucket)
    for key in keys:
        s3("PutObject", Bucket=bucket, Key=key, Body=b"")
    return bucket


def expected(keys: set[str], prefix: str, delimiter: str, after: str = "") -> list[str]:
    """Keys and common prefixes in the binary order of UTF-8."""
    shown: set[str] = set()
    for key in keys:
        if not key.startswith(prefix) or key <= after:
            continue
        at = key.find(delimiter, len(prefix)) if delimiter else -1
        entry = key if at < 0 else key[: at + len(delimiter)]
        if at < 0 or entry != after:
            shown.add(entry)
    return sorted(shown, key=str.encode)


def entries(page: dict[str, Any]) -> list[str]:
    shown = [each["Key"] for each in page.get("Contents", [])]
    return sorted([*shown, *(each["Prefix"] for each in page["CommonPrefixes"])], key=str.encode)


@settings(max_examples=60, deadline=None)
@given(keys=KEYS, prefix=TEXTS, delimiter=st.sampled_from(["", "/", "a", "//"]), limit=st.integers(1, 5))
def test_pages_make_the_whole(lasting: S3, keys: set[str], prefix: str, delimiter: str, limit: int) -> None:
    bucket = filled(lasting, keys)
    params: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix, "Delimiter": delimiter, "MaxKeys": limit}
    found: list[str] = []
    while True:
        page = lasting("ListObjectsV2", **params)
        assert page["KeyCount"] == len(entries(page)) <= limit
        found += entries(page)
        assert page["IsTruncated"] == ("NextContinuationToken" in page)
        if not page["IsTruncated"]:
            break
        assert page["KeyCount"] == limit
        params["ContinuationToken"] = page["NextContinuationToken"]
    assert found == expected(keys, prefix, delimiter)


@settings(max_examples=40, deadline=None)
@given(keys=KEYS, prefix=TEXTS, delimiter=st.sampled_from(["", "/", "a"]), limit=st.integers(1, 5))
def test_the_older_form_pages_by_marker(lasting: S3, keys: set[str], prefix: str, delimiter: str, limit: int) -> None:
    bucket = filled(lasting, keys)
    params: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix, "Delimiter": delimiter, "MaxKeys": limit}
    found: list[str] = []
    while True:
        page = lasting("ListObjects", **params)
        found += entries(page)
        if not page["IsTruncated"]:
            break
        assert ("NextMarker" in page) == bool(delimiter)
        params["Marker"] = page.get("NextMarker", found[-1])
    assert found == expected(keys, prefix, delimiter)


@settings(max_examples=40, deadline=None)
@given(keys=KEYS, prefix=TEXTS, delimiter=st.sampled_from(["", "/"]), after=TEXTS)
def test_a_list_starts_behind_any_text(lasting: S3, keys: set[str], prefix: str, delimiter: str, after: str) -> None:
    bucket = filled(lasting, keys)
    page = lasting("ListObjectsV2", Bucket=bucket, Prefix=prefix, Delimiter=delimiter, StartAfter=after)
    assert entries(page) == expected(keys, prefix, delimiter, after)


@settings(max_examples=40, deadline=None)
@given(keys=KEYS, twice=st.booleans(), delimiter=st.sampled_from(["", "/"]), limit=st.integers(1, 4))
def test_pages_of_versions_make_the_whole(
    lasting: S3, keys: set[str], twice: bool, delimiter: str, limit: int
) -> None:
    bucket = filled(lasting, keys)
    lasting("PutBucketVersioning", Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for key in keys if twice else ():
        lasting("PutObject", Bucket=bucket, Key=key, Body=b"1")
        lasting("DeleteObject", Bucket=bucket, Key=key)
    params: dict[str, Any] = {"Bucket": bucket, "Delimiter": delimiter, "MaxKeys": limit}
    found: list[str] = []
    seen: set[tuple[str, str]] = set()
    while True:
        page = lasting("ListObjectVersions", **params)
        listed = [*page["Versions"], *page["DeleteMarkers"]]
        seen |= {(each["Key"], each["VersionId"]) for each in listed}
        found += [each["Key"] for each in listed] + [each["Prefix"] for each in page["CommonPrefixes"]]
        if not page["IsTruncated"]:
            break
        params["KeyMarker"] = page["NextKeyMarker"]
        params.pop("VersionIdMarker", None)
        if "NextVersionIdMarker" in page:
            params["VersionIdMarker"] = page["NextVersionIdMarker"]
    whole = expected(keys, "", delimiter)
    times = 3 if twice else 1
    assert sorted(found) == sorted(
        entry for entry in whole for _ in range(times if entry in keys_of(whole, keys, delimiter) else 1)
    )
    assert len(seen) == sum(times for entry in whole if entry in keys_of(whole, keys, delimiter))


def keys_of(whole: list[str], keys: set[str], delimiter: str) -> set[str]:
    """The entries that are keys themselves and not common prefixes."""
    return {entry for entry in whole if entry in keys and not (delimiter and delimiter in entry)}


@given(TEXTS, TEXTS)
def test_the_end_of_a_prefix(prefix: str, text: str) -> None:
    end = object_listing.end_of(prefix)
    below = end is None or text.encode() < end.encode()
    assert text.startswith(prefix) == (text.encode() >= prefix.encode() and below)


def test_a_page_costs_what_it_shows(s3: S3, bucket: str, site: Site) -> None:
    """Thousands of keys below two common prefixes: reading stays with the few rows that are shown."""
    for folder in ("one", "two"):
        for number in range(700):
            s3("PutObject", Bucket=bucket, Key=f"{folder}/{number:04}", Body=b"")
    s3("PutObject", Bucket=bucket, Key="zero", Body=b"")
    with site.database.read() as connection:
        found_bucket = buckets.find(connection, bucket)
        assert found_bucket is not None
        page = object_listing.keys(connection, found_bucket, Wanted(delimiter="/"))
        statements: list[str] = []
        event.listen(connection, "before_cursor_execute", lambda *a: statements.append(a[2]))
        again = object_listing.keys(connection, found_bucket, Wanted(delimiter="/"))
    assert [entry if isinstance(entry, str) else entry.key for entry in page.entries] == ["one/", "two/", "zero"]
    assert again == page
    assert len(statements) == 3


def test_lists_use_the_index(s3: S3, bucket: str, site: Site) -> None:
    """A sort or a scan would cost the bucket, not the page."""
    plans: list[str] = []

    def explain(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if statement.startswith("SELECT objects.id"):
            plan = connection.connection.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(str(row[3]) for row in plan.fetchall())

    with site.database.read() as connection:
        found = buckets.find(connection, bucket)
        assert found is not None
        event.listen(connection, "before_cursor_execute", explain)
        object_listing.keys(connection, found, Wanted("a"))
        object_listing.versions(connection, found, Wanted("a", start=Position("ab", 3)))
    assert plans == [
        "SEARCH objects USING INDEX object_listed (bucket=? AND is_latest=? AND key>? AND key<?)",
        "SEARCH objects USING INDEX object_versions (bucket=? AND key>? AND key<?)",
    ]


def test_every_key_below_a_prefix(s3: S3, bucket: str, site: Site) -> None:
    for key in ("a/1", "a/2", "a/3", "b"):
        s3("PutObject", Bucket=bucket, Key=key, Body=key.encode())
    with site.database.read() as connection:
        found = buckets.find(connection, bucket)
        assert found is not None
        below = list(object_listing.below(connection, found, "a/", batch=2))
    assert [(each.key, each.size) for each in below] == [("a/1", 3), ("a/2", 3), ("a/3", 3)]
    assert all(site.blobs.path(each.blob or "").exists() for each in below)


def test_keys_that_xml_cannot_hold_are_encoded(s3: S3, bucket: str) -> None:
    key = "a b+c/\x01&ä%"
    s3("PutObject", Bucket=bucket, Key=key, Body=b"")
    params = {"Bucket": bucket, "EncodingType": "url", "Prefix": "a b+", "StartAfter": "a", "Delimiter": "&"}
    page = s3("ListObjectsV2", **params)
    assert page["EncodingType"] == "url"
    assert unquote_plus(page["CommonPrefixes"][0]["Prefix"]) == "a b+c/\x01&"
    assert (page["Prefix"], page["Delimiter"], page["StartAfter"]) == ("a%20b%2B", "%26", "a")
    listed = s3("ListObjects", Bucket=bucket, EncodingType="url")["Contents"][0]["Key"]
    assert unquote_plus(listed) == key


def test_owners_are_named_where_asked(s3: S3, bucket: str) -> None:
    s3("PutObject", Bucket=bucket, Key="key", Body=b"")
    owner = s3("GetBucketAcl", Bucket=bucket)["Owner"]
    assert "Owner" not in s3("ListObjectsV2", Bucket=bucket)["Contents"][0]
    assert s3("ListObjectsV2", Bucket=bucket, FetchOwner=True)["Contents"][0]["Owner"] == owner
    assert s3("ListObjects", Bucket=bucket)["Contents"][0]["Owner"] == owner


def test_a_page_of_nothing(s3: S3, bucket: str) -> None:
    s3("PutObject", Bucket=bucket, Key="key", Body=b"")
    page = s3("ListObjectsV2", Bucket=bucket, MaxKeys=0)
    assert (page["IsTruncated"], page["KeyCount"], page["Contents"], page["MaxKeys"]) == (False, 0, [], 0)
    assert s3("ListObjectsV2", Bucket=bucket, MaxKeys=5000)["MaxKeys"] == 1000


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("ListObjectsV2", {"ContinuationToken": "?"}),
        ("ListObjectsV2", {"ContinuationToken": "_w=="}),
        ("ListObjectsV2", {"MaxKeys": -1}),
        ("ListObjectVersions", {"VersionIdMarker": "x"}),
        ("ListObjectVersions", {"VersionIdMarker": "x", "KeyMarker": "y"}),
    ],
)
def test_what_leads_nowhere(s3: S3, bucket: str, operation: str, params: dict[str, Any]) -> None:
    assert s3.code(operation, Bucket=bucket, **params) == "InvalidArgument"
