"""Room machines: where the bytes of two objects differ, in lines for people. Pure.

In: both, as bytes. Out: Findings: for JSON the pointers, for source code a unified diff, for other text the first
line that differs, for archives the same of their files, for anything else the first byte. Two archives that hold the
same files are the same, whatever their headers say.
"""

from __future__ import annotations

import difflib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stepwell.definition.json_text import JSON
from stepwell.machines import archives, pipeline_cache
from stepwell.machines.run_differences import value_at

MOST_LINES = 200
"""Of a unified diff, and of the differences of one object."""
LONGEST_DIFF = 5000
"""Lines of a text of which a unified diff is made; of a longer one only the first difference is told."""
WIDTH = 200
"""Characters of a line or value that are kept."""
DIGITS = 6
"""Of a number; what two numbers differ in behind these is shown in full."""
CODE = (".py", ".sh", ".r", ".ipynb", ".txt", ".toml", ".cfg", ".ini", ".yaml", ".yml", ".sql", ".md")
"""How the names of files end that are read line by line."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Where two objects differ. `is_same`: only in how they are packed."""

    lines: tuple[str, ...]
    is_same: bool = False


def found(name: str, before: bytes, after: bytes, *, is_code: bool = False) -> Findings:
    """Where the bytes called `name` differ."""
    if archives.is_archive(before) and archives.is_archive(after):
        try:
            return _archives(archives.files(before), archives.files(after), is_code=is_code)
        except archives.Unreadable as error:
            return Findings((f"the archive cannot be looked into: {_shown(str(error))}",))
    return Findings(tuple(_lines(name, before, after, is_code=is_code)))


def _archives(before: Mapping[str, bytes], after: Mapping[str, bytes], *, is_code: bool) -> Findings:
    if before == after:
        return Findings(("the same files: only the archive around them was made anew",), is_same=True)
    lines: list[str] = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if old is None or new is None:
            lines.append(f"{'+' if old is None else '-'} {_shown(name)} ({len(old or new or b''):,} bytes)")
            continue
        sizes = f"{len(old):,} -> {len(new):,} bytes" if len(old) != len(new) else "other bytes"
        lines.append(f"{_shown(name)}: {sizes}")
        lines += (f"  {line}" for line in _lines(name, old, new, is_code=is_code))
    return Findings(tuple(lines[:MOST_LINES]))


def _lines(name: str, before: bytes, after: bytes, *, is_code: bool) -> list[str]:
    found = list(itertools.islice(_all_lines(name, before, after, is_code=is_code), MOST_LINES + 1))
    return [*found[:MOST_LINES], "..."] if len(found) > MOST_LINES else found


def _all_lines(name: str, before: bytes, after: bytes, *, is_code: bool) -> Iterator[str]:
    old, new = _text(before), _text(after)
    if old is None or new is None:
        yield _first_byte(before, after)
        return
    one, other = _document(old), _document(new)
    is_lines = is_code or name.lower().endswith(CODE)
    if one is not None and other is not None and not is_lines:
        yield from _pointers(one, other)
        return
    left, right = old.splitlines(), new.splitlines()
    if is_lines and max(len(left), len(right)) <= LONGEST_DIFF:
        diff = difflib.unified_diff(left, right, "before", "after", n=2, lineterm="")
        yield from (_shown(line) for line in itertools.islice(diff, 2, None))
    else:
        yield from _first_line(left, right)


def _pointers(before: JSON, after: JSON) -> Iterator[str]:
    for pointer in pipeline_cache.differences(before, after):
        old, new = value_at(before, pointer), value_at(after, pointer)
        yield f"{_shown(pointer or '/')}  {changed(old, new)}"


def changed(before: JSON, after: JSON) -> str:
    """`3 -> 5 (+2)`: both values as JSON, and of numbers by how much they grew."""
    old, new = _value(before), _value(after)
    if old == new:
        old, new = json.dumps(before), json.dumps(after)
    return f"{_shown(old)} -> {_shown(new)}{_delta(before, after)}"


def _delta(before: JSON, after: JSON) -> str:
    for value in (before, after):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return ""
    return f" ({after - before:+.4g})"  # type: ignore[operator]


def _first_line(before: list[str], after: list[str]) -> Iterator[str]:
    pairs = itertools.zip_longest(before, after)
    number = next((index for index, (old, new) in enumerate(pairs, 1) if old != new), None)
    if number is None:
        yield "the same lines: their ends differ"
        return
    differing = sum(old != new for old, new in itertools.zip_longest(before, after))
    count = f", {len(before):,} -> {len(after):,} lines" if len(before) != len(after) else ""
    yield f"line {number:,}" + (f" is the first of {differing:,} that differ{count}" if differing > 1 else count)
    if number <= len(before):
        yield f"- {_shown(before[number - 1])}"
    if number <= len(after):
        yield f"+ {_shown(after[number - 1])}"


def _first_byte(before: bytes, after: bytes) -> str:
    pairs = enumerate(zip(before, after, strict=False))
    first = next((index for index, (old, new) in pairs if old != new), min(len(before), len(after)))
    return f"byte {first:,} is the first that differs"


def _text(data: bytes) -> str | None:
    if b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _document(text: str) -> JSON:
    """The object or array that the text is; None for any other text."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        value: JSON = json.loads(text)
        list(pipeline_cache.differences(value, value))  # nested too deep to be walked: compared as lines
    except (ValueError, RecursionError):
        return None
    return value


def _value(value: JSON) -> str:
    match value:
        case None:
            return "(nothing)"
        case float():
            return f"{value:.{DIGITS}g}"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _shown(text: str) -> str:
    """In one line, without control characters, not longer than is read."""
    cut = text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."
    return "".join(one if one.isprintable() else " " if one == "\t" else "?" for one in cut)
