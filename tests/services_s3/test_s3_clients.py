"""Unmodified boto3 against S3 on a port."""

from __future__ import annotations

import hashlib
import http.client
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
from s3_callers import blob_files, opened
from s3_server import Served, serving

pytestmark = pytest.mark.contract

MIB = 1 << 20


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    site = opened(tmp_path_factory.mktemp("served"))
    with serving(site) as running:
        yield running
    site.database.close()


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[Any]:
    made = served.client()
    made.create_bucket(Bucket="data")
    yield made
    made.close()


def refusal(call: Any, **params: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 MiB, no two of them alike."""
    path = tmp_path_factory.mktemp("large") / "file"
    with path.open("wb") as file:
        for number in range(100):
            file.write(hashlib.shake_128(number.to_bytes(4)).digest(MIB))
    return path


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def test_a_large_file_goes_up_and_down(client: Any, large: Path, tmp_path: Path) -> None:
    client.upload_file(str(large), "data", "large", ExtraArgs={"Metadata": {"a": "b"}})
    head = client.head_object(Bucket="data", Key="large")
    assert (head["ContentLength"], head["Metadata"]) == (100 * MIB, {"a": "b"})
    assert head["ETag"].endswith('-13"')
    client.download_file("data", "large", str(tmp_path / "down"))
    assert digest(tmp_path / "down") == digest(large)


def test_a_signed_body_is_named_by_its_hash(client: Any, served: Served) -> None:
    client.put_object(Bucket="data", Key="named", Body=b"named")
    assert served.site.blobs.path(hashlib.sha256(b"named").hexdigest()).read_bytes() == b"named"


def test_a_large_body_at_once_is_never_in_memory(client: Any, large: Path) -> None:
    tracemalloc.start()
    try:
        with large.open("rb") as file:
            client.put_object(Bucket="data", Key="at-once", Body=file)
        body = client.get_object(Bucket="data", Key="at-once")["Body"]
        hashed = hashlib.sha256()
        for piece in body.iter_chunks(MIB):
            hashed.update(piece)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert hashed.hexdigest() == digest(large)
    assert peak < 40 * MIB


def test_a_managed_copy_in_parts(client: Any, large: Path) -> None:
    with large.open("rb") as file:
        client.put_object(Bucket="data", Key="from", Body=file.read(12 * MIB))
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    client.copy({"Bucket": "data", "Key": "from"}, "data", "to", Config=config)
    assert client.head_object(Bucket="data", Key="to")["ETag"].endswith('-3"')
    assert (
        client.get_object(Bucket="data", Key="to")["Body"].read()
        == client.get_object(Bucket="data", Key="from")["Body"].read()
    )


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_a_file_with_a_checksum_of_its_own(client: Any, algorithm: str, tmp_path: Path, large: Path) -> None:
    client.upload_file(str(large), "data", "checked", ExtraArgs={"ChecksumAlgorithm": algorithm})
    head = client.head_object(Bucket="data", Key="checked", ChecksumMode="ENABLED")
    assert head[f"Checksum{algorithm}"].endswith("-13")
    assert head["ChecksumType"] == "COMPOSITE"
    client.download_file("data", "checked", str(tmp_path / "down"))
    assert (tmp_path / "down").stat().st_size == 100 * MIB


KEYS = ["a b", "a+b", "a/b/c", "a//b", "ä", "a&b=c", "a%20b", "a?b#c", "../up", "a\x01b", "<a>", "'\"", "~", "🐟"]


def test_keys_of_every_kind_survive_the_wire(client: Any) -> None:
    client.create_bucket(Bucket="kinds")
    for key in KEYS:
        client.put_object(Bucket="kinds", Key=key, Body=key.encode(), Metadata={"name": "x"})
    found = [each["Key"] for each in client.list_objects_v2(Bucket="kinds")["Contents"]]
    assert found == sorted(KEYS, key=str.encode)
    for key in KEYS:
        assert client.get_object(Bucket="kinds", Key=key)["Body"].read() == key.encode()
        copied = client.copy_object(Bucket="kinds", Key="copy", CopySource={"Bucket": "kinds", "Key": key})
        assert copied["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(key.encode()).hexdigest()}"'
    client.delete_object(Bucket="kinds", Key="a\x01b")  # XML cannot say this name: S3 refuses it in DeleteObjects
    rest = [{"Key": key} for key in [*KEYS, "copy"] if key.isprintable()]
    assert len(client.delete_objects(Bucket="kinds", Delete={"Objects": rest})["Deleted"]) == len(KEYS)
    client.delete_bucket(Bucket="kinds")


def test_paginators_and_waiters(client: Any) -> None:
    client.create_bucket(Bucket="pages")
    client.get_waiter("bucket_exists").wait(Bucket="pages")
    for number in range(7):
        client.put_object(Bucket="pages", Key=f"{number % 2}/{number}", Body=b"")
    client.get_waiter("object_exists").wait(Bucket="pages", Key="0/0")
    for name in ("list_objects_v2", "list_objects"):
        pages = list(client.get_paginator(name).paginate(Bucket="pages", PaginationConfig={"PageSize": 2}))
        assert [len(page["Contents"]) for page in pages] == [2, 2, 2, 1]
        pages = list(client.get_paginator(name).paginate(Bucket="pages", Delimiter="/", MaxKeys=1))
        assert [page["CommonPrefixes"] for page in pages] == [[{"Prefix": "0/"}], [{"Prefix": "1/"}]]
    versions = client.get_paginator("list_object_versions").paginate(Bucket="pages", PaginationConfig={"PageSize": 3})
    assert [len(page["Versions"]) for page in versions] == [3, 3, 1]


def test_conditions_and_ranges_have_their_status(client: Any) -> None:
    etag = client.put_object(Bucket="data", Key="range", Body=b"0123456789")["ETag"]
    where = {"Bucket": "data", "Key": "range"}
    part = client.get_object(**where, Range="bytes=2-4")
    assert (part["Body"].read(), part["ContentRange"]) == (b"234", "bytes 2-4/10")
    assert refusal(client.get_object, **where, Range="bytes=10-") == ("InvalidRange", 416)
    assert refusal(client.get_object, **where, IfNoneMatch=etag) == ("304", 304)
    assert refusal(client.get_object, **where, IfMatch='"x"') == ("PreconditionFailed", 412)
    assert refusal(client.put_object, **where, Body=b"", IfNoneMatch="*") == ("PreconditionFailed", 412)
    head = client.head_object(**where)
    assert refusal(client.get_object, **where, IfModifiedSince=head["LastModified"]) == ("304", 304)
    client.get_object(**where, IfUnmodifiedSince=head["LastModified"])


def test_a_range_is_partial_content(client: Any) -> None:
    client.put_object(Bucket="data", Key="part", Body=b"0123456789")
    answers = [call(Bucket="data", Key="part", Range="bytes=0-0") for call in (client.get_object, client.head_object)]
    assert [answer["ResponseMetadata"]["HTTPStatusCode"] for answer in answers] == [206, 206]


def test_what_is_not_there_says_so(client: Any) -> None:
    assert refusal(client.get_object, Bucket="data", Key="nothing") == ("NoSuchKey", 404)
    assert refusal(client.head_object, Bucket="data", Key="nothing") == ("404", 404)
    assert refusal(client.head_bucket, Bucket="nowhere") == ("404", 404)
    assert refusal(client.list_objects_v2, Bucket="nowhere") == ("NoSuchBucket", 404)
    with pytest.raises(client.exceptions.NoSuchKey):
        client.get_object(Bucket="data", Key="nothing")
    with pytest.raises(client.exceptions.NoSuchBucket):
        client.list_objects_v2(Bucket="nowhere")
    assert refusal(client.get_bucket_policy, Bucket="data") == ("NoSuchBucketPolicy", 404)


def test_bucket_documents_over_the_wire(client: Any) -> None:
    assert client.get_bucket_location(Bucket="data")["LocationConstraint"] is None
    client.create_bucket(Bucket="far", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert client.get_bucket_location(Bucket="far")["LocationConstraint"] == "eu-west-1"
    assert client.head_bucket(Bucket="far")["BucketRegion"] == "eu-west-1"
    tags = [{"Key": "a", "Value": "b"}]
    client.put_bucket_tagging(Bucket="far", Tagging={"TagSet": tags})
    assert client.get_bucket_tagging(Bucket="far")["TagSet"] == tags
    client.put_bucket_policy(Bucket="far", Policy='{"Statement": []}')
    assert client.get_bucket_policy(Bucket="far")["Policy"] == '{"Statement": []}'
    rules = [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]
    client.put_bucket_cors(Bucket="far", CORSConfiguration={"CORSRules": rules})
    assert client.get_bucket_cors(Bucket="far")["CORSRules"] == rules
    client.put_bucket_versioning(Bucket="far", VersioningConfiguration={"Status": "Enabled"})
    assert client.get_bucket_versioning(Bucket="far")["Status"] == "Enabled"
    first = client.put_object(Bucket="far", Key="key", Body=b"1")["VersionId"]
    client.delete_object(Bucket="far", Key="key")
    assert client.get_object(Bucket="far", Key="key", VersionId=first)["Body"].read() == b"1"
    listed = client.list_object_versions(Bucket="far")
    assert [each["IsLatest"] for each in listed["DeleteMarkers"]] == [True]
    assert client.get_bucket_acl(Bucket="far")["Grants"][0]["Permission"] == "FULL_CONTROL"
    assert client.get_public_access_block(Bucket="far")["PublicAccessBlockConfiguration"]["BlockPublicAcls"]
    assert client.get_bucket_encryption(Bucket="far")["ServerSideEncryptionConfiguration"]["Rules"]


def test_tags_and_attributes_over_the_wire(client: Any) -> None:
    client.put_object(Bucket="data", Key="tagged", Body=b"hello", Tagging="a=b", ChecksumAlgorithm="SHA256")
    assert client.get_object_tagging(Bucket="data", Key="tagged")["TagSet"] == [{"Key": "a", "Value": "b"}]
    wanted = ["ETag", "Checksum", "ObjectSize", "StorageClass"]
    found = client.get_object_attributes(Bucket="data", Key="tagged", ObjectAttributes=wanted)
    assert (found["ObjectSize"], found["StorageClass"]) == (5, "STANDARD")
    assert found["Checksum"]["ChecksumSHA256"]


@pytest.mark.usefixtures("client")  # which makes the bucket
@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_presigned_urls(served: Served, version: str) -> None:
    client = served.client(signature_version=version)
    params = {"Bucket": "data", "Key": "signed key"}
    assert exchange("PUT", client.generate_presigned_url("put_object", Params=params), b"signed") == (200, b"")
    assert exchange("GET", client.generate_presigned_url("get_object", Params=params)) == (200, b"signed")
    status, _ = exchange("DELETE", client.generate_presigned_url("get_object", Params=params))
    assert status == 403
    client.close()


def exchange(method: str, url: str, body: bytes | None = None) -> tuple[int, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        connection.request(method, f"{parts.path}?{parts.query}", body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_a_client_that_hangs_up_leaves_nothing(client: Any, served: Served) -> None:
    before = set(blob_files(served.site))
    signer = served.client(signature_version="s3v4")
    url = urlsplit(signer.generate_presigned_url("put_object", Params={"Bucket": "data", "Key": "half"}))
    signer.close()
    head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {10 * MIB}\r\n\r\n"
    with socket.create_connection((url.hostname or "", url.port or 0)) as connection:
        connection.sendall(head.encode() + b"x" * 3 * MIB)
    assert refusal(client.head_object, Bucket="data", Key="half") == ("404", 404)
    client.get_waiter("object_not_exists").wait(Bucket="data", Key="half")
    for _ in range(500):
        if set(blob_files(served.site)) <= before:
            break
        threading.Event().wait(0.02)
    assert set(blob_files(served.site)) <= before


def test_many_clients_write_one_key(served: Served, client: Any) -> None:
    bodies = [bytes([65 + number]) * 200_000 for number in range(8)]
    failures: list[BaseException] = []

    def put(body: bytes) -> None:
        try:
            client.put_object(Bucket="data", Key="shared", Body=body)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=put, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    found = client.get_object(Bucket="data", Key="shared")
    body = found["Body"].read()
    assert body in bodies
    assert found["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
