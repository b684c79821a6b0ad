"""What `stepwell watch` shows in a terminal: tables for one Sight, as wide and as long as there is room. Pure.

However many steps there are, what runs and what failed is shown first; the rest is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from stepwell.cli import watch_words as words
from stepwell.machines.job_waiting import text as room_text
from stepwell.services.sagemaker.job_sights import JobSight
from stepwell.services.sagemaker.progress import ExecutionSight, MachineSight, Sight, StepSight, TuningSight

WIDE = 110
"""From so many characters on, columns are shown that a narrow terminal has no room for."""
NAME_NARROW, NAME_WIDE = 24, 42
JOB_NARROW = 32
"""Longest names; of longer ones the middle is left out."""
LEAST_ROWS = 4
SIGNS = {"Succeeded": "✓", "Completed": "✓", "Failed": "✗", "Stopped": "■", "Stopping": "■", "Pending": "…"}
RUNS = "▸"

Row: TypeAlias = tuple[Text, ...]


def view(sight: Sight, now: float, width: int, rows: int) -> RenderableType:
    """Everything in about `rows` lines of `width` characters."""
    match sight:
        case ExecutionSight():
            return Group(*_execution(sight, now, width, max(LEAST_ROWS, rows - 2)))
        case TuningSight():
            return Group(*_tuning(sight, now, width, max(LEAST_ROWS, rows - 8)))
        case JobSight():
            return Group(*_job(sight, now))
        case MachineSight():
            return Group(*_machine(sight, now, width, max(LEAST_ROWS, rows - 9)))


def _heading(name: str, status: str, *more: str) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis").append(name, "bold")
    text.append("  ").append(status, words.colour(status))
    for each in more:
        text.append(f"  {each}", "dim")
    return text


def _execution(sight: ExecutionSight, now: float, width: int, rows: int) -> Iterator[RenderableType]:
    took = words.elapsed(sight.started, sight.ended, now)
    yield _heading(sight.name, sight.status, took, words.execution_counts(sight))
    is_wide = width >= WIDE
    table = _table("", "Step", *(("Type",) if is_wide else ()), "Status", "Time", "")
    most = NAME_WIDE if is_wide else NAME_NARROW
    shown, counted = _chosen(sight, rows)
    for step in shown:
        table.add_row(*_step(step, now, most, is_wide=is_wide))
    room = max(0, rows - len(shown) - bool(counted))
    left = sight.left if not sight.has_ended else ()
    for name, kind in left[:room] if len(left) <= room else ():
        type_ = (Text(kind, "dim"),) if is_wide else ()
        table.add_row(Text("·", "dim"), Text(_cut(name, most), "dim"), *type_, Text("-", "dim"), Text(), Text())
    yield table
    if len(left) > room:
        counted = {**counted, "not begun": len(left)}
    if counted:
        yield Text("  and " + ", ".join(f"{count} {what}" for what, count in counted.items()), "dim")


def _chosen(sight: ExecutionSight, rows: int) -> tuple[Sequence[StepSight], dict[str, int]]:
    """The steps that are shown, in the order they began, and how many of each status are not."""
    steps = sight.steps
    if len(steps) + len(sight.left) * (not sight.has_ended) <= rows or len(steps) <= rows - 2:
        return steps, {}
    order = sorted(range(len(steps)), key=lambda each: (*_urgency(steps[each]), -each))
    kept = sorted(order[: rows - 2])
    dropped = Counter(_status(steps[each]) for each in order[rows - 2 :])
    return [steps[each] for each in kept], dict(dropped)


def _urgency(step: StepSight) -> tuple[int, int]:
    """What failed first, then what runs, then who is next in the line."""
    if isinstance(step.job, JobSight) and step.job.waiting is not None:
        return 2, step.job.waiting.ahead
    return {"Failed": 0, "Stopped": 3, "Succeeded": 4}.get(step.status, 1), 0


def _status(step: StepSight) -> str:
    is_waiting = isinstance(step.job, JobSight) and step.job.waiting is not None
    return "Pending" if is_waiting else step.status


def _step(step: StepSight, now: float, most: int, *, is_wide: bool) -> Row:
    name, status = f"  {step.name}" if step.loop else step.name, _status(step)
    doing = words.step_doing(step, now).removeprefix("Pending: ")
    return (
        _sign(status),
        Text(_cut(name, most)),
        *((Text(step.type, "dim"),) if is_wide else ()),
        Text(status, words.colour(status)),
        Text(words.elapsed(step.started, step.ended, now), justify="right"),
        _rest(doing, "red" if step.reason else ""),
    )


def _cut(name: str, most: int) -> str:
    """The beginning and more of the end: names that programs make differ there."""
    shown = words.printable(name)
    end = most * 2 // 3
    return shown if len(shown) <= most else f"{shown[: most - 1 - end]}…{shown[-end:]}"


def _rest(text: str, style: str = "") -> Text:
    """What stands in the last column: as much of it as the line has room for."""
    return Text(text, style, no_wrap=True, overflow="ellipsis")


def _sign(status: str) -> Text:
    return Text(SIGNS.get(status, RUNS), words.colour(status))


def _job(sight: JobSight, now: float) -> Iterator[RenderableType]:
    took = words.elapsed(sight.created, sight.ended, now)
    yield _heading(sight.name, sight.phase if sight.has_ended else sight.status, took, sight.kind.replace("-", " "))
    table = Table.grid(padding=(0, 2))
    for what, text in _facts(sight, now):
        table.add_row(Text(f"  {what}", "dim"), text)
    yield table


def _facts(sight: JobSight, now: float) -> Iterator[tuple[str, Text]]:
    if sight.history:
        yield "phases", _history(sight, now)
    elif not sight.has_ended:
        yield "phase", Text(f"{sight.phase} {words.elapsed(sight.since, None, now)}", words.colour(sight.phase))
    if sight.note:
        yield "doing", Text(sight.note)
    if sight.waiting is not None:
        yield "waits", Text(words.place(sight.waiting))
        yield "wants", Text(room_text(sight.room) if sight.room is not None else "")
        yield "held by", Text(words.holders(sight.waiting))
        if sight.waiting.until is not None:
            yield "gives up", Text(f"in {words.duration(sight.waiting.until - now)}")
    if sight.attempt > 1:
        yield "attempt", Text(str(sight.attempt))
    if words.usage(sight):
        yield "uses", Text(words.usage(sight))
    for name, value in sight.metrics:
        yield "metric", Text.assemble(words.printable(name), "  ", (f"{value:.6g}", "bold"))
    if sight.reason:
        yield "reason", Text(words.printable(sight.reason), "red")


def _history(sight: JobSight, now: float) -> Text:
    text = Text()
    for status, begun, ended in sight.history:
        if text:
            text.append(" → ", "dim")
        text.append(status, words.colour(status))
        if begun != ended:
            text.append(f" {words.elapsed(begun, ended, now)}", "dim")
    return text


def _tuning(sight: TuningSight, now: float, width: int, rows: int) -> Iterator[RenderableType]:
    took = words.elapsed(sight.created, sight.ended, now)
    yield _heading(sight.name, sight.status, took, f"{sight.strategy} tuning job")
    facts = Table.grid(padding=(0, 2))
    facts.add_row(Text("  jobs", "dim"), Text(words.tuning_jobs(sight)))
    if sight.objective:
        facts.add_row(Text("  aim", "dim"), Text(words.printable(sight.objective)))
    if sight.best is not None:
        name, value = sight.best
        facts.add_row(Text("  best", "dim"), Text.assemble((f"{value:.6g}", "bold green"), f" by {name}"))
        parameters = "  ".join(f"{key} {_short(text)}" for key, text in sight.best_parameters.items())
        facts.add_row(Text("  with", "dim"), Text(words.printable(parameters)))
    if sight.reason:
        facts.add_row(Text("  reason", "dim"), Text(words.printable(sight.reason), "red"))
    yield facts
    if sight.running:
        yield from _jobs("Training job", sight.running, {}, now, width, rows)


def _short(number: str) -> str:
    """A hyperparameter, without digits that nobody reads."""
    try:
        return f"{float(number):.5g}"
    except ValueError:
        return number


def _machine(sight: MachineSight, now: float, width: int, rows: int) -> Iterator[RenderableType]:
    yield Text.assemble(("This machine", "bold"), ("  " + words.used(sight.taken, sight.room), "dim"))
    if sight.executions:
        yield Text("  executions  " + ", ".join(sight.executions), no_wrap=True, overflow="ellipsis")
    for word, jobs, most in (
        ("Runs", sight.running, rows - min(len(sight.waiting), rows // 2)),
        ("Waits", sight.waiting, rows - min(len(sight.running), rows // 2)),
    ):
        if jobs:
            yield Text()
            yield from _jobs(word, jobs, sight.owners, now, width, most)


def _jobs(
    word: str, jobs: Sequence[JobSight], owners: dict[str, str], now: float, width: int, rows: int
) -> Iterator[RenderableType]:
    shows_owner = bool(owners) and width >= WIDE
    is_line = word == "Waits"
    columns = ("Wants", "Time", "Short of") if is_line else ("Has", "Time", "")
    table = _table("", word, *(("Of",) if shows_owner else ()), *columns)
    for index, job in enumerate(jobs[:rows]):
        room = room_text(job.room).replace(" and ", ", ") if job.room is not None else ""
        short = job.waiting.short if job.waiting is not None else ()
        table.add_row(
            Text(str(index + 1), words.colour("Pending")) if is_line else _sign(job.phase),
            Text(_cut(job.name, NAME_WIDE if width >= WIDE else JOB_NARROW)),
            *((Text(owners.get(job.arn, ""), "dim"),) if shows_owner else ()),
            Text(room, "dim"),
            Text(words.elapsed(job.created, None, now), justify="right"),
            _rest((", ".join(short) or "its turn") if is_line else words.job_doing(job, now)),
        )
    yield table
    if len(jobs) > rows:
        yield Text(f"  and {len(jobs) - rows} more", "dim")


def _table(*columns: str) -> Table:
    """The first column is a sign; the last takes what is left of the width."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for index, column in enumerate(columns):
        is_last = index == len(columns) - 1
        # a narrow table takes first from the column that might wrap; its cells say that they do not
        table.add_column(
            column,
            no_wrap=not is_last,
            overflow="ellipsis",
            justify="right" if column == "Time" else "left",
            ratio=1 if is_last else None,
        )
    return table
