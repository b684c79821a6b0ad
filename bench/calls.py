"""The calls that are compared: one `Case` each, the same boto3 code for every server.

In: a `Peer`. Out: effects on that server alone. `prepare` fills a server with what the cases read; a case's `act` is
what is timed. To add one: a function taking the peer and the call's number, and a line in `cases`.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from peers import Peer

KIB, MIB = 1024, 1024 * 1024
BUCKET = "bench"
ROLE = "arn:aws:iam::123456789012:role/bench"
DEFINITION = (Path(__file__).resolve().parent.parent / "examples" / "churn" / "definition.json").read_text()
PIPELINES = KEYS = 1000
SMALL, LARGE = os.urandom(KIB), os.urandom(100 * MIB)


@dataclass(frozen=True)
class Case:
    """`blocks` blocks of `size` calls each; `goal` is how many times cheaper than moto we want to be, and in what."""

    name: str
    act: Callable[[Peer, int], object]
    blocks: int
    size: int
    goal: tuple[str, float] | None = None


def create_bucket(peer: Peer) -> None:
    peer.client("s3").create_bucket(Bucket=BUCKET)


def create_pipeline(peer: Peer, number: int) -> object:
    return peer.client("sagemaker").create_pipeline(
        PipelineName=f"bench-{number:04}", PipelineDefinition=DEFINITION, RoleArn=ROLE
    )


def describe_pipeline(peer: Peer, number: int) -> object:
    return peer.client("sagemaker").describe_pipeline(PipelineName=f"bench-{number % PIPELINES:04}")


def list_pipelines(peer: Peer, _number: int) -> object:
    pages = peer.client("sagemaker").get_paginator("list_pipelines")
    found = [each for page in pages.paginate(MaxResults=100) for each in page["PipelineSummaries"]]
    return expect(len(found), PIPELINES)


def put_small(peer: Peer, number: int) -> object:
    return peer.client("s3").put_object(Bucket=BUCKET, Key=f"keys/{number:04}", Body=SMALL)


def get_small(peer: Peer, number: int) -> object:
    body = peer.client("s3").get_object(Bucket=BUCKET, Key=f"keys/{number % KEYS:04}")["Body"].read()
    return expect(len(body), KIB)


def list_keys(peer: Peer, _number: int) -> object:
    answer = peer.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="keys/", MaxKeys=KEYS)
    return expect(answer["KeyCount"], KEYS)


def list_keys_raw(peer: Peer, _number: int) -> object:
    """The same list by a presigned URL, without boto3's own parsing of the answer."""
    parameters = {"Bucket": BUCKET, "Prefix": "keys/", "MaxKeys": KEYS}
    url = peer.client("s3").generate_presigned_url("list_objects_v2", parameters)
    with urllib.request.urlopen(url) as answer:
        return expect(answer.read().count(b"<Contents>"), KEYS)


def put_large(peer: Peer, _number: int) -> object:
    return peer.client("s3").put_object(Bucket=BUCKET, Key="large/put", Body=LARGE)


@cache
def scratch() -> Path:
    """A folder, gone at the end of the process, that holds the file to upload."""
    folder = tempfile.mkdtemp(prefix="stepwell-bench-files-")
    atexit.register(shutil.rmtree, folder)
    (Path(folder) / "large").write_bytes(LARGE)
    return Path(folder)


def upload_large(peer: Peer, _number: int) -> object:
    return peer.client("s3").upload_file(str(scratch() / "large"), BUCKET, "large/upload")


def download_large(peer: Peer, _number: int) -> object:
    target = scratch() / "downloaded"
    peer.client("s3").download_file(BUCKET, "large/upload", str(target))
    return expect(target.stat().st_size, len(LARGE))


def expect(found: int, wanted: int) -> int:
    """A call that answers something else is not a faster call."""
    if found != wanted:
        raise ValueError(f"expected {wanted}, got {found}")
    return found


def cases() -> list[Case]:
    """In the order in which they run: what creates comes before what reads."""
    scratch()
    return [
        Case("CreatePipeline (11 kB)", create_pipeline, 10, PIPELINES // 10),
        Case("DescribePipeline", describe_pipeline, 10, 30, ("cpu", 5)),
        Case("ListPipelines of 1,000 (10 pages)", list_pipelines, 5, 2),
        Case("put_object 1 KiB", put_small, 10, KEYS // 10),
        Case("get_object 1 KiB", get_small, 10, 30),
        Case("ListObjectsV2 of 1,000 keys", list_keys, 10, 2, ("cpu", 10)),
        Case("ListObjectsV2 of 1,000 keys, plain HTTP", list_keys_raw, 10, 2, ("wall", 10)),
        Case("put_object 100 MiB", put_large, 5, 1),
        Case("upload_file 100 MiB", upload_large, 5, 1, ("wall", 3)),
        Case("download_file 100 MiB", download_large, 5, 1, ("wall", 3)),
    ]
