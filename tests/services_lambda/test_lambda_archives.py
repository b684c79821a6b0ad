"""Archives from anybody: what is good is unpacked as it is, what is not is refused and writes nothing outside."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lambda_support import refused, zipped

from stepwell.base.faults import Fault
from stepwell.services.lambda_ import archives

UNREADABLE = "Could not unzip uploaded file"


def entry(name: str, mode: int) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.external_attr = mode << 16
    return made


def archive(*entries: tuple[zipfile.ZipInfo | str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for info, content in entries:
            made.writestr(info, content)
    return buffer.getvalue()


def unpack(data: bytes, folder: Path) -> Path:
    folder.mkdir()
    archives.unpack(io.BytesIO(data), folder)
    return folder


def test_files_folders_and_what_may_be_executed(tmp_path: Path) -> None:
    data = archive(
        ("index.py", "x = 1"), (entry("tool", 0o100750), "#!"), (entry("secret", 0o100600), "s"), ("empty/", "")
    )
    root = unpack(data, tmp_path / "code")
    assert (root / "index.py").read_text() == "x = 1"
    assert stat.S_IMODE((root / "tool").stat().st_mode) == 0o754
    assert stat.S_IMODE((root / "secret").stat().st_mode) == 0o644
    assert (root / "empty").is_dir()


@pytest.mark.parametrize("name", ["../out", "/out", "a/../../out", "a\\..\\out", "..", "a/.."])
def test_an_entry_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    data = archive((entry(name, 0o100644), "x"))
    refused("InvalidParameterValueException", UNREADABLE, lambda: unpack(data, tmp_path / "code"))
    assert [each.name for each in tmp_path.iterdir()] == ["code"]


def test_a_link_inside_stays_a_link(tmp_path: Path) -> None:
    root = unpack(archive(("lib/a.so.1", "x"), (entry("lib/a.so", 0o120777), "a.so.1")), tmp_path / "code")
    assert (root / "lib/a.so").readlink() == Path("a.so.1")


@pytest.mark.parametrize("aim", ["/etc/passwd", "../../x", "..", "a/../../x"])
def test_a_link_cannot_point_outside(tmp_path: Path, aim: str) -> None:
    data = archive((entry("link", 0o120777), aim))
    refused("InvalidParameterValueException", UNREADABLE, lambda: unpack(data, tmp_path / "code"))


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    data = archive((entry("d", 0o120777), "real"), ("d/file", "x"), ("real/kept", "y"))
    refused("InvalidParameterValueException", UNREADABLE, lambda: unpack(data, tmp_path / "code"))
    assert not (tmp_path / "code/real/file").exists()


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made,
        made.open("zeros", "w", force_zip64=True) as file,
    ):
        for _ in range(250):
            file.write(bytes(1 << 20))
    message = "Unzipped size must be smaller than 262144000 bytes"
    refused("InvalidParameterValueException", message, lambda: unpack(buffer.getvalue(), tmp_path / "code"))
    assert list((tmp_path / "code").iterdir()) == []


def test_an_entry_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("zeros", bytes(1 << 20))
    data = bytearray(buffer.getvalue())
    size = (1 << 20).to_bytes(4, "little")
    data = data.replace(size, (10).to_bytes(4, "little"))
    refused("InvalidParameterValueException", UNREADABLE, lambda: unpack(bytes(data), tmp_path / "code"))


def test_too_many_entries_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_ENTRIES", 2)
    data = zipped({"a": "", "b": "", "c": ""})
    refused("InvalidParameterValueException", "at most 2", lambda: unpack(data, tmp_path / "code"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (zipped({}), "non-empty zip"),
        (b"no zip at all", UNREADABLE),
        (zipped({"a": "x" * 100})[:-30], UNREADABLE),
        (zipped({"a": "x", "a/b": "y"}), UNREADABLE),
        (zipped({"n" * 300: "x"}), UNREADABLE),
    ],
)
def test_what_cannot_be_unpacked_is_said(tmp_path: Path, data: bytes, message: str) -> None:
    refused("InvalidParameterValueException", message, lambda: unpack(data, tmp_path / "code"))


@settings(max_examples=60, deadline=None)
@given(
    data=st.binary(max_size=200)
    | st.binary(max_size=40).map(lambda noise: zipped({"a.py": "x"})[:-20] + noise)
    | st.tuples(st.integers(0, 130), st.integers(0, 255)).map(lambda change: damaged(*change))
)
def test_any_bytes_are_unpacked_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    try:
        archives.unpack(io.BytesIO(data), folder)
    except Fault as fault:
        assert fault.code == "InvalidParameterValueException"


def damaged(place: int, value: int) -> bytes:
    data = bytearray(zipped({"a.py": "x", "b/c.py": "y"}))
    data[place % len(data)] = value
    return bytes(data)
