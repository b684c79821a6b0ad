"""Blobs go by age, and not when somebody wants them again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stepwell.blobs.folder import Blobs, Kept


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


def aged(blobs: Blobs, data: bytes, moment: float) -> str:
    """The name of these bytes, put at that moment."""
    name = blobs.put(data).hash
    os.utime(blobs.path(name), (moment, moment))
    return name


def test_what_is_kept(blobs: Blobs) -> None:
    names = {aged(blobs, data, 100.0): len(data) for data in (b"", b"one", b"three")}
    assert sorted(blobs.kept(), key=lambda kept: kept.size) == [
        Kept(name, size, 100.0) for name, size in sorted(names.items(), key=lambda each: each[1])
    ]


def test_only_what_is_old_is_removed(blobs: Blobs) -> None:
    name = aged(blobs, b"bytes", 100.0)
    assert blobs.remove(name, 100.0) is None
    assert blobs.remove(name, 100.1) == 5
    assert blobs.remove(name, 100.1) is None
    assert list(blobs.kept()) == []
    assert blobs.put(b"bytes").hash == name


def test_bytes_that_are_put_again_are_young(blobs: Blobs) -> None:
    name = aged(blobs, b"bytes", 100.0)
    blobs.put(b"bytes")
    assert blobs.remove(name, 200.0) is None
    assert blobs.path(name).read_bytes() == b"bytes"


def test_who_reads_reads_on(blobs: Blobs) -> None:
    name = aged(blobs, b"bytes", 100.0)
    with blobs.open(name) as reading:
        assert blobs.remove(name, 200.0) == 5
        assert reading.read() == b"bytes"
