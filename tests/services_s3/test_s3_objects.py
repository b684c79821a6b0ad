"""Objects: put, get, head, delete; what is remembered of them, and what is refused."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from s3_callers import S3, blob_files

from stepwell.services.registry import Site

HEADERS = {
    "CacheControl": "no-cache",
    "ContentDisposition": "attachment",
    "ContentEncoding": "gzip",
    "ContentLanguage": "nl",
    "ContentType": "text/csv",
    "Expires": "Wed, 21 Oct 2015 07:28:00 GMT",
    "WebsiteRedirectLocation": "/elsewhere",
}


def test_what_is_put_comes_back(s3: S3, bucket: str) -> None:
    etag = f'"{hashlib.md5(b"hello").hexdigest()}"'
    assert s3("PutObject", Bucket=bucket, Key="a/b", Body=b"hello")["ETag"] == etag
    found = s3("GetObject", Bucket=bucket, Key="a/b")
    assert found.pop("Body").read() == b"hello"
    assert found.pop("LastModified") % 1 == 0
    assert found == {
        "AcceptRanges": "bytes",
        "ContentLength": 5,
        "ETag": etag,
        "Metadata": {},
        "ContentType": "binary/octet-stream",
        "ServerSideEncryption": "AES256",
    }


def test_head_says_what_get_says(s3: S3, bucket: str) -> None:
    s3("PutObject", Bucket=bucket, Key="key", Body=b"hello", Metadata={"a": "b"}, Tagging="c=d", **HEADERS)
    found = s3("GetObject", Bucket=bucket, Key="key")
    del found["Body"]
    assert s3("HeadObject", Bucket=bucket, Key="key") == found


def test_headers_and_metadata_are_kept(s3: S3, bucket: str) -> None:
    s3("PutObject", Bucket=bucket, Key="key", Body=b"", Metadata={"Name": "Wert ä"}, **HEADERS)
    found = s3("HeadObject", Bucket=bucket, Key="key")
    assert found["Metadata"] == {"name": "Wert ä"}
    assert {name: found[name] for name in HEADERS} == HEADERS


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("aws-chunked", None), ("gzip,aws-chunked", "gzip"), ("aws-chunked, gzip", "gzip"), ("br, gzip", "br,gzip")],
)
def test_how_a_body_travelled_is_not_the_objects(s3: S3, bucket: str, sent: str, kept: str | None) -> None:
    s3("PutObject", Bucket=bucket, Key="key", Body=b"", ContentEncoding=sent)
    assert s3("HeadObject", Bucket=bucket, Key="key").get("ContentEncoding") == kept


def test_a_request_may_have_headers_answered_otherwise(s3: S3, bucket: str) -> None:
    s3("PutObject", Bucket=bucket, Key="key", Body=b"", **HEADERS)
    wanted = {"ResponseContentType": "text/html", "ResponseCacheControl": "max-age=1", "ResponseExpires": 5.0}
    found = s3("GetObject", Bucket=bucket, Key="key", **wanted)
    assert (found["ContentType"], found["CacheControl"]) == ("text/html", "max-age=1")
    assert found["Expires"] == "Thu, 01 Jan 1970 00:00:05 GMT"
    assert found["ContentLanguage"] == "nl"


def test_the_last_put_stays(s3: S3, bucket: str, site: Site) -> None:
    for body in (b"one", b"two"):
        s3("PutObject", Bucket=bucket, Key="key", Body=body, Metadata={"body": body.decode()})
    assert s3.text(bucket, "key") == b"two"
    assert s3("HeadObject", Bucket=bucket, Key="key")["Metadata"] == {"body": "two"}
    assert len(s3("ListObjectVersions", Bucket=bucket)["Versions"]) == 1


@pytest.mark.parametrize("key", ["a", "/", "//a", "a/../b", "../../etc/passwd", "ä/ü ?&=+%", "\n\t\x01", "🐟" * 256])
def test_any_text_is_a_key(s3: S3, bucket: str, key: str, site: Site) -> None:
    s3("PutObject", Bucket=bucket, Key=key, Body=key.encode())
    assert s3.text(bucket, key) == key.encode()
    assert [each["Key"] for each in s3("ListObjectsV2", Bucket=bucket)["Contents"]] == [key]
    assert all(path.is_relative_to(site.blobs.folder) for path in blob_files(site))


@pytest.mark.parametrize("operation", ["PutObject", "CreateMultipartUpload", "CopyObject"])
def test_a_key_that_is_too_long(s3: S3, bucket: str, operation: str) -> None:
    params = {"CopySource": "data/key"} if operation == "CopyObject" else {}
    fault = s3.refused(operation, Bucket=bucket, Key="ä" * 513, **params)
    assert (fault.code, fault.members) == ("KeyTooLongError", {"Size": 1026, "MaxSizeAllowed": 1024})
    s3("PutObject", Bucket=bucket, Key="ä" * 512)


@pytest.mark.parametrize("operation", ["GetObject", "HeadObject", "GetObjectTagging"])
def test_a_key_that_is_not_there(s3: S3, bucket: str, operation: str) -> None:
    fault = s3.refused(operation, Bucket=bucket, Key="nothing")
    assert (fault.code, fault.status, fault.members) == ("NoSuchKey", 404, {"Key": "nothing"})


def test_deleting_is_done_once_and_for_all(s3: S3, bucket: str) -> None:
    s3("PutObject", Bucket=bucket, Key="key", Body=b"x")
    for _ in range(2):
        assert s3("DeleteObject", Bucket=bucket, Key="key") == {}
    assert s3.code("GetObject", Bucket=bucket, Key="key") == "NoSuchKey"


@pytest.mark.parametrize("quiet", [False, True])
def test_deleting_many(s3: S3, bucket: str, quiet: bool) -> None:
    for key in "abc":
        s3("PutObject", Bucket=bucket, Key=key, Body=b"x")
    wanted = [{"Key": "a"}, {"Key": "b", "ETag": "other"}, {"Key": "nothing"}]
    done = s3("DeleteObjects", Bucket=bucket, Delete={"Objects": wanted, "Quiet": quiet})
    assert [(each["Key"], each["Code"]) for each in done["Errors"]] == [("b", "PreconditionFailed")]
    assert done.get("Deleted") == (None if quiet else [{"Key": "a"}, {"Key": "nothing"}])
    assert [each["Key"] for each in s3("ListObjectsV2", Bucket=bucket)["Contents"]] == ["b", "c"]


@pytest.mark.parametrize("count", [0, 1001])
def test_deleting_none_or_too_many(s3: S3, bucket: str, count: int) -> None:
    wanted = [{"Key": str(number)} for number in range(count)]
    assert s3.code("DeleteObjects", Bucket=bucket, Delete={"Objects": wanted}) == "MalformedXML"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "x"}, "NotImplemented"),
        ({"ObjectLockMode": "GOVERNANCE"}, "NotImplemented"),
        ({"WriteOffsetBytes": 3}, "NotImplemented"),
        ({"StorageClass": "GLACIER"}, "NotImplemented"),
        ({"GrantRead": "id=1"}, "NotImplemented"),
        ({"ChecksumXXHASH64": "AAAAAAAAAAA="}, "NotImplemented"),
        ({"ChecksumAlgorithm": "XXHASH3"}, "NotImplemented"),
        ({"ACL": "public-read"}, "AccessControlListNotSupported"),
        ({"Metadata": {"a": "b" * 2048}}, "MetadataTooLarge"),
        ({"Tagging": "=b"}, "InvalidTag"),
        ({"Tagging": "a"}, "InvalidArgument"),
        ({"Tagging": "a=%ff"}, "InvalidArgument"),
        ({"Tagging": "a=1&a=2"}, "InvalidTag"),
        ({"Tagging": "aws:a=1"}, "InvalidTag"),
        ({"Tagging": "&".join(f"{number}=" for number in range(11))}, "BadRequest"),
        ({"StorageClass": "UNKNOWN"}, "InvalidArgument"),
    ],
)
def test_puts_that_are_refused(s3: S3, bucket: str, site: Site, params: dict[str, Any], code: str) -> None:
    assert s3.code("PutObject", Bucket=bucket, Key="key", Body=b"x", **params) == code
    assert blob_files(site) == []
    assert s3.code("HeadObject", Bucket=bucket, Key="key") == "NoSuchKey"


def test_a_storage_class_is_remembered(s3: S3, bucket: str) -> None:
    s3("PutObject", Bucket=bucket, Key="cold", Body=b"", StorageClass="STANDARD_IA")
    s3("PutObject", Bucket=bucket, Key="warm", Body=b"", StorageClass="STANDARD")
    assert s3("HeadObject", Bucket=bucket, Key="cold")["StorageClass"] == "STANDARD_IA"
    assert "StorageClass" not in s3("HeadObject", Bucket=bucket, Key="warm")
    listed = s3("ListObjectsV2", Bucket=bucket)["Contents"]
    assert [each["StorageClass"] for each in listed] == ["STANDARD_IA", "STANDARD"]


TAGS = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]


def test_tags_come_with_an_object(s3: S3, bucket: str) -> None:
    s3("PutObject", Bucket=bucket, Key="key", Body=b"", Tagging="b=&a=1")
    assert s3("GetObjectTagging", Bucket=bucket, Key="key") == {"TagSet": TAGS}
    assert s3("HeadObject", Bucket=bucket, Key="key")["TagCount"] == 2


def test_tags_are_replaced_and_taken(s3: S3, versioned: str) -> None:
    first = s3("PutObject", Bucket=versioned, Key="key", Body=b"1", Tagging="old=1")["VersionId"]
    second = s3("PutObject", Bucket=versioned, Key="key", Body=b"2")["VersionId"]
    put = s3("PutObjectTagging", Bucket=versioned, Key="key", VersionId=first, Tagging={"TagSet": TAGS})
    assert put == {"VersionId": first}
    assert s3("GetObjectTagging", Bucket=versioned, Key="key", VersionId=first)["TagSet"] == TAGS
    assert s3("GetObjectTagging", Bucket=versioned, Key="key") == {"TagSet": [], "VersionId": second}
    s3("DeleteObjectTagging", Bucket=versioned, Key="key", VersionId=first)
    assert s3("GetObjectTagging", Bucket=versioned, Key="key", VersionId=first)["TagSet"] == []
    assert s3.text(versioned, "key", VersionId=first) == b"1"


def test_tags_that_are_refused_change_nothing(s3: S3, bucket: str) -> None:
    s3("PutObject", Bucket=bucket, Key="key", Body=b"", Tagging="a=1")
    wrong = {"TagSet": [{"Key": "k" * 129, "Value": ""}]}
    assert s3.code("PutObjectTagging", Bucket=bucket, Key="key", Tagging=wrong) == "InvalidTag"
    assert s3("GetObjectTagging", Bucket=bucket, Key="key")["TagSet"] == TAGS[:1]


def test_attributes_are_answered_as_asked(s3: S3, bucket: str) -> None:
    s3("PutObject", Bucket=bucket, Key="key", Body=b"hello", ChecksumAlgorithm="SHA256")
    found = s3("GetObjectAttributes", Bucket=bucket, Key="key", ObjectAttributes=["ETag", "ObjectSize"])
    del found["LastModified"]
    assert found == {"ETag": hashlib.md5(b"hello").hexdigest(), "ObjectSize": 5}
    every = ["Checksum", "ObjectParts", "StorageClass"]
    found = s3("GetObjectAttributes", Bucket=bucket, Key="key", ObjectAttributes=every)
    assert found["StorageClass"] == "STANDARD"
    assert found["Checksum"]["ChecksumType"] == "FULL_OBJECT"
    assert "ObjectParts" not in found
