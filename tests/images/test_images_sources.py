"""The user's code is brought to the code folder, and an archive cannot reach outside it."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.images.programs import sources
from stepwell.images.programs.contract import ClientError


def archive(path: Path, *members: tarfile.TarInfo | str, mode: str = "w:gz") -> Path:
    """A tar archive; a text is a file of that name holding its own name."""
    with tarfile.open(path, mode) as content:  # type: ignore[call-overload]
        for member in members:
            if isinstance(member, str):
                info = tarfile.TarInfo(member)
                info.size = len(member)
                content.addfile(info, io.BytesIO(member.encode()))
            else:
                content.addfile(member)
    return path


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize("mode", ["w:gz", "w", "w:bz2"])
def test_an_archive_is_unpacked(tmp_path: Path, mode: str) -> None:
    path = archive(tmp_path / "code.tar", "train.py", "./lib/a.py", mode=mode)
    sources.bring(str(path), tmp_path / "code")
    assert (tmp_path / "code" / "train.py").read_text() == "train.py"
    assert (tmp_path / "code" / "lib" / "a.py").exists()


def test_a_folder_or_a_file_is_copied(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "train.py").write_text("x")
    sources.bring(f"file://{tmp_path}/from", tmp_path / "a")
    sources.bring(str(tmp_path / "from" / "train.py"), tmp_path / "b")
    assert (tmp_path / "a" / "train.py").exists()
    assert (tmp_path / "b" / "train.py").exists()


def test_code_that_is_there_already_stays(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "mine.py").write_text("x")
    sources.bring(str(archive(tmp_path / "code.tar.gz", "train.py")), tmp_path / "code")
    assert [path.name for path in (tmp_path / "code").iterdir()] == ["mine.py"]


def test_links_within_the_archive_are_kept(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar.gz", "lib/real.py", special("lib/alias.py", tarfile.SYMTYPE, "real.py"))
    sources.extract(path, tmp_path / "code")
    assert (tmp_path / "code" / "lib" / "alias.py").read_text() == "lib/real.py"


@pytest.mark.parametrize(
    "members",
    [
        ("../evil.py",),
        ("/evil.py",),
        ("a/../../evil.py",),
        (special("link", tarfile.SYMTYPE, ".."), "link/evil.py"),
        (special("link", tarfile.SYMTYPE, "/"),),
        (special("hard", tarfile.LNKTYPE, "../secret"),),
        (special("../link", tarfile.SYMTYPE, "code/inside"),),
        (special("pipe", tarfile.FIFOTYPE),),
        (special("disk", tarfile.BLKTYPE),),
        (special("tty", tarfile.CHRTYPE),),
    ],
)
def test_a_member_that_would_reach_outside_is_refused(
    tmp_path: Path, members: tuple[tarfile.TarInfo | str, ...]
) -> None:
    (tmp_path / "secret").write_text("secret")
    path = archive(tmp_path / "evil.tar.gz", *members)
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(ClientError, match=r"^evil\.tar\.gz: member '"):
        sources.extract(path, tmp_path / "code")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "code") == before


@pytest.mark.parametrize("content", [b"", b"not a tar archive", b"\x1f\x8b\x08\x00 broken"])
def test_what_is_no_archive_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "code.tar.gz"
    path.write_bytes(content)
    with pytest.raises(ClientError, match=r"^code\.tar\.gz is not a readable tar archive"):
        sources.extract(path, tmp_path / "code")


def test_a_place_without_anything_is_told(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match="there is nothing at '/nowhere/at/all'"):
        sources.bring("/nowhere/at/all", tmp_path / "code")


@given(parts=st.lists(st.sampled_from(["..", ".", "a", "b", "/", ""]), min_size=1, max_size=6))
def test_no_name_writes_outside(tmp_path_factory: pytest.TempPathFactory, parts: list[str]) -> None:
    name = "/".join(parts) + "/f"
    folder = tmp_path_factory.mktemp("names") / "deep" / "code"
    folder.mkdir(parents=True)
    path = archive(folder.parent.parent / "a.tar", name, mode="w")
    try:
        sources.extract(path, folder)
    except ClientError:
        pass
    outside = [each for each in folder.parent.parent.rglob("*") if each.is_file() and not each.is_relative_to(folder)]
    assert outside == [path]
    assert not Path("/f").exists()


def test_what_is_larger_than_the_disk_is_not_begun(tmp_path: Path) -> None:
    """A bomb says in its headers what it would become."""
    huge = tarfile.TarInfo("bomb")
    huge.size = 1 << 60
    (tmp_path / "bomb.tar").write_bytes(huge.tobuf(tarfile.GNU_FORMAT))
    with pytest.raises(ClientError, match=r"member 'bomb' has 1152921504606846976 bytes; there is room for"):
        sources.extract(tmp_path / "bomb.tar", tmp_path / "code")
    assert not (tmp_path / "code" / "bomb").exists()
