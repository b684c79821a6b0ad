"""The small parts of the runtime of jobs: the watcher, S3 as a job uses it, and what a refused upload leaves."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from stepwell.base.arn import Scope
from stepwell.blobs.folder import Blobs
from stepwell.container.objects import StorageRefused
from stepwell.runtime.job_objects import FileBody, SiteObjects
from stepwell.runtime.job_records import key_of
from stepwell.runtime.job_watch import Watcher
from stepwell.services.registry import Door, Site
from stepwell.store.database import Database

SCOPE = Scope("123456789012", "us-east-1", "arn:aws:iam::123456789012:role/SageMakerRole")


def test_the_watcher_calls_once_for_each_end() -> None:
    ended: list[str] = []
    heard = threading.Semaphore(0)

    def hear(subjects: Sequence[str]) -> None:
        ended.extend(subjects)
        heard.release()

    watcher = Watcher(hear)
    descriptors = {name: os.eventfd(0) for name in ("a", "b")}
    for name, descriptor in descriptors.items():
        watcher.add(name, "algo-1", os.dup(descriptor))
    assert watcher.is_watching("a", "algo-1")
    assert not watcher.is_watching("a", "algo-2")
    os.eventfd_write(descriptors["a"], 1)
    assert heard.acquire(timeout=30)
    assert ended == ["a"]
    assert not watcher.is_watching("a", "algo-1")
    watcher.add("late", "algo-1", os.dup(descriptors["a"]))
    assert heard.acquire(timeout=30)
    watcher.close()
    assert ended == ["a", "late"]
    for descriptor in descriptors.values():
        os.close(descriptor)


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    database = Database(tmp_path / "stepwell.db")
    door = Door(Site(tmp_path, SCOPE.account, "http://127.0.0.1:0", database, Blobs(tmp_path / "blobs")))
    door.call(SCOPE, "s3", "CreateBucket", {"Bucket": "data"})
    yield door
    database.close()


def test_objects_go_in_and_come_out(door: Door, tmp_path: Path) -> None:
    objects = SiteObjects(door, SCOPE, largest_put=10 << 20, part=6 << 20)
    contents = {"empty": b"", "small": b"x" * 10, "large": os.urandom(13 << 20)}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        objects.put("data", f"p/{name}", tmp_path / name)
    found = list(objects.under("data", "p/"))
    assert [(item.key, item.size) for item in found] == [("p/empty", 0), ("p/large", 13 << 20), ("p/small", 10)]
    for item in found:
        target = tmp_path / f"copy-of-{item.key[2:]}"
        objects.place(item, target)
        assert target.read_bytes() == objects.read(item) == contents[item.key[2:]]
    with pytest.raises(FileExistsError):
        objects.place(found[0], tmp_path / "small")


@pytest.mark.parametrize("largest_put", [1, 10 << 20])
def test_what_s3_refuses_is_told_with_its_code(door: Door, tmp_path: Path, largest_put: int) -> None:
    objects = SiteObjects(door, SCOPE, largest_put=largest_put, part=6 << 20)
    (tmp_path / "file").write_bytes(b"xx")
    with pytest.raises(StorageRefused) as refused:
        objects.put("missing", "key", tmp_path / "file")
    assert refused.value.code == "NoSuchBucket"
    with pytest.raises(StorageRefused) as refused:
        objects.put("data", "k" * 2000, tmp_path / "file")
    assert refused.value.code == "KeyTooLongError"
    with pytest.raises(StorageRefused):
        list(objects.under("missing", ""))


def test_a_body_is_the_next_bytes_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abcdefgh")
    with (tmp_path / "file").open("rb", buffering=0) as file:
        file.seek(1)
        assert b"".join(bytes(piece) for piece in FileBody(file, 3).pieces()) == b"bcd"
        body = FileBody(file, 3)
        assert (body.read(2), body.read(), body.read()) == (b"ef", b"g", b"")


def test_the_key_of_a_job() -> None:
    key = key_of("arn:aws:sagemaker:us-east-1:123456789012:training-job/My-Job")
    assert (key.kind, key.account, key.region, key.name) == ("training-job", "123456789012", "us-east-1", "My-Job")
    with pytest.raises(ValueError, match="not an ARN"):
        key_of("My-Job")
