"""Copies: what they take along, what they take anew, and when they are refused."""

from __future__ import annotations

import base64
import hashlib
import zlib
from typing import Any

import pytest
from s3_callers import S3, blob_files

from stepwell.base.faults import Fault
from stepwell.services.registry import Site
from stepwell.services.s3.object_copies import Source, parse


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("data/key", Source("data", "key", None)),
        ("/data/a/b", Source("data", "a/b", None)),
        ("data/a%20b%3Fc", Source("data", "a b?c", None)),
        ("data%2Fa%2Fb", Source("data", "a/b", None)),
        ("data/a+b", Source("data", "a+b", None)),
        ("data/key?versionId=abc", Source("data", "key", "abc")),
        ("data//key", Source("data", "/key", None)),
    ],
)
def test_what_a_copy_source_names(text: str, source: Source) -> None:
    assert parse(text) == source


@pytest.mark.parametrize("text", ["", "/", "data", "data/", "/data/"])
def test_what_names_nothing(text: str) -> None:
    with pytest.raises(Fault, match="InvalidArgument"):
        parse(text)


@pytest.fixture
def source(s3: S3, bucket: str) -> str:
    s3(
        "PutObject",
        Bucket=bucket,
        Key="source",
        Body=b"hello",
        ContentType="text/csv",
        Metadata={"a": "b"},
        Tagging="c=d",
        StorageClass="STANDARD_IA",
        ChecksumAlgorithm="SHA1",
    )
    return f"{bucket}/source"


def test_a_copy_takes_everything_but_the_storage_class(s3: S3, bucket: str, source: str, site: Site) -> None:
    done = s3("CopyObject", Bucket=bucket, Key="copy", CopySource=source)
    result = done["CopyObjectResult"]
    assert result["ETag"] == f'"{hashlib.md5(b"hello").hexdigest()}"'
    assert result["ChecksumSHA1"] == base64.b64encode(hashlib.sha1(b"hello").digest()).decode()
    head = s3("HeadObject", Bucket=bucket, Key="copy")
    assert (head["ContentType"], head["Metadata"], head["TagCount"]) == ("text/csv", {"a": "b"}, 1)
    assert "StorageClass" not in head
    assert s3.text(bucket, "copy") == b"hello"
    assert len(blob_files(site)) == 1


def test_directives_say_what_is_taken_anew(s3: S3, bucket: str, source: str) -> None:
    wanted = {"MetadataDirective": "REPLACE", "TaggingDirective": "REPLACE", "Metadata": {"x": "y"}}
    s3("CopyObject", Bucket=bucket, Key="copy", CopySource=source, **wanted)
    head = s3("HeadObject", Bucket=bucket, Key="copy")
    assert (head["ContentType"], head["Metadata"]) == ("binary/octet-stream", {"x": "y"})
    assert "TagCount" not in head
    ignored = {"Metadata": {"x": "y"}, "ContentType": "text/html", "Tagging": "x=y"}
    s3("CopyObject", Bucket=bucket, Key="copy", CopySource=source, **ignored)
    head = s3("HeadObject", Bucket=bucket, Key="copy")
    assert (head["ContentType"], head["Metadata"]) == ("text/csv", {"a": "b"})


def test_another_checksum_is_computed(s3: S3, bucket: str, source: str) -> None:
    done = s3("CopyObject", Bucket=bucket, Key="copy", CopySource=source, ChecksumAlgorithm="CRC32")
    expected = base64.b64encode(zlib.crc32(b"hello").to_bytes(4)).decode()
    assert done["CopyObjectResult"]["ChecksumCRC32"] == expected
    assert "ChecksumSHA1" not in done["CopyObjectResult"]


def test_an_object_onto_itself(s3: S3, bucket: str, source: str) -> None:
    assert s3.code("CopyObject", Bucket=bucket, Key="source", CopySource=source) == "InvalidRequest"
    s3("CopyObject", Bucket=bucket, Key="source", CopySource=source, MetadataDirective="REPLACE")
    assert s3("HeadObject", Bucket=bucket, Key="source")["Metadata"] == {}
    assert s3.text(bucket, "source") == b"hello"


def test_an_older_version_can_be_brought_back(s3: S3, versioned: str) -> None:
    old = s3("PutObject", Bucket=versioned, Key="key", Body=b"old")["VersionId"]
    s3("PutObject", Bucket=versioned, Key="key", Body=b"new")
    done = s3("CopyObject", Bucket=versioned, Key="key", CopySource=f"{versioned}/key?versionId={old}")
    assert done["CopySourceVersionId"] == old
    assert done["VersionId"] not in (old, None)
    assert s3.text(versioned, "key") == b"old"


def test_across_buckets(s3: S3, bucket: str, source: str) -> None:
    s3("CreateBucket", Bucket="other-data")
    s3("CopyObject", Bucket="other-data", Key="copy", CopySource=source)
    assert s3.text("other-data", "copy") == b"hello"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"CopySource": "data/nothing"}, "NoSuchKey"),
        ({"CopySource": "nowhere/key"}, "NoSuchBucket"),
        ({"CopySource": "data/source?versionId=other"}, "NoSuchVersion"),
        ({"CopySourceIfMatch": '"x"'}, "PreconditionFailed"),
        ({"CopySourceIfNoneMatch": "*"}, "PreconditionFailed"),
        ({"ExpectedSourceBucketOwner": "210987654321"}, "AccessDenied"),
        ({"IfNoneMatch": "*"}, "PreconditionFailed"),
        ({"ACL": "public-read"}, "AccessControlListNotSupported"),
        ({"CopySourceSSECustomerAlgorithm": "AES256"}, "NotImplemented"),
    ],
)
def test_copies_that_are_refused(s3: S3, bucket: str, source: str, params: dict[str, Any], code: str) -> None:
    s3("PutObject", Bucket=bucket, Key="copy", Body=b"before")
    assert s3.code("CopyObject", Bucket=bucket, Key="copy", **{"CopySource": source, **params}) == code
    assert s3.text(bucket, "copy") == b"before"


def test_a_delete_marker_is_no_source(s3: S3, versioned: str) -> None:
    s3("DeleteObject", Bucket=versioned, Key="key")
    assert s3.code("CopyObject", Bucket=versioned, Key="copy", CopySource=f"{versioned}/key") == "NoSuchKey"
