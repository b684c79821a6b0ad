"""Room machines: whether two texts or binary files differ in nothing but a time or a random id. Pure.

In: the bytes of a file as two runs left it, and when these ran. Out: which kind of trace explains every difference,
if one does.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Trace: TypeAlias = Literal["", "time", "random id"]

MARGIN_SECONDS = 120.0
"""Clocks are read a little before a job starts and after it has ended."""
_TIMES = re.compile(
    rb"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?(?:Z|[+-]\d\d:?\d\d)?"
    rb"|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? (?:\d\d? )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
    rb"[ \d:]*(?:GMT|UTC|[+-]\d{4})?(?: \d{4})?"
    rb"|\d\d:\d\d:\d\d(?:[.,]\d+)?"
    rb"|(?<![\d.])\d{8}[T_-]?\d{4,6}(?!\d)"
)
_NUMBERS = re.compile(rb"(?<![\d.])(\d{10})(?:\.\d+|\d{3}|\d{6}|\d{9})?(?!\d)")
_IDS = re.compile(rb"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_BINARY = (("<d", 1.0), (">d", 1.0), ("<q", 1.0), (">q", 1.0), ("<q", 1e-9), (">q", 1e-9), ("<I", 1.0), (">I", 1.0))


@dataclass(frozen=True, slots=True)
class Span:
    """When a run was under way, in epoch seconds."""

    begin: float
    end: float

    def holds(self, moment: float) -> bool:
        return self.begin - MARGIN_SECONDS <= moment <= self.end + MARGIN_SECONDS


def trace(before: bytes, after: bytes, spans: tuple[Span, Span]) -> Trace:
    """What explains all that differs between the two; empty when nothing known does."""
    if before == after:
        return ""
    one, other = (_without_times(text, span) for text, span in zip((before, after), spans, strict=True))
    if one == other:
        return "time"
    if _IDS.sub(b"#", one) == _IDS.sub(b"#", other):
        return "random id"
    return "time" if len(before) == len(after) and _are_times(before, after, spans) else ""


def _without_times(text: bytes, span: Span) -> bytes:
    def number(found: re.Match[bytes]) -> bytes:
        return b"@" if span.holds(float(found[1])) else found[0]

    return _NUMBERS.sub(number, _TIMES.sub(b"@", text))


def _are_times(before: bytes, after: bytes, spans: tuple[Span, Span]) -> bool:
    """Whether each stretch that differs lies in a binary number that is a time of either run."""
    covered = 0
    for offset in _different_at(before, after):
        if offset < covered:
            continue
        end = _end_of_time(before, after, offset, spans)
        if end is None:
            return False
        covered = end
    return True


def _different_at(before: bytes, after: bytes) -> Iterator[int]:
    for start in range(0, len(before), 4096):
        one, other = before[start : start + 4096], after[start : start + 4096]
        if one != other:
            pairs = enumerate(zip(one, other, strict=True), start)
            yield from (index for index, (left, right) in pairs if left != right)


def _end_of_time(before: bytes, after: bytes, offset: int, spans: Sequence[Span]) -> int | None:
    """Where the number ends that holds the byte at `offset` and is a time in both."""
    for layout, scale in _BINARY:
        size = struct.calcsize(layout)
        for begin in range(max(0, offset - size + 1), min(offset, len(before) - size) + 1):
            values = (struct.unpack_from(layout, text, begin)[0] * scale for text in (before, after))
            if all(span.holds(value) for span, value in zip(spans, values, strict=True)):
                return begin + size
    return None
