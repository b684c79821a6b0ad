"""The folder of blobs: what is kept, what is left behind, and what other rooms may do with it."""

from __future__ import annotations

import hashlib
import os
import threading
import zlib
from pathlib import Path

import pytest

from stepwell.blobs import folder
from stepwell.blobs.folder import Blobs
from stepwell.blobs.slices import FileSlice

TEXT = b"some bytes that are kept"
NAME = hashlib.sha256(TEXT).hexdigest()


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


def kept(blobs: Blobs) -> list[Path]:
    return [path for path in blobs.folder.rglob("*") if path.is_file() and path.name != "lock"]


def test_a_blob_is_named_by_its_bytes(blobs: Blobs) -> None:
    blob = blobs.put(TEXT)
    assert (blob.hash, blob.size) == (NAME, len(TEXT))
    assert blobs.path(NAME).read_bytes() == TEXT
    with blobs.open(NAME) as file:
        assert file.read() == TEXT


def test_the_same_bytes_are_kept_once(blobs: Blobs) -> None:
    blobs.put(TEXT)
    inode = blobs.path(NAME).stat().st_ino
    blobs.put(TEXT)
    assert blobs.path(NAME).stat().st_ino == inode
    assert kept(blobs) == [blobs.path(NAME)]


def test_bytes_that_come_again_are_young_again(blobs: Blobs) -> None:
    blobs.put(TEXT)
    os.utime(blobs.path(NAME), (1, 1))
    blobs.put(TEXT)
    assert blobs.path(NAME).stat().st_mtime > 1


def test_a_blob_is_its_owners_alone_and_read_only(blobs: Blobs) -> None:
    blobs.put(TEXT)
    assert blobs.path(NAME).stat().st_mode & 0o777 == 0o400
    assert blobs.folder.stat().st_mode & 0o777 == 0o700


def test_digests_are_computed_while_writing(blobs: Blobs) -> None:
    with blobs.writer(["md5", "crc32"]) as writer:
        for start in range(0, len(TEXT), 7):
            writer.write(TEXT[start : start + 7])
        blob = writer.commit()
    assert blob.digests["md5"] == hashlib.md5(TEXT).digest()
    assert blob.digests["crc32"] == zlib.crc32(TEXT).to_bytes(4)


def test_a_digest_can_be_asked_for_late(blobs: Blobs) -> None:
    with blobs.writer() as writer:
        writer.write(TEXT)
        assert writer.digest("sha1") == hashlib.sha1(TEXT).digest()
        writer.write(TEXT)
        assert writer.digest("sha1") == hashlib.sha1(TEXT + TEXT).digest()


def test_digests_of_what_is_kept(blobs: Blobs) -> None:
    blobs.put(TEXT)
    assert blobs.digests(NAME, ["md5"]) == {"md5": hashlib.md5(TEXT).digest()}
    assert blobs.digests(NAME, []) == {}


def test_a_writer_that_fails_leaves_nothing(blobs: Blobs) -> None:
    with pytest.raises(RuntimeError), blobs.writer() as writer:
        writer.write(TEXT)
        raise RuntimeError
    assert kept(blobs) == []


def test_a_writer_that_does_not_commit_leaves_nothing(blobs: Blobs) -> None:
    with blobs.writer() as writer:
        writer.write(TEXT)
    assert kept(blobs) == []


def test_a_file_is_taken_as_it_is_now(blobs: Blobs, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(TEXT)
    blob = blobs.add_file(source, ["md5"])
    source.write_bytes(b"changed")
    assert blobs.path(blob.hash).read_bytes() == TEXT
    assert blob.digests["md5"] == hashlib.md5(TEXT).digest()


def test_blobs_join_to_one(blobs: Blobs) -> None:
    names = [blobs.put(part).hash for part in (b"one", b"", b"three")]
    joined = blobs.concatenate(names)
    assert (blobs.path(joined.hash).read_bytes(), joined.size) == (b"onethree", 8)
    assert blobs.path(joined.hash).stat().st_mode & 0o777 == 0o400
    assert blobs.concatenate(names) == joined
    assert blobs.concatenate(names[::-1]).hash != joined.hash


def test_no_blob_can_take_the_name_of_a_concatenation(blobs: Blobs) -> None:
    names = [blobs.put(part).hash for part in (b"one", b"three")]
    posing = {blobs.put(separator.join(names).encode()).hash for separator in ("", "+", "\n", ",")}
    assert blobs.concatenate(names).hash not in posing


def test_a_concatenation_of_what_is_not_there_leaves_nothing(blobs: Blobs) -> None:
    with pytest.raises(FileNotFoundError):
        blobs.concatenate([blobs.put(TEXT).hash, "0" * 64])
    assert list(blobs.incoming.iterdir()) == []


def test_a_name_from_elsewhere_is_not_computed_again(blobs: Blobs) -> None:
    with blobs.writer(["md5"], is_named=True) as writer:
        writer.write(TEXT)
        blob = writer.commit(NAME)
    assert blobs.path(NAME).read_bytes() == TEXT
    assert blob.digests == {"md5": hashlib.md5(TEXT).digest()}


def test_a_stretch_becomes_a_blob(blobs: Blobs) -> None:
    blobs.put(TEXT)
    part = blobs.add_slice(blobs.slice(NAME, 5, 5), ["md5"])
    assert (blobs.path(part.hash).read_bytes(), part.size) == (b"bytes", 5)


def test_a_placed_blob_is_the_jobs_own(blobs: Blobs, tmp_path: Path) -> None:
    blobs.put(TEXT)
    target = tmp_path / "placed"
    blobs.place(NAME, target)
    assert target.read_bytes() == TEXT
    assert target.stat().st_ino != blobs.path(NAME).stat().st_ino
    target.write_bytes(b"the job's")
    assert blobs.path(NAME).read_bytes() == TEXT


def test_placing_never_replaces(blobs: Blobs, tmp_path: Path) -> None:
    blobs.put(TEXT)
    target = tmp_path / "placed"
    target.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        blobs.place(NAME, target)
    assert not (tmp_path / "elsewhere").exists()


def test_placing_what_is_not_there(blobs: Blobs, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        blobs.place(NAME, tmp_path / "placed")
    assert not (tmp_path / "placed").exists()


def test_a_copy_across_file_systems(blobs: Blobs) -> None:
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == blobs.folder.stat().st_dev:
        pytest.skip("needs a second file system at /dev/shm")
    large = TEXT * 100_000
    name = blobs.put(large).hash
    target = shared / f"placed-{os.getpid()}"
    try:
        blobs.place(name, target)
        assert target.read_bytes() == large
    finally:
        target.unlink(missing_ok=True)


def test_writers_at_the_same_time(blobs: Blobs) -> None:
    texts = [bytes([number % 5]) * 50_000 for number in range(20)]
    threads = [threading.Thread(target=blobs.put, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept(blobs)) == 5
    assert all(blobs.path(hashlib.sha256(text).hexdigest()).read_bytes() == text for text in texts)


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    place = tmp_path / "blobs"
    (place / "incoming").mkdir(parents=True)
    (place / "incoming" / "half").write_bytes(b"ha")
    assert kept(Blobs(place)) == []


def test_what_a_living_process_writes_is_left_alone(tmp_path: Path) -> None:
    first = Blobs(tmp_path / "blobs")
    with first.writer() as writer:
        writer.write(TEXT)
        Blobs(tmp_path / "blobs")
        assert writer.commit().hash == NAME
    assert first.path(NAME).read_bytes() == TEXT


@pytest.mark.parametrize(("offset", "length"), [(0, 24), (5, 5), (23, 1), (0, 0), (24, 0)])
@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_a_slice_is_a_stretch(blobs: Blobs, offset: int, length: int, chunk: int) -> None:
    blobs.put(TEXT)
    stretch = blobs.slice(NAME, offset, length)
    assert stretch.read() == TEXT[offset : offset + length]
    pieces = list(stretch.iterate(chunk))
    assert b"".join(pieces) == TEXT[offset : offset + length]
    assert all(0 < len(piece) <= chunk for piece in pieces)


def test_a_slice_of_a_file_that_is_too_short(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"abc")
    with pytest.raises(EOFError):
        FileSlice(tmp_path / "short", 1, 3).read()


def test_an_unreadable_file_is_a_loud_failure(blobs: Blobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    blobs.put(TEXT)
    monkeypatch.setattr(os, "copy_file_range", full)
    monkeypatch.setattr(folder, "_clone", lambda *_: False)
    with pytest.raises(OSError, match="No space"):
        blobs.place(NAME, tmp_path / "placed")
    assert not (tmp_path / "placed").exists()
