"""Where two objects differ: text, JSON, code, archives, anything; and archives that want to do harm."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.machines import archives, content_differences
from stepwell.machines.archives import Unreadable


def found(name: str, before: bytes, after: bytes, *, is_code: bool = False) -> list[str]:
    return list(content_differences.found(name, before, after, is_code=is_code).lines)


@pytest.mark.parametrize(
    ("name", "before", "after", "expected"),
    [
        ("a.csv", b"1\n2\n3\n", b"1\nX\n3\n", ["line 2", "- 2", "+ X"]),
        ("a.csv", b"1\n2\n3\n", b"X\n2\nY\n", ["line 1 is the first of 2 that differ", "- 1", "+ X"]),
        ("a.csv", b"1\n", b"1\n2\n", ["line 2, 1 -> 2 lines", "+ 2"]),
        ("a.csv", b"1\r\n", b"1\n", ["the same lines: their ends differ"]),
        ("a.bin", b"\0ab", b"\0aX", ["byte 2 is the first that differs"]),
        ("a.bin", b"\xff", b"\xff\xff", ["byte 1 is the first that differs"]),
        ("a.json", b'{"a": 1, "b": [1]}', b'{"a": 2.5, "b": [1]}', ["/a  1 -> 2.5 (+1.5)"]),
        ("a.json", b'{"a": 1}', b"{}", ["/a  1 -> (nothing)"]),
        ("a.json", b'{"a": "x"}', b'{"a": true}', ['/a  "x" -> true']),
        ("a.json", b"[0.1]", b"[0.10000000000000002]", ["/0  0.1 -> 0.10000000000000002 (+1.388e-17)"]),
        ("a.json", b"{", b"{}", ["line 1", "- {", "+ {}"]),
        ("a.py", b"a\nb\n", b"a\nc\n", ["@@ -1,2 +1,2 @@", " a", "-b", "+c"]),
    ],
)
def test_where_they_differ(name: str, before: bytes, after: bytes, expected: list[str]) -> None:
    assert found(name, before, after) == expected


def test_code_is_read_line_by_line_whatever_its_name() -> None:
    assert found("train", b"a\nb\n", b"a\nc\n", is_code=True)[-2:] == ["-b", "+c"]


def test_no_line_steers_the_terminal_or_is_endless() -> None:
    (_, before, after) = found("a.csv", b"\x1b[2J", b"x" * 100_000)
    assert before == "- ?[2J"
    assert len(after) == content_differences.WIDTH + 2
    many = found("a.json", b"[]", json.dumps(list(range(5000))).encode())
    assert len(many) == content_differences.MOST_LINES + 1
    assert many[-1] == "..."


@pytest.mark.parametrize("depth", [600, 100_000])
def test_json_nested_too_deep_is_text(depth: int) -> None:
    one, other = (b"[" * depth + value + b"]" * depth for value in (b"1", b"2"))
    assert found("a.json", one, other)[0] == "line 1"


def packed(mode: str, **files: bytes) -> bytes:
    """A tar of these files, or a zip."""
    stream = io.BytesIO()
    if mode == "zip":
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return stream.getvalue()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    pack: Callable[[bytes], bytes] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}.get(mode, bytes)
    return pack(stream.getvalue())


MODES = ["tar", "gz", "bz2", "xz", "zip"]


@pytest.mark.parametrize("mode", MODES)
def test_archives_are_compared_by_their_files(mode: str) -> None:
    old = packed(mode, same=b"s", code=b"a\nb", gone=b"123")
    new = packed(mode, same=b"s", code=b"a\nc!", new=b"1234")
    assert found("sourcedir.tar.gz", old, new, is_code=True) == [
        "code: 3 -> 4 bytes",
        "  @@ -1,2 +1,2 @@",
        "   a",
        "  -b",
        "  +c!",
        "- gone (3 bytes)",
        "+ new (4 bytes)",
    ]


@pytest.mark.parametrize("one", MODES)
@pytest.mark.parametrize("other", MODES)
def test_an_archive_made_anew_is_the_same(one: str, other: str) -> None:
    files = {"a": b"1", "b": b"2"}
    assert content_differences.found("x", packed(one, **files), packed(other, **files)).is_same


def test_a_file_that_is_only_compressed() -> None:
    old, new = gzip.compress(b"1\n2\n"), gzip.compress(b"1\n3\n")
    assert found("data.csv.gz", old, new) == ["unpacked: other bytes", "  line 2", "  - 2", "  + 3"]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_bombs_are_not_unpacked(pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "LARGEST", 1000)
    with pytest.raises(Unreadable, match="more than"):
        archives.files(pack(b"\0" * 1_000_000))


def test_a_zip_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "LARGEST", 1000)
    with pytest.raises(Unreadable, match="more than"):
        archives.files(packed("zip", a=b"\0" * 600, b=b"\0" * 600))


@pytest.mark.parametrize("mode", ["tar", "zip"])
def test_too_many_members(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_MEMBERS", 2)
    with pytest.raises(Unreadable, match="more than 2 members"):
        archives.files(packed(mode, a=b"", b=b"", c=b""))


def test_links_are_compared_and_not_followed() -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        link = tarfile.TarInfo("../../etc/shadow")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    assert archives.files(stream.getvalue()) == {"../../etc/shadow": b"-> /etc/passwd"}


@given(st.sampled_from(MODES), st.data())
def test_broken_archives_are_told(mode: str, data: st.DataObject) -> None:
    whole = packed(mode, a=b"1" * 300, b=b"2" * 300)
    cut = data.draw(st.integers(1, len(whole) - 1))
    flipped = bytearray(whole[:cut])
    flipped[data.draw(st.integers(0, cut - 1))] ^= 0xFF
    assert content_differences.found("x", bytes(flipped), whole).lines is not None


def test_what_cannot_be_opened_says_why() -> None:
    broken = gzip.compress(b"1")[:-12] + b"\xff" * 12
    with pytest.raises(zlib.error):
        zlib.decompress(broken, zlib.MAX_WBITS | 16)
    (line,) = found("x.tar.gz", broken, gzip.compress(b"2"))
    assert line.startswith("the archive cannot be looked into: ")
