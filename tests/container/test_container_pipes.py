"""Pipe mode: what is streamed, how records are cut, and what a job may do to its pipes. The feeder runs for real."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import select
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stepwell.container import pipe_feeder, piping, staging, training
from stepwell.container.plan import Input, Location, Pipe, Plan, Refusal
from stepwell.testing.folder_objects import FolderObjects

PATIENCE_SECONDS = 30


@pytest.fixture
def objects(tmp_path: Path) -> FolderObjects:
    found = FolderObjects(tmp_path / "objects")
    for key, data in {"in/a": b"aaa", "in/b": b"bb", "in/c": b"c", "zip/a": gzip.compress(b"zzz" * 9)}.items():
        found.add("b", key, data)
    return found


def a_plan(*inputs: Input, hosts: int = 1) -> Plan:
    cluster = {"InstanceCount": hosts, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    request = {
        "AlgorithmSpecification": {"TrainingImage": "python:3.11", "TrainingInputMode": "Pipe"},
        "RoleArn": "arn:aws:iam::123456789012:role/R",
        "OutputDataConfig": {"S3OutputPath": "s3://b/models"},
        "ResourceConfig": cluster,
    }
    return replace(training.plan("j", "arn:j", request), inputs=inputs)


def a_channel(key: str = "in", pipe: Pipe = Pipe(), **more: object) -> Input:
    return Input("train", Location("b", key), "/opt/ml/input/data/train", pipe=pipe, **more)  # type: ignore[arg-type]


class Host:
    """A host whose channels are fed; closing `end` is the end of its container."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "opt-ml" / "input" / "data"
        self.ended, self.end = os.pipe()

    def feed(self) -> int:
        words = [sys.executable, "-I", "-S", pipe_feeder.__file__, str(self.folder), str(self.ended)]
        return subprocess.run(words, pass_fds=(self.ended,), timeout=PATIENCE_SECONDS, check=False).returncode

    def entries(self) -> list[str]:
        return sorted(path.name for path in self.data.iterdir())

    def read(self, epoch: int, limit: int = 1 << 30) -> bytes:
        """A whole epoch, or its first `limit` bytes: a pipe gives what is in it, so one read may bring less."""
        with (self.data / f"train_{epoch}").open("rb", buffering=0) as pipe:
            found = b""
            while len(found) < limit and select.select([pipe], [], [], PATIENCE_SECONDS)[0]:
                if not (piece := pipe.read(min(1 << 20, limit - len(found)))):
                    break
                found += piece
            return found


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[list[Host]]:
    found = [Host(tmp_path / name) for name in ("algo-1", "algo-2")]
    yield found
    for host in found:
        os.close(host.end)
        os.close(host.ended)


def lay_out(plan: Plan, hosts: list[Host], objects: FolderObjects) -> None:
    roots = {host: place.folder / "opt-ml" for host, place in zip(plan.hosts, hosts, strict=False)}
    staging.bring(plan, roots, objects, lambda: None)


def record(data: bytes) -> bytes:
    return struct.pack("<II", 0xCED7230A, len(data)) + data + b"\0" * (-len(data) % 4)


def test_every_epoch_streams_everything(hosts: list[Host], objects: FolderObjects) -> None:
    lay_out(a_plan(a_channel()), hosts, objects)
    assert hosts[0].entries() == ["train_0"]
    assert hosts[0].feed() == 0
    assert [hosts[0].read(epoch) for epoch in range(3)] == [b"aaabbc"] * 3
    assert hosts[0].entries() == ["train_3"]


def test_pipes_are_where_the_input_belongs(hosts: list[Host], objects: FolderObjects) -> None:
    """Inputs of processing jobs have paths of their own, and each its own folder of pipes."""
    first = Input("a", Location("b", "in/a"), "/opt/ml/processing/one", pipe=Pipe())
    second = Input("b", Location("b", "in/b"), "/opt/ml/processing/deep/two", pipe=Pipe())
    lay_out(a_plan(first, second), hosts, objects)
    assert hosts[0].feed() == 0
    processing = hosts[0].folder / "opt-ml" / "processing"
    assert (processing / "one_0").read_bytes() == b"aaa"
    assert (processing / "deep" / "two_0").read_bytes() == b"bb"


def test_a_reader_that_has_enough_gets_the_next_epoch(hosts: list[Host], objects: FolderObjects) -> None:
    objects.add("b", "in/d", bytes(1 << 20))
    lay_out(a_plan(a_channel()), hosts, objects)
    hosts[0].feed()
    assert hosts[0].read(0, limit=4) == b"aaab"
    assert len(_when_it_is_there(hosts[0], 1)) == 6 + (1 << 20)


def _when_it_is_there(host: Host, epoch: int) -> bytes:
    for _ in range(PATIENCE_SECONDS * 100):
        if (host.data / f"train_{epoch}").exists():
            return host.read(epoch)
        select.select([], [], [], 0.01)
    raise AssertionError(f"epoch {epoch} did not begin")


def test_hosts_get_their_share(hosts: list[Host], objects: FolderObjects) -> None:
    lay_out(a_plan(a_channel(sharded=True), hosts=2), hosts, objects)
    for host in hosts:
        host.feed()
    assert [host.read(0) for host in hosts] == [b"aaac", b"bb"]


@pytest.mark.parametrize(
    ("key", "pipe", "streamed"),
    [
        ("in", Pipe(wrapped=True), record(b"aaa") + record(b"bb") + record(b"c")),
        ("zip", Pipe(unzipped=True), b"zzz" * 9),
        ("zip", Pipe(unzipped=True, wrapped=True), record(b"zzz" * 9)),
        ("in/b", Pipe(), b"bb"),
    ],
)
def test_what_is_streamed(hosts: list[Host], objects: FolderObjects, key: str, pipe: Pipe, streamed: bytes) -> None:
    lay_out(a_plan(a_channel(key, pipe)), hosts, objects)
    hosts[0].feed()
    assert hosts[0].read(0) == streamed


def test_the_seed_decides_the_order_of_every_epoch(hosts: list[Host], objects: FolderObjects) -> None:
    for number in range(40):
        objects.add("b", f"many/{number:02}", b"%02d " % number)
    for host in hosts:
        lay_out(a_plan(a_channel("many", Pipe(seed=7))), [host], objects)
        host.feed()
    first, second = ([host.read(epoch).split() for epoch in range(2)] for host in hosts)
    assert first == second
    assert first[0] != first[1]
    assert sorted(first[0]) == sorted(first[1]) == [b"%02d" % number for number in range(40)]


def test_an_augmented_manifest_streams_attributes_in_order(hosts: list[Host], objects: FolderObjects) -> None:
    lines = [
        {"label": 1, "image-ref": "s3://b/in/a", "text": "x"},
        {"label": {"k": [1, 2]}, "image-ref": "s3://b/in/b"},
    ]
    objects.add("b", "lines", "\n".join(map(json.dumps, lines)).encode() + b"\n\n")
    wanted = a_channel("lines", Pipe(wrapped=True), listing="augmented", attributes=("image-ref", "label"))
    lay_out(a_plan(wanted), hosts, objects)
    hosts[0].feed()
    assert hosts[0].read(0) == record(b"aaa") + record(b"1") + record(b"bb") + record(b'{"k":[1,2]}')


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b'{"a-ref": "s3://b/in/a"}\n{', "Line 2 of the augmented manifest s3://b/lines is not valid JSON"),
        (b"[" * 100_000, "Line 1 of the augmented manifest s3://b/lines is not valid JSON"),
        (b"[1]", "is not a JSON object"),
        (b'{"b": 1}', "has no attribute 'a-ref'"),
        (b'{"a-ref": 1}', "has no S3 URI as 'a-ref'"),
        (b'{"a-ref": "s3://b/gone"}', "s3://b/gone, which does not exist"),
        (b'{"a-ref": "https://b/gone"}', "is not an S3 URI"),
        (b"\xff", "is not valid JSON"),
    ],
)
def test_a_bad_augmented_manifest_is_refused(
    hosts: list[Host], objects: FolderObjects, text: bytes, told: str
) -> None:
    objects.add("b", "lines", text)
    with pytest.raises(Refusal, match=told):
        lay_out(a_plan(a_channel("lines", listing="augmented", attributes=("a-ref",))), hosts, objects)


def test_a_channel_with_the_name_of_a_pipe_is_refused(hosts: list[Host], objects: FolderObjects) -> None:
    other = Input("train_0", Location("b", "in"), "/opt/ml/input/data/train_0")
    with pytest.raises(Refusal, match="Another channel has the name"):
        lay_out(a_plan(a_channel(), other), hosts, objects)


def test_what_is_not_gzip_data_is_refused(hosts: list[Host], objects: FolderObjects) -> None:
    with pytest.raises(Refusal, match='s3://b/in/a of channel "train" is not gzip data'):
        lay_out(a_plan(a_channel("in", Pipe(unzipped=True))), hosts, objects)


def test_a_broken_archive_ends_the_stream_and_the_log_says_so(hosts: list[Host], objects: FolderObjects) -> None:
    objects.add("b", "cut/a", gzip.compress(os.urandom(5000))[:3000])
    lay_out(a_plan(a_channel("cut", Pipe(unzipped=True))), hosts, objects)
    hosts[0].feed()
    assert len(hosts[0].read(0)) < 5000
    told = _line_of_the_log(hosts[0])
    assert 'Channel "train" is not streamed any more: Compressed file ended' in told


def _line_of_the_log(host: Host) -> str:
    for _ in range(PATIENCE_SECONDS * 100):
        if (host.folder / "log").exists() and (text := (host.folder / "log").read_text()):
            return text
        select.select([], [], [], 0.01)
    raise AssertionError("nothing was said")


@pytest.mark.parametrize("trap", ["link", "file", "folder"])
def test_a_job_cannot_have_anything_else_written_to(
    hosts: list[Host], objects: FolderObjects, tmp_path: Path, trap: str
) -> None:
    lay_out(a_plan(a_channel()), hosts, objects)
    precious = tmp_path / "precious"
    precious.write_bytes(b"")
    pipe = hosts[0].data / "train_0"
    pipe.unlink()
    if trap == "link":
        pipe.symlink_to(precious)
    elif trap == "file":
        pipe.write_bytes(b"")
    else:
        pipe.mkdir()
    hosts[0].feed()
    assert "is not streamed any more" in _line_of_the_log(hosts[0])
    assert precious.read_bytes() == b""
    assert trap != "file" or pipe.read_bytes() == b""


def test_a_linked_folder_is_not_entered(hosts: list[Host], objects: FolderObjects, tmp_path: Path) -> None:
    lay_out(a_plan(a_channel()), hosts, objects)
    hosts[0].data.rename(tmp_path / "elsewhere")
    hosts[0].data.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="Not a directory"):
        pipe_feeder.open_inside(str(hosts[0].folder), ["opt-ml", "input", "data"])


def test_the_feeder_is_alone_and_ends_with_the_container(hosts: list[Host], objects: FolderObjects) -> None:
    lay_out(a_plan(a_channel()), hosts, objects)
    host = hosts[0]
    assert [host.feed(), host.feed()] == [0, 0]
    assert host.read(0) == b"aaabbc"
    lock = os.open(piping.folder(host.folder / "opt-ml") / "lock", os.O_RDWR)
    os.write(host.end, b"x")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # both let go of it: none is left
    finally:
        os.close(lock)


def test_a_long_record_comes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipe_feeder, "LONGEST_PART", 4)
    data = b"".join(pipe_feeder.wrapped(iter([b"abc", b"defghi"]), 9))
    parts = [(1, b"abcd"), (2, b"efgh"), (3, b"i\0\0\0")]
    lengths = [4, 4, 1]
    expected = [
        struct.pack("<II", 0xCED7230A, position << 29 | length) + body
        for (position, body), length in zip(parts, lengths, strict=True)
    ]
    assert data == b"".join(expected)
    assert b"".join(pipe_feeder.wrapped(iter(()), 0)) == struct.pack("<II", 0xCED7230A, 0)
