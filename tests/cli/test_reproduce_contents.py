"""What is in an object: archives are looked into, whatever they hold, and nothing is unpacked."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from stepwell.cli import contents
from stepwell.machines.comparison import WHOLE, compare


def tar(path: Path, mode: str = "w:gz", mtime: int = 1, *extra: tarfile.TarInfo, model: bytes = b"weights") -> Path:
    with tarfile.open(path, mode) as members:  # type: ignore[call-overload]
        for name, data in (("./model", model), ("./code/inference.py", b"pass\n")):
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.mode = len(data), mtime, 0o640
            members.addfile(member, io.BytesIO(data))
        for member in extra:
            members.addfile(member)
    return path


def info(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.mode = kind, target, 0o755
    return member


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_archives_are_known_by_what_they_are(tmp_path: Path, mode: str) -> None:
    found = contents.content(tar(tmp_path / "anything", mode), "blob")
    assert set(found.members) == {"model", "code/inference.py"}
    assert (found.members["model"].mode, found.members["model"].size) == (0o640, 7)
    assert found.is_archive


def test_times_and_compression_are_no_content(tmp_path: Path) -> None:
    one = contents.content(tar(tmp_path / "one", "w:gz", 1), "one")
    other = contents.content(tar(tmp_path / "other", "w:gz", 2), "other")
    plain = contents.content(tar(tmp_path / "plain", "w", 1), "plain")
    assert compare(one, other).verdict == "same content"
    assert compare(one, plain).verdict == "same content"
    changed = contents.content(tar(tmp_path / "changed", model=b"Weights"), "changed")
    assert [each.member for each in compare(one, changed).differences] == ["model"]


def test_links_and_strange_members_are_only_looked_at(tmp_path: Path) -> None:
    strange = (
        info("link", tarfile.SYMTYPE, "/etc/passwd"),
        info("hard", tarfile.LNKTYPE, "../../outside"),
        info("folder/", tarfile.DIRTYPE),
        info("pipe", tarfile.FIFOTYPE),
        info("../../evil", tarfile.DIRTYPE),
        info("link", tarfile.SYMTYPE, "elsewhere"),
    )
    found = contents.content(tar(tmp_path / "strange", "w:gz", 1, *strange), "blob").members
    assert (found["link"].kind, found["link"].target) == ("link", "/etc/passwd")
    assert found["link (2)"].target == "elsewhere"
    assert found["hard"].target == "hard link to ../../outside"
    assert (found["folder"].kind, found["pipe"].kind) == ("folder", "other")
    assert {each.name for each in tmp_path.iterdir()} == {"strange"}


def test_zip_files_are_archives_too(tmp_path: Path) -> None:
    for name, year in (("one", 1999), ("other", 2000)):
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo("weights.npy", (year, 1, 1, 0, 0, 0)), b"0" * 99)
            archive.writestr(zipfile.ZipInfo("inner/", (year, 1, 1, 0, 0, 0)), b"")
    one, other = (contents.content(tmp_path / name, name) for name in ("one", "other"))
    assert {name: each.kind for name, each in one.members.items()} == {"weights.npy": "file", "inner": "folder"}
    assert compare(one, other).verdict == "same content"
    assert contents.member_bytes(tmp_path / "one", "weights.npy") == b"0" * 99


@pytest.mark.parametrize(
    "data", [b"", b"text\n", b"\x1f\x8b broken", b"PK\x03\x04 broken", gzip.compress(b"one file", mtime=0)]
)
def test_everything_else_is_one_file(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "object"
    path.write_bytes(data)
    found = contents.content(path, "blob")
    assert (set(found.members), found.size) == ({WHOLE}, len(data))
    assert contents.member_bytes(path, WHOLE) == data


def test_a_truncated_archive_is_one_file(tmp_path: Path) -> None:
    path = tar(tmp_path / "model.tar.gz", model=bytes(range(256)) * 64)
    path.write_bytes(path.read_bytes()[:200])
    assert set(contents.content(path, "blob").members) == {WHOLE}


def test_what_holds_too_much_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tar(tmp_path / "bomb", model=b"\0" * 100_000)
    monkeypatch.setattr(contents, "MOST_BYTES", 50_000)
    assert set(contents.content(path, "blob").members) == {WHOLE}
    monkeypatch.setattr(contents, "MOST_BYTES", 1 << 30)
    monkeypatch.setattr(contents, "MOST_MEMBERS", 1)
    assert set(contents.content(path, "blob").members) == {WHOLE}


def test_bytes_of_a_member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tar(tmp_path / "model.tar.gz")
    assert contents.member_bytes(path, "model") == b"weights"
    assert contents.member_bytes(path, "nothing") is None
    monkeypatch.setattr(contents, "LARGEST_LOOKED_INTO", 6)
    assert contents.member_bytes(path, "model") is None
    assert contents.member_bytes(path, WHOLE) is None
