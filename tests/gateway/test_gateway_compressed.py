"""Bodies that clients compress: read, and refused when they are broken or would not end."""

from __future__ import annotations

import gzip

import pytest

from stepwell.base.faults import Fault
from stepwell.gateway.protocols import compressed

TEXT = b"some text " * 100


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip"])
def test_what_was_compressed_is_read(encoding: str) -> None:
    assert compressed.plain(gzip.compress(TEXT), encoding, len(TEXT)) == TEXT


@pytest.mark.parametrize("encoding", [None, "identity", "aws-chunked", "br"])
def test_other_bodies_are_left_alone(encoding: str | None) -> None:
    assert compressed.plain(TEXT, encoding, 10) == TEXT


@pytest.mark.parametrize("content", [b"", TEXT, gzip.compress(TEXT, mtime=0)[:-1], gzip.compress(TEXT, mtime=0)[:5]])
def test_what_is_not_gzip_is_refused(content: bytes) -> None:
    with pytest.raises(Fault) as refused:
        compressed.plain(content, "gzip", len(TEXT))
    assert refused.value.code == "SerializationException"


def test_a_bomb_does_not_go_off() -> None:
    bomb = gzip.compress(bytes(1 << 26))
    assert len(bomb) < 1 << 17
    with pytest.raises(Fault) as refused:
        compressed.plain(bomb, "gzip", 1 << 20)
    assert refused.value.status == 413
