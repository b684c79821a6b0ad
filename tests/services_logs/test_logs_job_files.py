"""Job logs as sources: any position, both directions, any moment, while the file grows."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.services.logs import job_files
from stepwell.services.logs.job_files import JobFile
from stepwell.services.logs.sources import HEAD

Lines = list[tuple[int, str]]

LINES = st.lists(st.tuples(st.integers(0, 9), st.text(st.characters(codec="utf-8", exclude_characters="\n"))))


def written(path: Path, lines: Lines, tail: bytes = b"") -> JobFile:
    path.write_bytes(b"".join(f"{time} {text}\n".encode() for time, text in lines) + tail)
    return JobFile(path)


def ordered(steps: Lines) -> Lines:
    """Lines whose times never go back: the first numbers are how much later each is."""
    time, lines = 1000, []
    for step, text in steps:
        time += step
        lines.append((time, text))
    return lines


@pytest.fixture(params=[7, 64, job_files.BLOCK])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Small blocks, so that lines are cut in every way."""
    monkeypatch.setattr(job_files, "BLOCK", request.param)
    monkeypatch.setattr(job_files, "PROBE", min(3, request.param))
    return int(request.param)


def check_everything(path: Path, lines: Lines, tail: bytes) -> None:
    file = written(path, lines, tail)
    events = list(file.after(HEAD))
    assert [(event.timestamp, event.message) for event in events] == lines
    assert list(file.before(file.end())) == events[::-1]
    assert all(event.behind == following.before for event, following in pairwise(events))
    assert file.end() == (events[-1].behind if events else HEAD)
    assert file.reach() == ((lines[0][0], lines[-1][0]) if lines else None)
    for index, event in enumerate(events):
        assert list(file.after(event.before)) == events[index:]
        assert list(file.before(event.before)) == events[:index][::-1]
    for moment in {0, *(time + more for time, _ in lines for more in (-1, 0, 1))}:
        expected = [event for event in events if event.timestamp >= moment]
        assert list(file.after(file.seek(moment))) == expected


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("tail", [b"", b"2", b"2000 half a li"])
def test_known_shapes(tmp_path: Path, tail: bytes) -> None:
    shapes: list[Lines] = [
        [],
        [(1, "")],
        [(1, ""), (1, ""), (1, "")],
        [(1000, "x" * 200), (1000, "y"), (1001, "z" * 65), (5000, "")],
        [(1000 + number // 3, "word " * (number % 5)) for number in range(40)],
    ]
    for lines in shapes:
        check_everything(tmp_path / "log", lines, tail)


@settings(max_examples=60, deadline=None)
@given(steps=LINES, size=st.integers(2, 40))
def test_any_shape(tmp_path_factory: pytest.TempPathFactory, steps: Lines, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job_files, "BLOCK", size)
        patch.setattr(job_files, "PROBE", 2)
        check_everything(tmp_path_factory.getbasetemp() / "any-shape", ordered(steps), b"12 unfinished")


def test_long_lines_are_whole(tmp_path: Path) -> None:
    lines = [(1000, "a" * 262_144), (1001, "b"), (1002, "c" * 200_000)]
    check_everything(tmp_path / "log", lines, b"")


def test_bytes_that_are_no_text_are_shown_and_counted_as_bytes(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"1000 \xff\xfe ok\n1001 next\n")
    first, second = JobFile(path).after(HEAD)
    assert first.message == "\ufffd\ufffd ok"
    assert first.behind == second.before == (0, 11)


def test_a_carriage_return_and_spaces_are_kept(tmp_path: Path) -> None:
    file = written(tmp_path / "log", [(1000, " 50%\r100%  ")])
    assert [event.message for event in file.after(HEAD)] == [" 50%\r100%  "]


def test_a_line_without_a_time_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"strange\n1000 known\n")
    assert [(event.timestamp, event.message) for event in JobFile(path).after(HEAD)] == [
        (0, "strange"),
        (1000, "known"),
    ]


def test_a_file_that_is_gone_is_empty(tmp_path: Path) -> None:
    file = JobFile(tmp_path / "never")
    assert list(file.after(HEAD)) == list(file.before((0, 100))) == []
    assert file.end() == file.seek(1000) == HEAD
    assert file.reach() is None and file.written() is None


def test_a_reader_that_goes_on_misses_nothing_while_the_file_grows(tmp_path: Path) -> None:
    path, position, seen = tmp_path / "log", HEAD, ""
    text = "".join(f"{1000 + number} line {number}\n" for number in range(50)).encode()
    file = JobFile(path)
    for cut in range(0, len(text) + 1, 7):
        path.write_bytes(text[:cut])
        for event in file.after(position):
            seen += f"{event.timestamp} {event.message}\n"
            position = event.behind
    for event in written(path, [], text).after(position):
        seen += f"{event.timestamp} {event.message}\n"
    assert seen == text.decode()


def test_the_tail_and_a_moment_cost_little_of_a_long_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    file = written(path, [(1000 + number, "x" * 90) for number in range(100_000)])
    spent: list[int] = []
    read = JobFile._read

    def counted(self: JobFile, offset: int, size: int) -> bytes:
        data = read(self, offset, size)
        spent.append(len(data))
        return data

    monkeypatch.setattr(JobFile, "_read", counted)
    tail = file.before(file.end())
    assert [next(tail).timestamp for _ in range(10)] == list(range(100_999, 100_989, -1))
    assert next(file.after(file.seek(60_000))).timestamp == 60_000
    assert sum(spent) < path.stat().st_size / 20
