"""What `stepwell reproduce` shows to people: the plan, and what came of it. In: values. Out: lines of text."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence

from stepwell.base import times
from stepwell.cli.data_folder import printable, size_text
from stepwell.machines import reproduction
from stepwell.machines.comparison import WHOLE, Difference
from stepwell.machines.pipeline_explanations import spoken
from stepwell.machines.reproduction import Held, NotedJob, Plan
from stepwell.machines.reproduction_reports import Gone, JobReport, ObjectReport, Report

INDENT = "    "
FIRST = 8
"""So many differences and objects are shown."""
HASH = 12
"""Digits of a hash that are shown."""
WIDTH = 100
SUMMED_UP = 4
"""An input of more objects than this is summed up."""
SPOKEN = {
    "identical": "identical",
    "same content": "identical content",
    "differs": "differs",
}


def plan_lines(plan: Plan, environment: Callable[[NotedJob], str]) -> Iterator[str]:
    """What will be run, with which exact bytes. `environment` says how the environment of a job stands here."""
    target = plan.target
    yield f"{target.kind} {printable(target.asked)}"
    for uri in target.uris:
        if uri != target.asked:
            yield f"{INDENT}{printable(uri)}"
    for note in target.notes:
        yield f"{INDENT}{printable(note)}"
    for number, job in enumerate(plan.jobs, 1):
        yield ""
        yield f"{number}  {job.words} {job.name}"
        for name, value in _facts(job, plan, environment):
            yield from _fact(name, printable(value))


def _fact(name: str, value: str) -> Iterator[str]:
    """A line; what is long goes on under itself, but no URI is broken."""
    begin, goes_on = f"{INDENT}{name:12}", INDENT + " " * 12
    yield from textwrap.wrap(
        value, WIDTH, initial_indent=begin, subsequent_indent=goes_on, break_long_words=False, break_on_hyphens=False
    ) or [begin.rstrip()]


def _facts(job: NotedJob, plan: Plan, environment: Callable[[NotedJob], str]) -> Iterator[tuple[str, str]]:
    yield "ended", f"{times.iso(job.ended)}, took {spoken(job.ended - job.created)}"
    yield "image", job.image
    yield "environment", environment(job)
    if not reproduction.code(job) and (job.request.get("HyperParameters") or {}).get(reproduction.SUBMITTED):
        yield "code", "its code was not noted: it was not in S3 when the job began"
    made = plan.made_again(job)
    channels: dict[str, list[Held]] = {}
    for each in job.inputs:
        channels.setdefault(each.channel, []).append(each)
    for channel, pieces in channels.items():
        name = "code" if channel in (reproduction.SUBMITTED, reproduction.CODE) else "input"
        label = "" if name == "code" else f"{channel}: "
        yield from ((name, label + text) for text in _pieces(pieces, made))
    if job.parameters:
        yield "parameters", ", ".join(f"{name}={value}" for name, value in sorted(job.parameters.items()))
    seeds = reproduction.seeds(job)
    yield "seeds", ", ".join(f"{name}={value}" for name, value in seeds.items()) or "none that looks like one"
    yield "output", f"{counted(len(job.outputs), 'object')}, {size_text(sum(each.size for each in job.outputs))}"


def _pieces(pieces: Sequence[Held], made: Mapping[Held, str]) -> Iterator[str]:
    again = [each for each in pieces if each in made]
    if again:
        makers = ", ".join(dict.fromkeys(made[each].rpartition("/")[2] for each in again))
        yield f"{counted(len(again), 'object')} made anew by {makers}"
    given = [each for each in pieces if each not in made]
    if len(given) > SUMMED_UP:
        yield f"{len(given)} objects, {size_text(sum(each.size for each in given))}, of {given[0].uri} and others"
        return
    for each in given:
        yield f"{each.blob[:HASH]}  {size_text(each.size)}  {each.uri}"


def gone_lines(gone: Sequence[Gone], needed: int, total: int) -> Iterator[str]:
    """Whether every byte is still there."""
    yield ""
    if not gone:
        yield f"All {counted(needed, 'object')} that it needs are still here: {size_text(total)}."
        return
    yield f"It cannot be made again: of {counted(needed, 'object')} that it needs, {len(gone)} are gone."
    for each in gone:
        yield f"{INDENT}{printable(each.uri)}"
        yield f"{INDENT * 2}{each.what}, {size_text(each.size)}"
        yield f"{INDENT * 2}bytes {each.blob}"
        yield f"{INDENT * 2}{each.now}"


def incomparable_lines(lost: Sequence[Held]) -> Iterator[str]:
    """What was written then and cannot be looked into any more."""
    for each in lost[:FIRST]:
        yield f"What was written to {printable(each.uri)} is gone: only its hash can be compared."


def report_lines(report: Report) -> Iterator[str]:
    """What came of it."""
    for job in report.jobs:
        yield ""
        yield f"{job.kind.replace('-', ' ')} {job.name}{_determinism(job)}"
        if job.status != "Completed":
            yield f"{INDENT}{job.status}: {printable(job.reason)}"
        elif job.environments[0] != job.environments[1]:
            yield f"{INDENT}environment then {job.environments[0]}, now {job.environments[1]}"
        for each in sorted(job.objects, key=_weight)[:FIRST]:
            yield from _object(each)
        if len(job.objects) > FIRST:
            yield f"{INDENT}... and {len(job.objects) - FIRST} more objects: --json shows all"
    yield ""
    yield _closing(report)


def _weight(each: ObjectReport) -> tuple[bool, bool, str]:
    return (not each.is_asked_for, each.verdict != "differs", each.uri)


def _determinism(job: JobReport) -> str:
    if job.is_deterministic is None:
        return ""
    runs = len(job.seconds)
    return f": deterministic in {runs} new runs" if job.is_deterministic else ": NOT deterministic"


def _object(each: ObjectReport) -> Iterator[str]:
    yield f"{INDENT}{printable(each.uri)}"
    count = f", {counted(each.members, 'file')}" if each.members > 1 else ""
    if each.verdict != "differs":
        yield f"{INDENT * 2}{SPOKEN[each.verdict]}{count}"
        if each.notes:
            yield from _wrapped(f"other than then, which does not count: {printable('; '.join(each.notes))}")
        return
    differing = len(each.differences)
    of = f" {differing} of {each.members} files differ" if each.members > 1 else ""
    yield f"{INDENT * 2}DIFFERS{':' if of else ''}{of}"
    for difference in each.differences[:FIRST]:
        yield f"{INDENT * 2}- {_difference(difference)}"
    if differing > FIRST:
        yield f"{INDENT * 2}... and {differing - FIRST} more"
    for note in each.notes:
        yield f"{INDENT * 2}{printable(note)}"
    if each.cause is not None:
        yield from _wrapped(f"probably {printable(each.cause.sentence)}")
    if each.varying:
        shown = ", ".join(name or "the object itself" for name in each.varying[:FIRST])
        yield f"{INDENT * 2}varies from run to run: {printable(shown)}"


def _wrapped(text: str) -> Iterator[str]:
    yield from textwrap.wrap(text, WIDTH, initial_indent=INDENT * 2, subsequent_indent=INDENT * 2)


def _difference(difference: Difference) -> str:
    name = printable(difference.member) if difference.member != WHOLE else "the object"
    match difference.what:
        case "missing":
            return f"{name}: was written then, and not now"
        case "new":
            return f"{name}: is written now, and was not then"
        case "bytes":
            return f"{name}: other bytes ({_sizes(difference)})"
        case what:
            return f"{name}: {what} {printable(difference.before)}, now {printable(difference.after)}"


def _sizes(difference: Difference) -> str:
    same = difference.before == difference.after
    return difference.before if same else f"{difference.before}, now {difference.after}"


def _closing(report: Report) -> str:
    what = f"{report.target.kind} {printable(report.target.asked)}"
    times_ = "" if report.runs == 1 else f" {report.runs} times out of {report.runs}"
    match report.verdict:
        case "identical":
            return f"Identical{times_}: {what} was made again from what was noted."
        case "failed":
            return f"Not made again: a job of {what} did not complete this time."
        case "differs":
            return f"Differs: what was made now is not {what} as it was."
        case _:
            return ""


def counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
