"""`stepwell validate FILE|-`: everything that is wrong with a pipeline definition, and where. Needs no server.

The file may be a definition, as `pipeline.definition()` returns it, or a CreatePipeline request (or a
DescribePipeline answer) that holds one. Exit codes: 0 fine, 1 problems, 2 the file cannot be read.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from stepwell.checks.running import findings
from stepwell.cli import connection
from stepwell.definition import source
from stepwell.definition.model import Pipeline
from stepwell.definition.parse import INLINE_LENGTH
from stepwell.definition.problems import DefinitionError, Problem, shown
from stepwell.spec import models

UNREADABLE = 2
WIDTH = 100
"""Characters of a line that are shown; the SDKs write a definition as one line of any length."""
INDENT = "    "


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help='the definition, as JSON; "-" reads standard input')
    parser.add_argument("--json", action="store_true", help="print the problems as JSON")


def run(options: argparse.Namespace) -> int:
    try:
        given = sys.stdin.read() if options.file == "-" else Path(options.file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        connection.complain(f"{options.file} cannot be read: {error}")
        return UNREADABLE
    name = "standard input" if options.file == "-" else options.file
    text = definition_in(given)
    pipeline, problems = _findings(text)
    located = [(problem, _place(problem, text)) for problem in problems]
    located.sort(key=lambda found: (found[1].line, found[1].column))
    if options.json:
        print(json.dumps(_report(pipeline, located), indent=2))
    else:
        if text is not given:
            name = f"the definition in {name}"
        for problem, place in located:
            print(_told(name, problem, place) + "\n")
        print(_summary(name, text, pipeline, problems))
    return 1 if problems else 0


def definition_in(text: str) -> str:
    """The definition that `text` is or holds: as text inside a request, a template's property, or a JSON string."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return text
    match document:
        case (
            {"PipelineDefinition": str(inner)}
            | {"PipelineDefinition": {"PipelineDefinitionBody": str(inner)}}
            | str(inner)
        ):
            return inner
        case _:
            return text


def _findings(text: str) -> tuple[Pipeline | None, list[Problem]]:
    try:
        return findings(text, models.operation)
    except DefinitionError as error:
        return None, list(error.problems)


def _place(problem: Problem, text: str) -> source.Location:
    try:
        return source.locate(text, problem.pointer)
    except json.JSONDecodeError as error:
        return source.at(text, error.pos)
    except RecursionError:
        return source.at(text, 0)


def _report(pipeline: Pipeline | None, located: list[tuple[Problem, source.Location]]) -> dict[str, object]:
    rows = [
        {"pointer": problem.pointer, "message": problem.message, "line": place.line, "column": place.column}
        for problem, place in located
    ]
    return {"valid": not rows, "steps": len(pipeline.steps) if pipeline else None, "problems": rows}


def _told(name: str, problem: Problem, place: source.Location) -> str:
    """The problem in a line that editors can follow, its pointer, and the source with a mark below it."""
    window, mark = _window(place)
    number = str(place.line)
    gutter = " " * len(number)
    return "\n".join(
        [
            f"{name}:{place.line}:{place.column}: {problem.message}",
            *([f"{INDENT}at {problem.pointer}"] if problem.pointer else []),
            f"{INDENT}{number} | {window}",
            f"{INDENT}{gutter} | {mark}",
        ]
    )


def _window(place: source.Location) -> tuple[str, str]:
    """The part of the line around the place, and the carets that stand below it there."""
    line = "".join(character if character.isprintable() else " " for character in place.text)
    start = place.column - 1
    left = max(0, min(start - WIDTH // 3, len(line) - WIDTH))
    right = min(len(line), left + WIDTH)
    before, after = ("…" if left else ""), ("…" if right < len(line) else "")
    carets = "^" * max(min(place.length, right - start), 1)
    return f"{before}{line[left:right]}{after}", " " * (len(before) + start - left) + carets


def _summary(name: str, text: str, pipeline: Pipeline | None, problems: list[Problem]) -> str:
    if problems:
        return f"{len(problems)} problem{'s' if len(problems) > 1 else ''} in {shown(name)}."
    assert pipeline is not None
    steps, parameters = len(pipeline.steps), len(pipeline.parameters)
    said = f"{name}: no problems in {steps} step{'s' if steps != 1 else ''} and "
    said += f"{parameters} parameter{'s' if parameters != 1 else ''}."
    if len(text) > INLINE_LENGTH:
        said += (
            f" It has {len(text)} characters: hand it over as PipelineDefinitionS3Location (inline: {INLINE_LENGTH})."
        )
    return said
