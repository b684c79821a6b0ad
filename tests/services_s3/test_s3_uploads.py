"""Multipart uploads: parts in any order, one object, and every way to be refused."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from s3_callers import S3, blob_files, opened

from stepwell.base.arn import Scope
from stepwell.blobs import digests
from stepwell.services.registry import Door, Site
from stepwell.services.s3 import upload_completion

LARGE = 5 << 20


def written(value: bytes) -> str:
    return base64.b64encode(value).decode()


def begun(s3: S3, bucket: str, **params: Any) -> dict[str, str]:
    upload = s3("CreateMultipartUpload", Bucket=bucket, Key="key", **params)["UploadId"]
    return {"Bucket": bucket, "Key": "key", "UploadId": upload}


def sent(s3: S3, where: dict[str, str], parts: dict[int, bytes]) -> list[dict[str, Any]]:
    """Uploads the parts, and names them as CompleteMultipartUpload wants them."""
    named = [
        {"PartNumber": number, "ETag": s3("UploadPart", **where, PartNumber=number, Body=body)["ETag"]}
        for number, body in parts.items()
    ]
    return sorted(named, key=lambda part: int(part["PartNumber"]))


def completed(s3: S3, where: dict[str, str], named: list[dict[str, Any]], **params: Any) -> dict[str, Any]:
    return s3("CompleteMultipartUpload", **where, MultipartUpload={"Parts": named}, **params)


def test_parts_become_one_object(s3: S3, bucket: str, site: Site) -> None:
    bodies = {7: b"c" * 10, 1: b"a" * LARGE, 3: b"b" * (LARGE + 1)}
    where = begun(s3, bucket, ContentType="text/csv", Metadata={"a": "b"}, Tagging="c=d")
    done = completed(s3, where, sent(s3, where, bodies))
    whole = b"".join(body for _, body in sorted(bodies.items()))
    md5s = b"".join(hashlib.md5(body).digest() for _, body in sorted(bodies.items()))
    assert done["ETag"] == f'"{hashlib.md5(md5s).hexdigest()}-3"'
    assert done["Location"] == "http://127.0.0.1:4566/data/key"
    assert s3.text(bucket, "key") == whole
    head = s3("HeadObject", Bucket=bucket, Key="key")
    assert (head["ContentLength"], head["ContentType"], head["Metadata"]) == (len(whole), "text/csv", {"a": "b"})
    assert head["TagCount"] == 1
    names = [hashlib.sha256(body).hexdigest() for _, body in sorted(bodies.items())]
    assert site.blobs.path(site.blobs.concatenate(names).hash).read_bytes() == whole
    assert s3("ListMultipartUploads", Bucket=bucket)["Uploads"] == []
    assert s3.code("ListParts", **where) == "NoSuchUpload"


@pytest.fixture(scope="module")
def lasting() -> Iterator[S3]:
    """One server for many examples, with a bucket called `lasting`."""
    with TemporaryDirectory() as folder:
        site = opened(Path(folder))
        caller = S3(Door(site), Scope("123456789012", "us-east-1"))
        caller("CreateBucket", Bucket="lasting")
        yield caller
        site.database.close()


@settings(max_examples=30, deadline=None)
@given(parts=st.lists(st.binary(max_size=20), min_size=1, max_size=6), random=st.randoms())
def test_etags_of_any_parts(lasting: S3, parts: list[bytes], random: Random) -> None:
    numbered = {number * 3 + 1: body for number, body in enumerate(parts)}
    order = list(numbered)
    random.shuffle(order)
    where = begun(lasting, "lasting")
    named = sent(lasting, where, {number: numbered[number] for number in order})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upload_completion, "SMALLEST_PART", 0)
        done = completed(lasting, where, named)
    md5s = b"".join(hashlib.md5(body).digest() for body in parts)
    assert done["ETag"] == f'"{hashlib.md5(md5s).hexdigest()}-{len(parts)}"'
    assert lasting.text("lasting", "key") == b"".join(parts)


def test_a_part_sent_again_replaces(s3: S3, bucket: str) -> None:
    where = begun(s3, bucket)
    first = sent(s3, where, {1: b"first"})
    second = sent(s3, where, {1: b"second"})
    assert [part["Size"] for part in s3("ListParts", **where)["Parts"]] == [6]
    error = s3.refused("CompleteMultipartUpload", **where, MultipartUpload={"Parts": first})
    assert (error.code, error.members["PartNumber"]) == ("InvalidPart", 1)
    completed(s3, where, second)
    assert s3.text(bucket, "key") == b"second"


def test_parts_that_are_not_named_are_left_out(s3: S3, bucket: str) -> None:
    where = begun(s3, bucket)
    named = sent(s3, where, {1: b"a" * LARGE, 2: b"b", 3: b"c"})
    completed(s3, where, [named[0], named[2]])
    assert s3.text(bucket, "key") == b"a" * LARGE + b"c"


def test_completing_again_answers_the_same(s3: S3, bucket: str) -> None:
    where = begun(s3, bucket)
    named = sent(s3, where, {1: b"a"})
    assert completed(s3, where, named) == completed(s3, where, named)
    s3("PutObject", Bucket=bucket, Key="key", Body=b"other")
    assert s3.code("CompleteMultipartUpload", **where, MultipartUpload={"Parts": named}) == "NoSuchUpload"


def test_an_aborted_upload_is_gone(s3: S3, bucket: str) -> None:
    where = begun(s3, bucket)
    named = sent(s3, where, {1: b"a"})
    s3("AbortMultipartUpload", **where)
    for operation, params in (
        ("AbortMultipartUpload", {}),
        ("ListParts", {}),
        ("UploadPart", {"PartNumber": 1, "Body": b""}),
        ("UploadPartCopy", {"PartNumber": 1, "CopySource": "data/key"}),
        ("CompleteMultipartUpload", {"MultipartUpload": {"Parts": named}}),
    ):
        fault = s3.refused(operation, **where, **params)
        assert (fault.code, fault.status, fault.members) == ("NoSuchUpload", 404, {"UploadId": where["UploadId"]})


def test_an_upload_is_of_one_key(s3: S3, bucket: str) -> None:
    where = {**begun(s3, bucket), "Key": "other"}
    assert s3.code("UploadPart", **where, PartNumber=1, Body=b"") == "NoSuchUpload"


@pytest.mark.parametrize(
    ("named", "code"),
    [
        ([], "MalformedXML"),
        ([{"ETag": "x"}], "MalformedXML"),
        ([{"PartNumber": 2}, {"PartNumber": 1}], "InvalidPartOrder"),
        ([{"PartNumber": 1}, {"PartNumber": 1}], "InvalidPartOrder"),
        ([{"PartNumber": 1, "ETag": '"x"'}], "InvalidPart"),
        ([{"PartNumber": 9, "ETag": '"x"'}], "InvalidPart"),
        ([{"PartNumber": 1}], "InvalidPart"),
    ],
)
def test_lists_of_parts_that_are_wrong(s3: S3, bucket: str, named: list[dict[str, Any]], code: str) -> None:
    where = begun(s3, bucket)
    sent(s3, where, {1: b"a", 2: b"b"})
    assert s3.code("CompleteMultipartUpload", **where, MultipartUpload={"Parts": named}) == code
    assert s3.code("HeadObject", Bucket=bucket, Key="key") == "NoSuchKey"
    assert len(s3("ListParts", **where)["Parts"]) == 2


def test_only_the_last_part_may_be_small(s3: S3, bucket: str) -> None:
    where = begun(s3, bucket)
    named = sent(s3, where, {1: b"a" * (LARGE - 1), 2: b"b"})
    fault = s3.refused("CompleteMultipartUpload", **where, MultipartUpload={"Parts": named})
    assert (fault.code, fault.members["ProposedSize"]) == ("EntityTooSmall", LARGE - 1)


@pytest.mark.parametrize("number", [0, -1, 10_001])
def test_numbers_that_no_part_has(s3: S3, bucket: str, number: int) -> None:
    where = begun(s3, bucket)
    assert s3.code("UploadPart", **where, PartNumber=number, Body=b"") == "InvalidArgument"


def test_conditions_hold_when_it_is_completed(s3: S3, bucket: str) -> None:
    where = begun(s3, bucket)
    named = sent(s3, where, {1: b"a"})
    s3("PutObject", Bucket=bucket, Key="key", Body=b"before")
    params = {"MultipartUpload": {"Parts": named}}
    assert s3.code("CompleteMultipartUpload", **where, **params, IfNoneMatch="*") == "PreconditionFailed"
    assert s3.code("CompleteMultipartUpload", **where, **params, IfMatch='"x"') == "PreconditionFailed"
    assert s3.text(bucket, "key") == b"before"
    etag = s3("HeadObject", Bucket=bucket, Key="key")["ETag"]
    completed(s3, where, named, IfMatch=etag)
    assert s3.text(bucket, "key") == b"a"


PARTS = {1: b"a" * LARGE, 2: b"bcd"}
WHOLE = PARTS[1] + PARTS[2]


@pytest.mark.parametrize(
    ("algorithm", "kind", "is_full"),
    [
        ("CRC32", None, False),
        ("CRC32", "COMPOSITE", False),
        ("CRC32", "FULL_OBJECT", True),
        ("CRC32C", "FULL_OBJECT", True),
        ("CRC64NVME", None, True),
        ("SHA256", None, False),
        ("SHA1", "COMPOSITE", False),
    ],
)
def test_checksums_of_the_whole(s3: S3, bucket: str, algorithm: str, kind: str | None, is_full: bool) -> None:
    where = begun(s3, bucket, ChecksumAlgorithm=algorithm, **({"ChecksumType": kind} if kind else {}))
    named = sent(s3, where, PARTS)
    member, name = f"Checksum{algorithm}", algorithm.lower()
    listed = s3("ListParts", **where)
    assert (listed["ChecksumAlgorithm"], listed["Parts"][1][member]) == (algorithm, written(digests.of(name, b"bcd")))
    raw = b"".join(digests.of(name, body) for body in PARTS.values())
    expected = written(digests.of(name, WHOLE)) if is_full else written(digests.of(name, raw)) + "-2"
    wrong = {member: written(b"\0" * len(digests.of(name, b"")))}
    params = {"MultipartUpload": {"Parts": named}}
    assert s3.code("CompleteMultipartUpload", **where, **params, **wrong) == "BadDigest"
    done = completed(s3, where, named, **{member: expected})
    assert (done[member], done["ChecksumType"]) == (expected, "FULL_OBJECT" if is_full else "COMPOSITE")
    assert s3("HeadObject", Bucket=bucket, Key="key", ChecksumMode="ENABLED")[member] == expected


@pytest.mark.parametrize(
    "params",
    [
        {"ChecksumAlgorithm": "SHA256", "ChecksumType": "FULL_OBJECT"},
        {"ChecksumAlgorithm": "CRC64NVME", "ChecksumType": "COMPOSITE"},
        {"ChecksumType": "FULL_OBJECT"},
    ],
)
def test_checksums_that_cannot_be(s3: S3, bucket: str, params: dict[str, str]) -> None:
    assert s3.code("CreateMultipartUpload", Bucket=bucket, Key="key", **params) == "InvalidRequest"


def test_a_part_is_checked_as_the_upload_says(s3: S3, bucket: str) -> None:
    where = begun(s3, bucket, ChecksumAlgorithm="SHA256")
    crc = {"ChecksumCRC32": written(digests.of("crc32", b"x"))}
    assert s3.code("UploadPart", **where, PartNumber=1, Body=b"x", **crc) == "InvalidRequest"
    named = sent(s3, where, {1: b"x"})
    named[0]["ChecksumSHA256"] = written(b"\0" * 32)
    assert s3.code("CompleteMultipartUpload", **where, MultipartUpload={"Parts": named}) == "InvalidPart"
    named[0]["ChecksumSHA256"] = written(hashlib.sha256(b"x").digest())
    params = {"MultipartUpload": {"Parts": named}}
    assert s3.code("CompleteMultipartUpload", **where, **params, ChecksumType="FULL_OBJECT") == "InvalidRequest"
    assert s3.code("CompleteMultipartUpload", **where, **params, MpuObjectSize=2) == "InvalidRequest"
    completed(s3, where, named, MpuObjectSize=1)


def test_parts_of_an_object_can_be_read(s3: S3, bucket: str) -> None:
    where = begun(s3, bucket)
    completed(s3, where, sent(s3, where, PARTS))
    for number, body in PARTS.items():
        found = s3("GetObject", Bucket=bucket, Key="key", PartNumber=number)
        assert (found["Body"].read(), found["PartsCount"]) == (body, 2)
    assert found["ContentRange"] == f"bytes {LARGE}-{LARGE + 2}/{LARGE + 3}"
    fault = s3.refused("HeadObject", Bucket=bucket, Key="key", PartNumber=3)
    assert (fault.code, fault.status) == ("InvalidPartNumber", 416)
    assert s3.code("GetObject", Bucket=bucket, Key="key", PartNumber=1, Range="bytes=0-1") == "InvalidRequest"


def test_an_object_put_at_once_is_its_own_part(s3: S3, bucket: str) -> None:
    s3("PutObject", Bucket=bucket, Key="key", Body=b"hello")
    found = s3("GetObject", Bucket=bucket, Key="key", PartNumber=1)
    assert (found["Body"].read(), found["ContentRange"]) == (b"hello", "bytes 0-4/5")
    assert "PartsCount" not in found
    assert s3.code("GetObject", Bucket=bucket, Key="key", PartNumber=2) == "InvalidPartNumber"


@pytest.mark.parametrize("algorithm", [None, "SHA256"])
def test_attributes_of_parts(s3: S3, bucket: str, algorithm: str | None) -> None:
    where = begun(s3, bucket, **({"ChecksumAlgorithm": algorithm} if algorithm else {}))
    completed(s3, where, sent(s3, where, PARTS))
    params = {"Bucket": bucket, "Key": "key", "ObjectAttributes": ["ObjectParts"]}
    found = s3("GetObjectAttributes", **params, MaxParts=1)["ObjectParts"]
    assert found["TotalPartsCount"] == 2
    assert ("Parts" in found) == (algorithm is not None)
    if algorithm:
        assert (found["IsTruncated"], found["NextPartNumberMarker"], found["Parts"][0]["Size"]) == (True, 1, LARGE)
        rest = s3("GetObjectAttributes", **params, PartNumberMarker=1)["ObjectParts"]
        assert (rest["IsTruncated"], [part["PartNumber"] for part in rest["Parts"]]) == (False, [2])


def test_parts_of_objects(s3: S3, bucket: str, site: Site) -> None:
    s3("PutObject", Bucket=bucket, Key="source", Body=WHOLE)
    where = begun(s3, bucket, ChecksumAlgorithm="CRC32")
    source = {"CopySource": f"{bucket}/source"}
    named: list[dict[str, Any]] = []
    for number, params in ((1, {}), (2, {"CopySourceRange": f"bytes={LARGE}-{LARGE + 2}"})):
        result = s3("UploadPartCopy", **where, PartNumber=number, **source, **params)["CopyPartResult"]
        named.append({"PartNumber": number, "ETag": result["ETag"], "ChecksumCRC32": result["ChecksumCRC32"]})
    completed(s3, where, named)
    assert s3.text(bucket, "key") == WHOLE + b"bcd"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("bytes=0-5", "InvalidArgument"),
        ("bytes=3-2", "InvalidArgument"),
        ("bytes=0-", "InvalidArgument"),
        ("0-1", "InvalidArgument"),
    ],
)
def test_ranges_that_no_source_has(s3: S3, bucket: str, text: str, code: str) -> None:
    s3("PutObject", Bucket=bucket, Key="source", Body=b"hello")
    where = begun(s3, bucket)
    params = {"PartNumber": 1, "CopySource": f"{bucket}/source", "CopySourceRange": text}
    assert s3.code("UploadPartCopy", **where, **params) == code


def test_a_copy_of_a_multipart_object_is_hashed_as_a_whole(s3: S3, bucket: str, site: Site) -> None:
    where = begun(s3, bucket, ChecksumAlgorithm="SHA256")
    completed(s3, where, sent(s3, where, PARTS))
    before = len(blob_files(site))
    result = s3("CopyObject", Bucket=bucket, Key="copy", CopySource=f"{bucket}/key")["CopyObjectResult"]
    assert result["ETag"] == f'"{hashlib.md5(WHOLE).hexdigest()}"'
    assert result["ChecksumSHA256"] == written(hashlib.sha256(WHOLE).digest())
    assert s3.code("GetObject", Bucket=bucket, Key="copy", PartNumber=2) == "InvalidPartNumber"
    assert len(blob_files(site)) == before


def test_parts_are_listed_page_by_page(s3: S3, bucket: str) -> None:
    where = begun(s3, bucket)
    sent(s3, where, {5: b"e", 1: b"a", 3: b"c"})
    page = s3("ListParts", **where, MaxParts=2)
    assert [part["PartNumber"] for part in page["Parts"]] == [1, 3]
    assert (page["IsTruncated"], page["NextPartNumberMarker"], page["MaxParts"]) == (True, 3, 2)
    page = s3("ListParts", **where, PartNumberMarker=3)
    assert ([part["PartNumber"] for part in page["Parts"]], page["IsTruncated"]) == ([5], False)


def test_uploads_are_listed_page_by_page(s3: S3, bucket: str) -> None:
    keys = ["a/1", "a/2", "b", "b", "c"]
    uploads = [(key, s3("CreateMultipartUpload", Bucket=bucket, Key=key)["UploadId"]) for key in keys]
    found: list[tuple[str, str]] = []
    markers: dict[str, str] = {}
    while True:
        page = s3("ListMultipartUploads", Bucket=bucket, MaxUploads=2, **markers)
        found += [(each["Key"], each["UploadId"]) for each in page["Uploads"]]
        if not page["IsTruncated"]:
            break
        markers = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
    assert found == sorted(uploads)
    page = s3("ListMultipartUploads", Bucket=bucket, Delimiter="/", Prefix="")
    assert [each["Prefix"] for each in page["CommonPrefixes"]] == ["a/"]
    assert [each["Key"] for each in page["Uploads"]] == ["b", "b", "c"]
    page = s3("ListMultipartUploads", Bucket=bucket, KeyMarker="a/2", EncodingType="url")
    assert [each["Key"] for each in page["Uploads"]] == ["b", "b", "c"]
