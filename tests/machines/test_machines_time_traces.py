"""Files that differ in nothing but a time or a random id."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.machines.time_traces import Span, trace

THEN, NOW = Span(1_700_000_000.0, 1_700_000_060.0), Span(1_760_000_000.0, 1_760_000_060.0)
SPANS = (THEN, NOW)
ONE, OTHER = "8f14e45f-ceea-467f-a9f7-1b5a3c2d4e6f", "c9f0f895-fb98-4b91-8f3e-2d3c4b5a6978"


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (b"made 2023-11-14T22:13:20Z\n", b"made 2025-10-09T08:53:20Z\n", "time"),
        (b"on 2023-11-14", b"on 2025-10-09", "time"),
        (b"Tue Nov 14 22:13:20 2023", b"Thu Oct  9 08:53:20 2025", "time"),
        (b"Tue, 14 Nov 2023 22:13:20 GMT", b"Thu, 09 Oct 2025 08:53:20 GMT", "time"),
        (b"took 22:13:20.5", b"took 08:53:20.25", "time"),
        (b'{"at": 1700000000.25}', b'{"at": 1760000000.5}', "time"),
        (b"at 1700000000123", b"at 1760000000456", "time"),
        (b"run-20231114-221320", b"run-20251009-085320", "time"),
        (f"id {ONE}".encode(), f"id {OTHER}".encode(), "random id"),
        (f"id {ONE} at 1700000000".encode(), f"id {OTHER} at 1760000000".encode(), "random id"),
        (b"weights 0.5", b"weights 0.6", ""),
        (b"1700000000 0.5", b"1760000000 0.6", ""),
        (b"1600000000", b"1600000001", ""),
        (b"the same", b"the same", ""),
        (b"short", b"shorter", ""),
    ],
)
def test_texts(before: bytes, after: bytes, found: str) -> None:
    assert trace(before, after, SPANS) == found


@pytest.mark.parametrize("layout", ["<d", ">d", "<q", ">q", "<I", ">I"])
def test_binary_times(layout: str) -> None:
    values = (1_700_000_030, 1_760_000_030)
    before, after = (b"\x80head" * 9 + struct.pack(layout, value) + b"tail" for value in values)
    assert trace(before, after, SPANS) == "time"
    assert trace(before + b"1", after + b"2", SPANS) == ""


def test_a_time_of_another_day_is_none() -> None:
    before, after = (struct.pack("<d", value) for value in (1_500_000_000.0, 1_500_000_009.0))
    assert trace(b"x" + before, b"x" + after, SPANS) == ""


@given(st.binary(max_size=64), st.binary(max_size=64))
def test_any_bytes_have_an_answer(before: bytes, after: bytes) -> None:
    assert trace(before, after, SPANS) in ("", "time", "random id")
    assert trace(before, before, SPANS) == ""
