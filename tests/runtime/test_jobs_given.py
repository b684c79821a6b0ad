"""Files of a job that S3 keeps instead of a copy: the same objects, and nothing lost when the server is killed."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.blobs import folder
from stepwell.blobs.folder import Blobs
from stepwell.container import collecting
from stepwell.container.objects import StorageRefused, exactly
from stepwell.container.plan import Location, Output
from stepwell.runtime.job_manifest import NotingObjects
from stepwell.runtime.job_objects import SiteObjects
from stepwell.runtime.job_sparing import SparingObjects
from stepwell.services.registry import Door, Site
from stepwell.services.s3 import bodies, objects
from stepwell.store.database import Database

SCOPE = Scope("123456789012", "us-east-1", "arn:aws:sts::123456789012:assumed-role/SageMakerRole/test")
MODEL = Output("model", "/opt/ml/model", Location("data", "job/output/model.tar.gz"), archive=True)
LINES = {each.__file__ for each in (folder, bodies, objects)}
KILLED = 9


def begin(data: Path) -> tuple[Door, Database]:
    database = Database(data / "stepwell.db")
    return Door(Site(data, SCOPE.account, "http://127.0.0.1:0", database, Blobs(data / "blobs"))), database


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    found, database = begin(tmp_path)
    found.call(SCOPE, "s3", "CreateBucket", {"Bucket": "data"})
    yield found
    database.close()


def head(door: Door, key: str) -> Document:
    return door.call(SCOPE, "s3", "HeadObject", {"Bucket": "data", "Key": key})


@pytest.mark.parametrize("content", [b"", b"x" * 10, b"y" * (3 << 20)])
def test_a_given_file_is_the_same_object_as_a_copied_one(door: Door, tmp_path: Path, content: bytes) -> None:
    mine = SiteObjects(door, SCOPE)
    given = tmp_path / "given"
    for name, hand_over in (("put", mine.put), ("give", mine.give)):
        given.write_bytes(content)
        hand_over("data", name, given)
    shown = [{**head(door, name), "LastModified": 0} for name in ("put", "give")]
    assert shown[0] == shown[1]
    assert shown[1]["ETag"] == f'"{hashlib.md5(content).hexdigest()}"'
    assert [item.content for item in mine.under("data", "")] == [hashlib.sha256(content).hexdigest()] * 2
    assert not given.exists()


def test_a_given_file_is_moved_and_makes_a_version_like_any_other(door: Door, tmp_path: Path) -> None:
    door.call(
        SCOPE, "s3", "PutBucketVersioning", {"Bucket": "data", "VersioningConfiguration": {"Status": "Enabled"}}
    )
    mine, given, inodes = SiteObjects(door, SCOPE), tmp_path / "given", []
    for content in (b"one", b"two"):
        given.write_bytes(content)
        inodes.append(given.stat().st_ino)
        mine.give("data", "key", given)
    versions = door.call(SCOPE, "s3", "ListObjectVersions", {"Bucket": "data"})["Versions"]
    assert [(each["Key"], each["IsLatest"]) for each in versions] == [("key", True), ("key", False)]
    item = exactly(mine, "data", "key")
    assert item is not None
    assert door.site.blobs.path(item.content).stat().st_ino == inodes[1]


def test_what_cannot_be_moved_is_copied(door: Door, tmp_path: Path) -> None:
    mine, given = SiteObjects(door, SCOPE), tmp_path / "given"
    given.write_bytes(b"text")
    os.link(given, tmp_path / "other")
    mine.give("data", "key", given)
    (tmp_path / "other").write_bytes(b"changed")
    item = exactly(mine, "data", "key")
    assert item is not None
    assert mine.read(item) == b"text"


def test_a_large_file_goes_in_parts_as_ever(door: Door, tmp_path: Path) -> None:
    mine, given = SiteObjects(door, SCOPE, largest_put=5 << 20, part=5 << 20), tmp_path / "given"
    content = os.urandom(6 << 20)
    given.write_bytes(content)
    mine.give("data", "key", given)
    item = exactly(mine, "data", "key")
    assert item is not None
    assert mine.read(item) == content


def test_a_bucket_that_refuses_is_told(door: Door, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.write_bytes(b"text")
    with pytest.raises(StorageRefused) as refused:
        SiteObjects(door, SCOPE).give("missing", "key", given)
    assert refused.value.code == "NoSuchBucket"


def test_who_passes_objects_on_passes_gifts_on(door: Door, tmp_path: Path) -> None:
    given = tmp_path / "given"
    noting = NotingObjects(SparingObjects(SiteObjects(door, SCOPE)))
    for _ in range(2):
        given.write_bytes(b"text")
        noting.give("data", "job/output/model.tar.gz", given)
    assert given.exists(), "it is there already"
    assert [piece.channel for piece in noting.pieces([MODEL])] == ["model"]


def test_a_kill_at_any_line_loses_nothing(tmp_path: Path) -> None:
    """What a job left is packed and handed over again by the next server; every blob is what its name says."""
    data, root = tmp_path / "data", tmp_path / "opt-ml"
    (root / "model").mkdir(parents=True)
    (root / "model" / "weights").write_bytes(b"weights" * 100)
    data.mkdir()
    door, database = begin(data)
    door.call(SCOPE, "s3", "CreateBucket", {"Bucket": "data"})
    database.close()
    count = _lines_until_the_end(data, root)
    assert count > 40
    for line in range(1, count, 3):
        _hand_over_in_a_process_of_its_own(data, root, line)
        door, database = begin(data)
        mine = SiteObjects(door, SCOPE)
        for path in data.glob("blobs/??/*"):
            assert hashlib.sha256(path.read_bytes()).hexdigest() == path.parent.name + path.name
        assert (root / "model" / "weights").exists()
        for item in mine.under("data", ""):
            assert mine.read(item)
        database.close()
        del door, mine  # the next to begin is alone then, and tidies up
    door, database = begin(data)
    collecting.collect([MODEL], [root], SiteObjects(door, SCOPE), data / "scratch", print)
    assert list(data.glob("blobs/incoming/*")) == list(data.glob("scratch/*")) == []
    assert len(list(data.glob("blobs/??/*"))) == 1
    database.close()


def _lines_until_the_end(data: Path, root: Path) -> int:
    door, database = begin(data)
    seen = _Killer(0)
    sys.settrace(seen.trace)
    try:
        collecting.collect([MODEL], [root], SiteObjects(door, SCOPE), data / "scratch", print)
    finally:
        sys.settrace(None)
    door.call(SCOPE, "s3", "DeleteObject", {"Bucket": "data", "Key": MODEL.location.key})
    for blob in data.glob("blobs/??/*"):
        blob.unlink()
    database.close()
    return seen.lines


def _hand_over_in_a_process_of_its_own(data: Path, root: Path, line: int) -> None:
    child = os.fork()
    if child == 0:
        try:
            door, _ = begin(data)
            sys.settrace(_Killer(line).trace)
            collecting.collect([MODEL], [root], SiteObjects(door, SCOPE), data / "scratch", print)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == KILLED


class _Killer:
    """Ends the process, without a chance to tidy up, at the line of that number; 0: never."""

    def __init__(self, line: int) -> None:
        self.line = line
        self.lines = 0

    def trace(self, frame: FrameType, event: str, _argument: object) -> Any:
        if frame.f_code.co_filename not in LINES:
            return None
        if event == "line":
            self.lines += 1
            if self.lines == self.line:
                os._exit(KILLED)
        return self.trace
