"""Metrics in logs: what every match contains, and what a search finds, drops and leaves for the next turn."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.container import metric_scanner, metrics
from stepwell.container.metric_scanner import BYTES_A_TURN, POINTS_A_TURN, Found, Pattern, Scanner, ScannerLost

LOSS = Pattern("loss", r"loss=(\S+)", "loss=")


@pytest.fixture(scope="module")
def scanner() -> Iterator[Scanner]:
    made = Scanner()
    yield made
    made.close()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (r".*\[[0-9]+\].*#011train-auc:([-+]?[0-9]*)", "#011train-auc:"),
        (r"loss: ([0-9\.]+) - acc", "loss: "),
        (r"a\|b\.c", "a|b.c"),
        ("abc|abd", ""),
        ("(a|b)cde", "cde"),
        ("abc?d", "ab"),
        ("abc+d", "ab"),
        ("ab{2}cd", "cd"),
        ("ab{,3}cd", "cd"),
        ("x{y}z", "x{y}z"),
        ("(?i)abc", ""),
        ("(?i:abc)d", ""),
        ("[]abc]def", "def"),
        ("[^)]abc", "abc"),
        ("(a[)]b)cd", "cd"),
        (r"\d+ab\tc", "ab"),
        ("a.*?cde+", "cd"),
        ("loss=(", "loss="),
        ("[abc", ""),
        ("a\\", "a"),
        ("äöabc", "abc"),
        ("", ""),
    ],
)
def test_what_every_match_contains(expression: str, text: str) -> None:
    assert metrics.needed_text(expression) == text


PARTS = st.sampled_from(
    [
        "a",
        "b",
        "ab",
        "=",
        r"\.",
        r"\|",
        "|",
        "(a|b)",
        "(?:ab)",
        "[ab]",
        "[^b]",
        ".",
        "*",
        "+",
        "?",
        "{2}",
        "{",
        "}",
        r"\d",
    ]
)


@given(st.lists(PARTS, max_size=8).map("".join), st.text("ab=.|{}2", max_size=12))
def test_a_match_never_lacks_the_needed_text(expression: str, text: str) -> None:
    try:
        found = re.search(expression, text)
    except re.error:
        return
    if found:
        assert metrics.needed_text(expression) in found.group(0)


def test_patterns_of_definitions() -> None:
    first, second = metrics.patterns(
        [{"Name": "a", "Regex": "a=(?<value>[0-9]+)"}, {"Name": "b", "Regex": r"b\(?<x=(?<=y)(.)"}]
    )
    assert first == Pattern("a", "a=(?P<value>[0-9]+)", "a=")
    assert second.expression == r"b\(?<x=(?<=y)(.)"


def test_the_last_value_on_any_host() -> None:
    definitions = [{"Name": name, "Regex": "x"} for name in ("b", "a", "never", "a")]
    lasts = [{"a": (1.0, 10.0), "b": (2.0, 30.0)}, {"a": (3.0, 11.0), "b": (4.0, 20.0), "z": (5.0, 9.0)}]
    assert metrics.final_list(definitions, lasts) == [
        {"MetricName": "b", "Value": 2.0, "Timestamp": 30.0},
        {"MetricName": "a", "Value": 3.0, "Timestamp": 11.0},
    ]


def test_a_search_ends_with_the_last_whole_line(scanner: Scanner, log: Path) -> None:
    log.write_bytes(b"1500 loss=1 loss=9\n1750 nothing\nno time loss=4\n2000 x loss=2.5e-1\n3000 loss=")
    first = scanner.search(log, 0, [LOSS])
    assert first.found == [Found("loss", 1.5, 1.0), Found("loss", 2.0, 0.25)]
    assert scanner.search(log, first.position, [LOSS]).position == first.position
    with log.open("ab") as more:
        more.write(b"3\n")
    second = scanner.search(log, first.position, [LOSS])
    assert (second.position, second.found) == (log.stat().st_size, [Found("loss", 3.0, 3.0)])


def test_only_finite_numbers_are_values(scanner: Scanner, log: Path) -> None:
    log.write_bytes(b"".join(b"1000 loss=%b\n" % text for text in (b"nan", b"inf", b"1_0", b"1.2.3", b"-e", b"-7")))
    assert [each.value for each in scanner.search(log, 0, [LOSS]).found] == [-7.0]


def test_patterns_that_are_none_are_dropped_with_their_reason(scanner: Scanner, log: Path) -> None:
    log.write_bytes(b"1000 loss=1\n")
    turn = scanner.search(log, 0, [Pattern("open", "a("), Pattern("bare", "loss=.", "loss="), LOSS])
    assert [name for name, _ in turn.dropped] == ["open", "bare"]
    assert ["cannot be read" in turn.dropped[0][1], "no group" in turn.dropped[1][1]] == [True, True]
    assert [each.name for each in turn.found] == ["loss"]


@pytest.mark.parametrize("expression", ["(a+)+$", "(a|aa)+$", "([a]*)*b", r"^(\w+\s?)*$"])
def test_a_pattern_that_takes_for_ever_is_dropped_and_the_others_go_on(
    scanner: Scanner, log: Path, expression: str
) -> None:
    log.write_bytes(b"1000 " + b"a" * 60 + b"! loss=1\n1001 loss=2\n")
    turn = scanner.search(log, 0, [Pattern("bad", expression), LOSS])
    assert [name for name, _ in turn.dropped] == ["bad"]
    assert [each.value for each in turn.found] == [1.0, 2.0]
    assert turn.position == log.stat().st_size


def test_what_is_no_text_and_long_lines(scanner: Scanner, log: Path) -> None:
    log.write_bytes(b"1000 \xff\xfe loss=1\n1001 " + b"x" * 300_000 + b" loss=2\n1002 loss=3\n")
    turn = scanner.search(log, 0, [LOSS])
    assert [each.value for each in turn.found] == [1.0, 3.0]


def test_a_turn_takes_so_many_points_and_bytes(scanner: Scanner, log: Path) -> None:
    line = b"1000 loss=1\n"
    log.write_bytes(line * (POINTS_A_TURN + 7))
    first = scanner.search(log, 0, [LOSS])
    assert (len(first.found), first.position) == (POINTS_A_TURN, POINTS_A_TURN * len(line))
    assert len(scanner.search(log, first.position, [LOSS]).found) == 7
    with log.open("ab") as more:
        more.write((b"1000 " + b"x" * 100_000 + b"\n") * (BYTES_A_TURN // 100_000 + 2) + line)
    position, found = first.position, 0
    while (turn := scanner.search(log, position, [LOSS])).position > position:
        assert turn.position - position <= BYTES_A_TURN
        position, found = turn.position, found + len(turn.found)
    assert (position, found) == (log.stat().st_size, 8)


def test_no_log_and_no_patterns(scanner: Scanner, log: Path) -> None:
    assert scanner.search(log, 0, [LOSS]).position == 0
    log.write_bytes(b"1000 loss=1\n")
    assert scanner.search(log, 0, []).position == 12


def test_a_lost_process_is_replaced(log: Path) -> None:
    log.write_bytes(b"1000 loss=1\n")
    scanner = Scanner()
    try:
        scanner.search(log, 0, [LOSS])
        process = scanner._process
        assert process is not None
        process.kill()
        process.wait()
        assert scanner.search(log, 0, [LOSS]).position == 12
    finally:
        scanner.close()


@pytest.mark.parametrize(
    ("program", "message"), [("raise SystemExit", "does not live"), ("input(); input()", "took more than")]
)
def test_a_process_that_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, message: str
) -> None:
    (tmp_path / "program.py").write_text(program)
    monkeypatch.setattr(metric_scanner, "PROGRAM", tmp_path / "program.py")
    monkeypatch.setattr(metric_scanner, "PATIENCE_SECONDS", 0.3)
    scanner = Scanner()
    with pytest.raises(ScannerLost, match=message):
        scanner.search(tmp_path / "log", 0, [LOSS])
    assert scanner._process is None
    monkeypatch.undo()
    assert scanner.search(tmp_path / "log", 0, [LOSS]).position == 0
    scanner.close()


def test_a_process_that_nobody_needs_ends(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scanner = Scanner()
    scanner.rest()
    scanner.search(log, 0, [LOSS])
    scanner.rest()
    process = scanner._process
    assert process is not None and process.poll() is None
    monkeypatch.setattr(metric_scanner, "IDLE_SECONDS", -1.0)
    scanner.rest()
    assert process.poll() is not None
    assert scanner.search(log, 0, [LOSS]).position == 0
    scanner.close()
