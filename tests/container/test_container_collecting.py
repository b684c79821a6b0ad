"""Collecting: what a container left goes to S3, and nothing else of this machine ever does."""

from __future__ import annotations

import io
import os
import socket
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from stepwell.container.collecting import MOST_REPORTS, collect
from stepwell.container.plan import Location, Output, Refusal
from stepwell.testing.folder_objects import FolderObjects

Take = Callable[..., None]

FILES = Output("out", "/opt/ml/processing/out", Location("b", "res"))
MODEL = Output("model", "/opt/ml/model", Location("b", "j/model.tar.gz"), archive=True, even_if_empty=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "opt-ml"
    (root / "processing" / "out").mkdir(parents=True)
    (root / "model").mkdir()
    return root


@pytest.fixture
def objects(tmp_path: Path) -> FolderObjects:
    found = FolderObjects(tmp_path / "objects")
    found.add("b", "keep", b"")
    return found


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.mkdir()
    (path / "key").write_text("of the host")
    return path


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def take(tmp_path: Path, root: Path, objects: FolderObjects, said: list[str]) -> Take:
    return lambda *outputs, roots=(root,): collect(outputs, roots, objects, tmp_path / "scratch", said.append)


def members(data: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        return {m.name: (archive.extractfile(m) or io.BytesIO()).read().decode() for m in archive if m.isfile()}


def test_files_keep_their_relative_paths(root: Path, objects: FolderObjects, take: Take) -> None:
    out = root / "processing" / "out"
    (out / "a.csv").write_text("1")
    (out / "sub" / "deep").mkdir(parents=True)
    (out / "sub" / "deep" / "b ä.csv").write_text("2")
    take(FILES)
    assert objects.keys("b") == ["keep", "res/a.csv", "res/sub/deep/b ä.csv"]
    assert objects.content("b", "res/sub/deep/b ä.csv") == b"2"


def test_links_and_special_files_are_skipped_and_reported(
    root: Path, objects: FolderObjects, take: Take, secret: Path, said: list[str]
) -> None:
    out = root / "processing" / "out"
    (out / "good").write_text("1")
    (out / "link").symlink_to(secret / "key")
    (out / "tree").symlink_to(secret)
    os.mkfifo(out / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        here = Path.cwd()
        os.chdir(out)  # the path of a socket is limited to about 100 bytes
        listening.bind("socket")
        os.chdir(here)
    take(FILES)
    assert objects.keys("b") == ["keep", "res/good"]
    assert [line.partition(": skipped ")[2] for line in said] == [
        "fifo: it is neither a file nor a directory.",
        "link: it is a symbolic link.",
        "socket: it is neither a file nor a directory.",
        "tree: it is a symbolic link.",
    ]


@pytest.mark.parametrize("where", ["processing/out", "processing"])
def test_an_output_directory_that_became_a_link_is_not_followed(
    root: Path, objects: FolderObjects, take: Take, secret: Path, said: list[str], where: str
) -> None:
    (secret / "out").mkdir()
    (secret / "out" / "key").write_text("of the host")
    (root / "processing" / "out").rmdir()
    if where == "processing":
        (root / "processing").rmdir()
    (root / where).symlink_to(secret)
    take(FILES)
    assert objects.keys("b") == ["keep"]
    assert said == ['Output "out": /opt/ml/processing/out is not a directory; nothing is uploaded from it.']


def test_an_output_that_was_removed_is_reported(root: Path, objects: FolderObjects, take: Take) -> None:
    (root / "processing" / "out").rmdir()
    take(FILES)
    assert objects.keys("b") == ["keep"]


def test_a_name_that_is_not_utf8_is_refused(root: Path, take: Take) -> None:
    (root / "processing" / "out" / os.fsdecode(b"\xff")).write_text("1")
    with pytest.raises(Refusal, match="not UTF-8"):
        take(FILES)


def test_a_missing_bucket_is_refused(root: Path, take: Take) -> None:
    (root / "processing" / "out" / "a").write_text("1")
    with pytest.raises(Refusal, match="NoSuchBucket"):
        take(Output("out", "/opt/ml/processing/out", Location("missing", "res")))


def test_the_model_archive(root: Path, objects: FolderObjects, take: Take, secret: Path) -> None:
    (root / "model" / "code").mkdir()
    (root / "model" / "code" / "x.py").write_text("x")
    (root / "model" / "model.bin").write_text("m")
    (root / "model" / "link").symlink_to(secret / "key")
    take(MODEL)
    first = objects.content("b", "j/model.tar.gz")
    assert members(first) == {"code/x.py": "x", "model.bin": "m"}
    with tarfile.open(fileobj=io.BytesIO(first)) as archive:
        assert {(m.uid, m.gid, m.uname) for m in archive} == {(0, 0, "root")}
    take(MODEL)
    assert objects.content("b", "j/model.tar.gz") == first


def test_an_empty_model_is_an_empty_archive_and_empty_output_is_nothing(
    root: Path, objects: FolderObjects, take: Take
) -> None:
    (root / "output" / "data").mkdir(parents=True)
    take(MODEL, Output("output", "/opt/ml/output/data", Location("b", "o.tar.gz"), archive=True))
    assert members(objects.content("b", "j/model.tar.gz")) == {}
    assert objects.keys("b") == ["j/model.tar.gz", "keep"]


def test_the_first_host_wins_in_an_archive(root: Path, objects: FolderObjects, take: Take, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "model").mkdir(parents=True)
    (root / "model" / "m").write_text("first")
    (other / "model" / "m").write_text("second")
    (other / "model" / "n").write_text("second")
    take(MODEL, roots=(root, other))
    assert members(objects.content("b", "j/model.tar.gz")) == {"m": "first", "n": "second"}


def test_what_nobody_may_read_is_read(root: Path, objects: FolderObjects, take: Take) -> None:
    inner = root / "processing" / "out" / "closed"
    inner.mkdir()
    (inner / "a").write_text("1")
    (inner / "a").chmod(0)
    inner.chmod(0)
    take(FILES)
    assert objects.keys("b") == ["keep", "res/closed/a"]


def test_a_multitude_that_is_skipped_is_not_all_reported(root: Path, take: Take, said: list[str]) -> None:
    for number in range(MOST_REPORTS + 50):
        (root / "processing" / "out" / f"link-{number}").symlink_to("nowhere")
    take(FILES)
    assert len(said) == MOST_REPORTS + 1
    assert said[-1] == 'Output "out": more is skipped, which is not listed.'


def test_files_are_uploaded_while_the_tree_is_walked(root: Path, tmp_path: Path, said: list[str]) -> None:
    """However many there are, no list of them is made."""
    for number in range(3):
        (root / "processing" / "out" / f"folder-{number}").mkdir()
        (root / "processing" / "out" / f"folder-{number}" / "file").write_text("x")

    class Watching(FolderObjects):
        def put(self, bucket: str, key: str, source: Path) -> None:
            super().put(bucket, key, source)
            (source.parent.parent / "folder-2" / "file").unlink(missing_ok=True)

    objects = Watching(tmp_path / "others")
    objects.add("b", "keep", b"")
    collect([FILES], [root], objects, tmp_path / "scratch", said.append)
    assert objects.keys("b") == ["keep", "res/folder-0/file", "res/folder-1/file"]
