"""Files that become blobs without being copied, and those that cannot."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import pytest

from stepwell.blobs.folder import Blobs

TEXT = b"some bytes that nobody needs any more"
NAME = hashlib.sha256(TEXT).hexdigest()


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "archive"
    found.write_bytes(TEXT)
    os.utime(found, (1, 1))
    return found


def kept(blobs: Blobs) -> list[Path]:
    return [path for path in blobs.folder.rglob("*") if path.is_file() and path.name != "lock"]


def test_a_file_that_is_taken_is_moved(blobs: Blobs, file: Path) -> None:
    inode = file.stat().st_ino
    with blobs.writer(["md5"]) as writer:
        assert writer.take(file)
        assert (writer.size, writer.digest("crc32")) == (len(TEXT), writer.digest("crc32"))
        blob = writer.commit()
    assert (blob.hash, blob.size, blob.digests["md5"]) == (NAME, len(TEXT), hashlib.md5(TEXT).digest())
    there = blobs.path(NAME).stat()
    assert (there.st_ino, there.st_mode & 0o777) == (inode, 0o400)
    assert there.st_mtime > 1, "it is wanted from now on"
    assert blobs.path(NAME).read_bytes() == TEXT
    assert not file.exists()
    assert kept(blobs) == [blobs.path(NAME)]


def test_bytes_that_are_kept_already_are_kept_once(blobs: Blobs, file: Path) -> None:
    blobs.put(TEXT)
    inode = blobs.path(NAME).stat().st_ino
    with blobs.writer() as writer:
        assert writer.take(file)
        writer.commit()
    assert blobs.path(NAME).stat().st_ino == inode
    assert not file.exists()
    assert kept(blobs) == [blobs.path(NAME)]


def test_what_is_not_kept_in_the_end_leaves_nothing(blobs: Blobs, file: Path) -> None:
    with blobs.writer() as writer:
        assert writer.take(file)
    assert kept(blobs) == []


def test_a_file_that_is_not_there_cannot_be_taken(blobs: Blobs, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), blobs.writer() as writer:
        writer.take(tmp_path / "missing")
    assert kept(blobs) == []


@pytest.mark.parametrize("what", ["second name", "link", "folder", "another user's", "another disk"])
def test_what_cannot_be_moved_stays_and_can_be_copied(blobs: Blobs, file: Path, what: str) -> None:
    given = file
    match what:
        case "second name":
            os.link(file, file.with_name("second"))
        case "link":
            given = file.with_name("link")
            given.symlink_to(file)
        case "folder":
            given = file.parent
        case "another user's":
            if os.geteuid() != 0:
                pytest.skip("needs root")
            os.chown(file, 1, 1)
        case _:
            shared = Path("/dev/shm")
            if not shared.is_dir() or shared.stat().st_dev == file.stat().st_dev:
                pytest.skip("needs a second file system")
            descriptor, name = tempfile.mkstemp(dir=shared)
            os.write(descriptor, TEXT)
            os.close(descriptor)
            given = Path(name)
    with blobs.writer() as writer:
        assert not writer.take(given)
        assert given.exists()
        writer.write(TEXT)
        assert writer.commit().hash == NAME
    assert blobs.path(NAME).stat().st_ino != file.stat().st_ino
    if what == "another disk":
        given.unlink()
