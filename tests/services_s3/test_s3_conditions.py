"""Conditional requests and ranges, as truth tables."""

from __future__ import annotations

from typing import Any

import pytest
from s3_callers import S3

from stepwell.base.faults import Fault
from stepwell.services.s3 import conditions, ranges
from stepwell.store.objects import Version

THEN = 1_700_000_000.0
VERSION = Version("key", "blob", 1, "abc", THEN)
MARKER = Version("key", None, 0, "", THEN)

READS: list[tuple[dict[str, Any], int | None]] = [
    ({}, None),
    ({"IfMatch": '"abc"'}, None),
    ({"IfMatch": "abc"}, None),
    ({"IfMatch": "*"}, None),
    ({"IfMatch": '"x", "abc"'}, None),
    ({"IfMatch": '"x"'}, 412),
    ({"IfNoneMatch": '"abc"'}, 304),
    ({"IfNoneMatch": 'W/"abc"'}, 304),
    ({"IfNoneMatch": "*"}, 304),
    ({"IfNoneMatch": '"x"'}, None),
    ({"IfModifiedSince": THEN}, 304),
    ({"IfModifiedSince": THEN - 1}, None),
    ({"IfUnmodifiedSince": THEN}, None),
    ({"IfUnmodifiedSince": THEN - 1}, 412),
    ({"IfMatch": '"abc"', "IfUnmodifiedSince": THEN - 1}, None),
    ({"IfMatch": '"x"', "IfUnmodifiedSince": THEN}, 412),
    ({"IfNoneMatch": '"x"', "IfModifiedSince": THEN}, None),
    ({"IfNoneMatch": '"abc"', "IfModifiedSince": THEN - 1}, 304),
    ({"IfMatch": '"abc"', "IfNoneMatch": '"abc"'}, 304),
    ({"IfMatch": '"x"', "IfNoneMatch": '"abc"'}, 412),
]


@pytest.mark.parametrize(("request_", "status"), READS)
def test_reads(request_: dict[str, Any], status: int | None) -> None:
    assert refusal(conditions.check_read, request_, VERSION) == status


@pytest.mark.parametrize(("request_", "status"), READS)
def test_sources_of_copies(request_: dict[str, Any], status: int | None) -> None:
    source = {f"CopySource{name}": value for name, value in request_.items()}
    assert refusal(conditions.check_source, source, VERSION) == (status and 412)


@pytest.mark.parametrize(
    ("request_", "standing", "status"),
    [
        ({"IfNoneMatch": "*"}, None, None),
        ({"IfNoneMatch": "*"}, MARKER, None),
        ({"IfNoneMatch": "*"}, VERSION, 412),
        ({"IfNoneMatch": '"abc"'}, VERSION, 501),
        ({"IfMatch": '"abc"'}, VERSION, None),
        ({"IfMatch": '"x"'}, VERSION, 412),
        ({"IfMatch": '"abc"'}, None, 404),
        ({"IfMatch": '"abc"'}, MARKER, 404),
        ({}, None, None),
    ],
)
def test_writes(request_: dict[str, Any], standing: Version | None, status: int | None) -> None:
    assert refusal(conditions.check_write, request_, "key", standing) == status


def refusal(check: Any, *arguments: Any) -> int | None:
    try:
        check(*arguments)
    except Fault as fault:
        return fault.status
    return None


@pytest.mark.parametrize(
    ("text", "size", "expected"),
    [
        (None, 10, None),
        ("bytes=0-4", 10, (0, 5)),
        ("bytes=5-", 10, (5, 5)),
        ("bytes=-3", 10, (7, 3)),
        ("bytes=-30", 10, (0, 10)),
        ("bytes=0-99999999999999999", 10, (0, 10)),
        ("bytes=9-9", 10, (9, 1)),
        ("bytes=0-0", 1, (0, 1)),
        ("bytes= 2 - 3 ", 10, (2, 2)),
        ("bytes=10-", 10, 416),
        ("bytes=10-20", 10, 416),
        ("bytes=-0", 10, 416),
        ("bytes=0-", 0, 416),
        ("bytes=-5", 0, 416),
        ("bytes=5-4", 10, None),
        ("bytes=-", 10, None),
        ("bytes=a-b", 10, None),
        ("bytes=0-1,3-4", 10, None),
        ("items=0-4", 10, None),
        ("bytes=٣-٤", 10, None),
        ("bytes=" + "9" * 30 + "-", 10, None),
    ],
)
def test_ranges(text: str | None, size: int, expected: tuple[int, int] | int | None) -> None:
    try:
        found = ranges.stretch(text, size)
    except Fault as fault:
        assert fault.status == expected
        assert fault.members == {"RangeRequested": text, "ActualObjectSize": size}
        return
    assert (found and (found.offset, found.length)) == expected


def test_a_range_of_an_object(s3: S3, bucket: str) -> None:
    s3("PutObject", Bucket=bucket, Key="key", Body=b"0123456789", ChecksumAlgorithm="CRC32")
    found = s3("GetObject", Bucket=bucket, Key="key", Range="bytes=2-4", ChecksumMode="ENABLED")
    assert (found["Body"].read(), found["ContentRange"], found["ContentLength"]) == (b"234", "bytes 2-4/10", 3)
    assert "ChecksumCRC32" not in found
    whole = s3("GetObject", Bucket=bucket, Key="key", Range="bytes=0-", ChecksumMode="ENABLED")
    assert (whole["ContentRange"], "ChecksumCRC32" in whole) == ("bytes 0-9/10", True)
    assert s3("HeadObject", Bucket=bucket, Key="key", Range="bytes=-1")["ContentLength"] == 1


@pytest.mark.parametrize("operation", ["GetObject", "HeadObject"])
def test_conditions_of_reads(s3: S3, bucket: str, operation: str) -> None:
    etag = s3("PutObject", Bucket=bucket, Key="key", Body=b"x")["ETag"]
    where = {"Bucket": bucket, "Key": "key"}
    assert s3.refused(operation, **where, IfMatch='"x"').members == {"Condition": "If-Match"}
    fault = s3.refused(operation, **where, IfNoneMatch=etag)
    assert (fault.code, fault.status) == ("NotModified", 304)
    modified = s3(operation, **where, IfMatch=etag)["LastModified"]
    assert s3.refused(operation, **where, IfModifiedSince=modified).status == 304
    s3(operation, **where, IfUnmodifiedSince=modified)


def test_conditions_of_writes(s3: S3, bucket: str) -> None:
    where = {"Bucket": bucket, "Key": "key"}
    assert s3.code("PutObject", **where, Body=b"0", IfMatch='"x"') == "NoSuchKey"
    etag = s3("PutObject", **where, Body=b"1", IfNoneMatch="*")["ETag"]
    assert s3.code("PutObject", **where, Body=b"2", IfNoneMatch="*") == "PreconditionFailed"
    assert s3.code("DeleteObject", **where, IfMatch='"x"') == "PreconditionFailed"
    s3("PutObject", **where, Body=b"3", IfMatch=etag)
    assert s3.text(bucket, "key") == b"3"
    s3("DeleteObject", **where, IfMatch="*")
    s3("PutObject", **where, Body=b"4", IfNoneMatch="*")
