"""`stepwell explain EXECUTION [STEP]`: for each step, cache hit or miss, the nearest earlier run, and what differs.

Reads the database of the data folder, so it also works when the server is stopped. Exit codes: 0 explained, 1 there
is no such execution, step or data.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from stepwell import settings
from stepwell.base import times
from stepwell.base.faults import Fault
from stepwell.cli import connection
from stepwell.definition.json_text import JSON
from stepwell.machines.pipeline_explanations import Difference, Explanation
from stepwell.services.sagemaker import explanations
from stepwell.services.sagemaker.explanations import Report
from stepwell.store import tables
from stepwell.store.database import Database

__all__ = ["configure", "run", "tables"]

FIRST = 5
"""So many differences of a step are shown when all steps are."""
WIDTH = 88
"""Characters of a value that are shown."""
KEPT = 16
"""Of what two long values begin with alike, so much is shown."""
INDENT = "    "
CONTENT = {
    "same": "the bytes are the same: only the URI changed",
    "changed": "the bytes changed too",
    "unknown": "not known whether the bytes are the same",
}
ADVICE = """\
The cache compares URIs. Where the bytes are the same and only the URI changed, upload to a URI that does not change
(no job name, date or random part in it), and the step will hit; or serve with `stepwell up --cache content`, which
compares the bytes."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "execution", metavar="EXECUTION", help="its ARN, PIPELINE/ID, or PIPELINE for the latest of that pipeline"
    )
    parser.add_argument("step", metavar="STEP", nargs="?", help="one step, with every difference in full")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(options: argparse.Namespace) -> int:
    set_up = settings.load({"data": options.data})
    path = set_up.data / "stepwell.db"
    if not path.exists():
        return connection.complain(f"there is no data in {set_up.data}. Name the server's folder with --data.")
    database = Database(path)
    try:
        with database.read() as reading:
            scope = connection.scope_of(set_up, options.execution)
            report = explanations.report(reading, scope, options.execution, options.step)
    except Fault as fault:
        return connection.complain(fault.message)
    finally:
        database.close()
    if options.json:
        print(json.dumps(asdict(report), indent=2))
    else:
        print("\n".join(lines(report, is_full=options.step is not None)))
    return 0


def lines(report: Report, *, is_full: bool) -> Iterator[str]:
    """What is printed. `is_full`: every difference, and values in full."""
    yield report.arn
    yield f"{report.status}, started {times.iso(report.started)}"
    yield ""
    steps = report.steps
    names = max((len(step.step) for step in steps), default=0)
    types = max((len(step.type) for step in steps), default=0)
    verdicts = max((len(step.verdict) for step in steps), default=0)
    for step in steps:
        yield f"{step.step:{names}}  {step.type:{types}}  {step.verdict:{verdicts}}  {_reason(step)}"
        yield from _details(step, is_full=is_full)
    if any(difference.content == "same" for step in steps for difference in _differences(step)):
        yield ""
        yield ADVICE


def _reason(step: Explanation) -> str:
    ended = "" if step.status in (None, "Succeeded") else f" ({step.status})"
    return step.because + ended


def _differences(step: Explanation) -> tuple[Difference, ...]:
    return step.earlier.differences if step.earlier is not None else ()


def _details(step: Explanation, *, is_full: bool) -> Iterator[str]:
    differences = _differences(step)
    shown = differences if is_full else differences[:FIRST]
    for difference in shown:
        yield f"{INDENT}{_printable(difference.pointer)}"
        yield from (f"{INDENT * 2}{line}" for line in _change(difference, is_full=is_full))
    if len(shown) < len(differences):
        yield f"{INDENT}... and {len(differences) - len(shown)} more: stepwell explain EXECUTION {step.step}"
    for uri in step.earlier.changed_data if step.earlier is not None else ():
        yield f"{INDENT}{_printable(uri)}: other bytes under the same URI"


def _change(difference: Difference, *, is_full: bool) -> Iterator[str]:
    old, new = _text(difference.before), _text(difference.after)
    if not is_full:
        old, new = _shortened([old, new])
    yield f"- {old}"
    yield f"+ {new}"
    if difference.names_execution:
        yield "holds the id of this execution, which is never the same"
    if difference.content is not None:
        yield CONTENT[difference.content]


def _text(value: JSON) -> str:
    if value is None:
        return "(nothing)"
    return _printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _shortened(texts: list[str]) -> Iterable[str]:
    """Both without most of what they begin with alike, and cut at the end, when one is too long to show."""
    if max(map(len, texts)) <= WIDTH:
        return texts
    alike = _alike(*texts)
    left = alike - KEPT if alike > KEPT else 0
    return [_window(text, left) for text in texts]


def _alike(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (left, right) in pairs if left != right), min(len(one), len(other)))


def _window(text: str, left: int) -> str:
    kept = text[left : left + WIDTH]
    return ("..." if left else "") + kept + ("..." if left + WIDTH < len(text) else "")


def _printable(text: str) -> str:
    """Values come from pipelines: none of them may steer the terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)
