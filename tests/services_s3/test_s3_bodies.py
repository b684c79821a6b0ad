"""Bytes on their way in: what is checked, and that nothing stays of what was not right."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from s3_callers import S3, blob_files

from stepwell.blobs import digests
from stepwell.services.registry import Site
from stepwell.services.s3 import bodies

BODY = b"some bytes on their way" * 100


@dataclass
class Stream:
    """A body as the gateway hands it over."""

    parts: list[bytes]
    length: int | None = None
    trailers: Mapping[str, str] = field(default_factory=dict)
    failure: Exception | None = None

    def pieces(self) -> Iterator[bytes]:
        yield from self.parts
        if self.failure:
            raise self.failure

    def read(self, size: int = -1) -> bytes:
        raise AssertionError("pieces are cheaper")


def written(value: bytes) -> str:
    return base64.b64encode(value).decode()


def test_a_stream_is_an_object(s3: S3, bucket: str) -> None:
    for length in (None, len(BODY)):
        s3("PutObject", Bucket=bucket, Key="key", Body=Stream([BODY[:7], BODY[7:]], length))
        assert s3.text(bucket, "key") == BODY


def test_no_body_is_an_empty_object(s3: S3, bucket: str) -> None:
    assert s3("PutObject", Bucket=bucket, Key="key")["ETag"] == '"d41d8cd98f00b204e9800998ecf8427e"'
    assert s3.text(bucket, "key") == b""


@pytest.mark.parametrize("algorithm", sorted(digests.KNOWN))
def test_a_checksum_is_compared_and_kept(s3: S3, bucket: str, algorithm: str) -> None:
    member = f"Checksum{algorithm.upper()}"
    right = written(digests.of(algorithm, BODY))
    put = s3("PutObject", Bucket=bucket, Key="key", Body=BODY, **{member: right})
    assert (put[member], put["ChecksumType"]) == (right, "FULL_OBJECT")
    head = s3("HeadObject", Bucket=bucket, Key="key", ChecksumMode="ENABLED")
    assert head[member] == right
    assert member not in s3("HeadObject", Bucket=bucket, Key="key")
    listed = s3("ListObjectsV2", Bucket=bucket)["Contents"][0]
    assert listed["ChecksumAlgorithm"] == [algorithm.upper()]


@pytest.mark.parametrize("algorithm", sorted(digests.KNOWN))
def test_an_algorithm_can_be_named(s3: S3, bucket: str, algorithm: str) -> None:
    put = s3("PutObject", Bucket=bucket, Key="key", Body=BODY, ChecksumAlgorithm=algorithm.upper())
    assert put[f"Checksum{algorithm.upper()}"] == written(digests.of(algorithm, BODY))


@pytest.mark.parametrize("named", [{}, {"ChecksumAlgorithm": "CRC32"}])
def test_a_checksum_may_come_behind_the_body(s3: S3, bucket: str, named: dict[str, str]) -> None:
    right = written(zlib.crc32(BODY).to_bytes(4))
    body = Stream([BODY], None, {"X-Amz-Checksum-Crc32": right, "x-other": "1"})
    assert s3("PutObject", Bucket=bucket, Key="key", Body=body, **named)["ChecksumCRC32"] == right
    wrong = Stream([BODY + b"!"], None, {"x-amz-checksum-crc32": right})
    assert s3.code("PutObject", Bucket=bucket, Key="key", Body=wrong, **named) == "BadDigest"
    assert s3.text(bucket, "key") == BODY


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"ContentMD5": written(b"0" * 16)}, "BadDigest"),
        ({"ContentMD5": written(b"0" * 15)}, "InvalidDigest"),
        ({"ContentMD5": "?"}, "InvalidDigest"),
        ({"ContentMD5": ""}, "InvalidDigest"),
        ({"ChecksumCRC32": written(b"0" * 4)}, "BadDigest"),
        ({"ChecksumCRC32": written(b"0" * 5)}, "InvalidRequest"),
        ({"ChecksumSHA256": "not base64"}, "InvalidRequest"),
        ({"ChecksumCRC32": written(b"0" * 4), "ChecksumSHA1": written(b"0" * 20)}, "InvalidRequest"),
    ],
)
@pytest.mark.parametrize("operation", ["PutObject", "UploadPart"])
def test_bytes_that_are_not_right_leave_nothing(
    s3: S3, bucket: str, site: Site, operation: str, params: dict[str, Any], code: str
) -> None:
    where: dict[str, Any] = {"Bucket": bucket, "Key": "key"}
    if operation == "UploadPart":
        where |= {"UploadId": s3("CreateMultipartUpload", **where)["UploadId"], "PartNumber": 1}
    assert s3.code(operation, Body=BODY, **where, **params) == code
    assert blob_files(site) == []
    assert s3.code("HeadObject", Bucket=bucket, Key="key") == "NoSuchKey"


def test_the_right_md5_passes(s3: S3, bucket: str) -> None:
    md5 = written(hashlib.md5(BODY).digest())
    s3("PutObject", Bucket=bucket, Key="key", Body=BODY, ContentMD5=md5)


@pytest.mark.parametrize("length", [len(BODY) - 1, len(BODY) + 1])
def test_a_body_of_another_length(s3: S3, bucket: str, site: Site, length: int) -> None:
    assert s3.code("PutObject", Bucket=bucket, Key="key", Body=Stream([BODY], length)) == "IncompleteBody"
    assert blob_files(site) == []


class GoneError(Exception):
    """What a gateway raises when its client went away."""


def test_a_client_that_goes_away_leaves_nothing(s3: S3, bucket: str, site: Site) -> None:
    s3("PutObject", Bucket=bucket, Key="key", Body=b"before")
    before = blob_files(site)
    with pytest.raises(GoneError):
        s3("PutObject", Bucket=bucket, Key="key", Body=Stream([BODY], None, failure=GoneError()))
    assert s3.text(bucket, "key") == b"before"
    assert blob_files(site) == before


def test_a_bucket_that_goes_away_meanwhile(s3: S3, bucket: str) -> None:
    class Slow(Stream):
        def pieces(self) -> Iterator[bytes]:
            yield BODY
            s3("DeleteBucket", Bucket=bucket)

    assert s3.code("PutObject", Bucket=bucket, Key="key", Body=Slow([])) == "NoSuchBucket"


def test_a_body_that_is_too_large(s3: S3, bucket: str, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "LARGEST", 10)
    for length in (None, 11):
        fault = s3.refused("PutObject", Bucket=bucket, Key="key", Body=Stream([b"x" * 11], length))
        assert (fault.code, fault.members) == ("EntityTooLarge", {"ProposedSize": 11, "MaxSizeAllowed": 10})
    assert blob_files(site) == []
    s3("PutObject", Bucket=bucket, Key="key", Body=b"x" * 10)


def test_the_same_bytes_are_kept_once(s3: S3, bucket: str, site: Site) -> None:
    for key in "abc":
        s3("PutObject", Bucket=bucket, Key=key, Body=BODY)
    s3("CopyObject", Bucket=bucket, Key="d", CopySource=f"{bucket}/a")
    assert len(blob_files(site)) == 1
