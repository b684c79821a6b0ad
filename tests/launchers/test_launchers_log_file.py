"""The log: however the output is cut into chunks, the lines are the same."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.launchers.log_file import LINE_BYTES, LogFile


def write(chunks: list[bytes], limit: int = 1 << 30) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        log = LogFile(str(path), limit)
        for chunk in chunks:
            log.feed(chunk, 1.5)
        log.finish(2.0)
        return path.read_bytes()


def lines(data: bytes) -> list[bytes]:
    assert data == b"" or data.endswith(b"\n")
    return [line.split(b" ", 1)[1] for line in data.split(b"\n")[:-1]]


@settings(max_examples=60)
@given(st.lists(st.binary(max_size=20).map(lambda data: data.replace(b"\x00", b"\n")), max_size=8))
def test_chunks_do_not_matter(chunks: list[bytes]) -> None:
    output = b"".join(chunks)
    expected = output.split(b"\n")
    assert lines(write(chunks)) == (expected if expected[-1] else expected[:-1])


def test_times_are_epoch_milliseconds_of_arrival() -> None:
    assert write([b"a\nb"]) == b"1500 a\n2000 b\n"


@pytest.mark.parametrize("step", [1000, LINE_BYTES - 1, LINE_BYTES, LINE_BYTES + 1, 10 * LINE_BYTES])
@pytest.mark.parametrize("length", [LINE_BYTES, LINE_BYTES + 1, 3 * LINE_BYTES + 7])
def test_long_lines_are_split(length: int, step: int) -> None:
    output = b"x" * length + b"\nend\n"
    chunks = [output[start : start + step] for start in range(0, len(output), step)]
    *pieces, end = lines(write(chunks))
    assert end == b"end"
    assert b"".join(pieces) == b"x" * length
    assert all(len(piece) <= LINE_BYTES for piece in pieces)


@pytest.mark.parametrize("limit", [0, 1, 6, 7, 13, 14, 20])
def test_the_limit_keeps_whole_lines_and_says_so_once(limit: int) -> None:
    written = write([b"a\nb\n", b"c\nd\n", b"e"], limit)
    *kept, notice = written.splitlines()
    assert kept == [b"1500 a", b"1500 b", b"1500 c", b"1500 d"][: limit // 7]
    assert notice.endswith(b"The log has reached its limit of %d bytes; what follows is dropped." % limit)


def test_a_full_disk_does_not_fail_the_job() -> None:
    log = LogFile("/dev/full", 1 << 20)
    log.feed(b"lost\n", 1.0)
    assert log.is_full
    log.finish(2.0)
