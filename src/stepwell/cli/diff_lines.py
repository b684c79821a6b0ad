"""What `stepwell diff` prints: a Comparison in lines for people, in colours where the terminal has them. Pure.

Texts come from pipelines and data: none of them may steer the terminal, so all pass `printable`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from rich.text import Text

from stepwell.base import times
from stepwell.cli.watch_words import duration, printable
from stepwell.definition.json_text import JSON
from stepwell.machines import content_differences, run_differences
from stepwell.machines.run_differences import Aspect, Row
from stepwell.machines.runs import Run, StepRun
from stepwell.services.sagemaker.differences import Comparison

INDENT = "  "
MOST_DETAILS = 12
"""Lines that are shown of where two objects differ."""
MOST_PACKAGES = 10
KEPT = 12
"""Of what two long values begin with alike, so much is shown."""
OBJECTS = ("code", "input", "output")
WORDS: dict[Aspect, str] = {"variable": "environment variable", "request": "setting", "instances": "instances"}
"""What an aspect is called where its own name would not be understood."""
SHORTENED = frozenset[Aspect]({"hyperparameter", "variable", "instances", "image"})
"""Aspects of which the last name of the pointer says it all."""

SAME = "No differences: the same was made of the same."
SAME_BUT = "Only times and cache hits differ (--all shows them)."
UNEXPLAINED = (
    "Nothing that is on record was changed, and yet not the same came of it: a step is not deterministic,",
    "or it reads what no manifest holds (the clock, the network, a seed that was not set).",
)


def lines(found: Comparison, width: int, *, is_all: bool) -> Iterator[Text]:
    """All lines. `is_all`: what is the same too, and nothing shortened."""
    yield from _head(found.before, found.after)
    shown = [row for row in found.rows if is_all or not (row.is_same or row.aspect in run_differences.PASSING)]
    yield Text()
    if found.is_same:
        passing = any(not row.is_same for row in found.rows)
        yield Text(f"{SAME} {SAME_BUT}" if passing and not is_all else SAME, "green")
        if not shown:
            return
    causes = [row for row in shown if row.is_cause]
    followed = [row for row in shown if not row.is_cause]
    if any(not row.is_same for row in causes):
        yield Text("WHAT WAS CHANGED", "bold")
    elif not found.is_same:
        yield from (Text(line, "yellow") for line in UNEXPLAINED)
    yield from _rows(causes, 1, width, is_all=is_all)
    if any(not row.is_same and row.aspect not in run_differences.PASSING for row in followed):
        yield Text()
        yield Text("WHAT FOLLOWED", "bold")
    elif not found.is_same:
        yield Text()
        yield Text("Nothing followed from it.")
    yield from _by_step(found, followed, width, is_all=is_all)


def _head(before: Run, after: Run) -> Iterator[Text]:
    """Which two, as rows of a small table."""
    wide = max(len(before.title), len(after.title))
    status = max(len(before.status), len(after.status))
    for mark, run, style in (("-", before, "red"), ("+", after, "green")):
        took = duration(run.seconds) if run.seconds is not None else ""
        started = times.iso(run.started)[:19].replace("T", " ")
        text = f"{mark} {printable(run.title):{wide}}  {run.status:{status}}  {started}  {took}"
        yield Text(text.rstrip(), style)


def _by_step(found: Comparison, rows: Sequence[Row], width: int, *, is_all: bool) -> Iterator[Text]:
    by_step: dict[str, list[Row]] = {}
    for row in rows:
        by_step.setdefault(row.steps[0], []).append(row)
    for name, own in by_step.items():
        yield _step_line(found.before.steps.get(name), found.after.steps.get(name))
        yield from _rows(own, 2, width, is_all=is_all)


def _step_line(before: StepRun | None, after: StepRun | None) -> Text:
    step = after or before
    assert step is not None
    line = Text(f"{INDENT}{printable(step.name)}", "bold cyan")
    line.append(f"  {step.type}", "not bold default")
    old, new = _went(before), _went(after)
    if old or new:
        line.append(f"  {old} -> {new}" if old != new else f"  {old}", "not bold dim")
    return line


def _went(step: StepRun | None) -> str:
    """How a step ran, in a word or two."""
    if step is None:
        return "did not run"
    if step.cache:
        return "cache hit" if step.cache == "hit" else "taken over"
    return duration(step.seconds) if step.seconds is not None else ""


def _rows(rows: Sequence[Row], depth: int, width: int, *, is_all: bool) -> Iterator[Text]:
    """These rows; of packages that differ only the first, unless all is asked for."""
    shown = folded = 0
    for row in rows:
        if row.aspect == "package" and not is_all:
            shown += 1
            if shown > MOST_PACKAGES:
                folded += 1
                continue
        elif folded:
            yield _fold(folded, depth)
            folded = 0
        yield from _row(row, depth, width, is_all=is_all)
    if folded:
        yield _fold(folded, depth)


def _fold(count: int, depth: int) -> Text:
    return Text(f"{INDENT * depth}... and {count} more packages: --all", "dim")


def _row(row: Row, depth: int, width: int, *, is_all: bool) -> Iterator[Text]:
    begin = INDENT * depth
    name = _name(row, is_all=is_all)
    where = f"  in {', '.join(map(printable, row.steps))}" if row.is_cause and row.steps else ""
    if row.is_same:
        yield Text(f"{begin}{name}{where}  = {_value(row.after, row.aspect)}", "dim")
        return
    line = Text(begin)
    line.append(name, "bold" if row.is_cause else "")
    line.append(where, "dim")
    change = _change(row)
    if len(line.plain) + 2 + len(change) <= width:
        line.append(f"  {change}")
        yield line
    elif row.aspect in OBJECTS:
        yield from (line, Text(f"{begin}{INDENT}{change}"))
    else:
        yield line
        yield from _two_lines(row, begin + INDENT, width, is_all=is_all)
    if row.note and row.aspect not in OBJECTS:
        yield Text(f"{begin}{INDENT}{row.note}", "dim")
    yield from _details(row, begin + INDENT, width, is_all=is_all)


def _name(row: Row, *, is_all: bool) -> str:
    word = WORDS.get(row.aspect, row.aspect)
    name = "" if row.aspect == "image" and not is_all else row.name
    if row.aspect in SHORTENED and not is_all:
        name = name.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
    return printable(f"{word} {name}".rstrip())


def _change(row: Row) -> str:
    """Both values in one line."""
    one, other = row.before, row.after
    if row.aspect == "definition" and not row.name:
        return f"a {other} step is new" if one is None else f"the {one} step is gone"
    if row.aspect in OBJECTS:
        return _object_change(one, other, row.note)
    if row.delta is not None:
        return content_differences.changed(one, other)
    return f"{_value(one, row.aspect)} -> {_value(other, row.aspect)}"


def _object_change(before: JSON, after: JSON, note: str) -> str:
    old, new = _size(before), _size(after)
    if old is None or new is None:
        return f"is new, {new:,} bytes" if old is None else f"is gone, {old:,} bytes"
    sizes = f"{old:,} -> {new:,} bytes" if old != new else f"other bytes, {new:,} as before"
    return f"{sizes}, {note}" if note else sizes


def _size(held: JSON) -> int | None:
    size = held.get("size") if isinstance(held, dict) else None
    return size if isinstance(size, int) else None


def _two_lines(row: Row, begin: str, width: int, *, is_all: bool) -> Iterator[Text]:
    """A line for each value, cut to where they part when they are long."""
    old, new = _value(row.before, row.aspect), _value(row.after, row.aspect)
    room = width - len(begin) - 2
    if not is_all and max(len(old), len(new)) > room:
        pairs = enumerate(zip(old, new, strict=False))
        alike = next((index for index, (left, right) in pairs if left != right), min(len(old), len(new)))
        left = max(0, alike - KEPT)
        old, new = (_cut(("..." if left else "") + text[left:], room) for text in (old, new))
    yield Text(f"{begin}- {old}", "red")
    yield Text(f"{begin}+ {new}", "green")


def _details(row: Row, begin: str, width: int, *, is_all: bool) -> Iterator[Text]:
    shown = row.details if is_all else row.details[:MOST_DETAILS]
    styles = {"-": "red", "+": "green", "@": "cyan"}
    for detail in shown:
        for text in _wrapped(begin + printable(detail), width):
            yield Text(text if is_all else _cut(text, width), styles.get(detail.lstrip()[:1], "dim"))
    if len(shown) < len(row.details):
        yield Text(f"{begin}... {len(row.details) - len(shown)} more lines: --all", "dim")


def _wrapped(text: str, width: int) -> list[str]:
    """The line of a JSON pointer that is too long for one line as two: its values are what matters."""
    inside = text.lstrip()
    pointer, gap, change = inside.partition("  ")
    if len(text) <= width or not gap or not pointer.startswith("/"):
        return [text]
    begin = text[: len(text) - len(inside)]
    return [f"{begin}{pointer}", f"{begin}{INDENT}{change}"]


def _value(value: JSON, aspect: Aspect) -> str:
    match value:
        case None:
            return "(nothing)"
        case {"uri": str(uri), "size": int(size)} if aspect in OBJECTS:
            return printable(f"{uri}, {size:,} bytes")
        case float() if aspect == "seconds":
            return duration(value)
        case str():
            return printable(value)
        case _:
            return printable(json.dumps(value, ensure_ascii=False))


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 3, 1)] + "..."
