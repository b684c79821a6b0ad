"""`stepwell diff A [B]`: what was changed between two runs, and what followed from it.

A and B are executions, model packages, or jobs; a package goes back to the execution or job that made it. Reads the
data folder, so it also works when the server is stopped. Exit codes are those of diff(1): 0 the same was made of the
same, 1 there are differences, 2 there is no such thing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path

from rich.console import Console

from stepwell import settings
from stepwell.base import times
from stepwell.base.faults import Fault
from stepwell.blobs.folder import Blobs
from stepwell.cli import connection, diff_lines
from stepwell.images import installed_packages
from stepwell.machines import run_differences
from stepwell.machines.run_differences import Row
from stepwell.machines.runs import Run
from stepwell.services.sagemaker import differences, run_records
from stepwell.services.sagemaker.differences import Comparison, Source
from stepwell.settings import Settings
from stepwell.store import tables
from stepwell.store.database import Connection, Database

__all__ = ["configure", "run", "tables"]

TROUBLE = 2
PLAIN_WIDTH = 80


def configure(parser: argparse.ArgumentParser) -> None:
    words = (
        "an execution (its ARN, PIPELINE/ID, or PIPELINE for its latest), a model package (its ARN, GROUP/VERSION)"
    )
    parser.add_argument("before", metavar="A", help=f"{words}, or a job; a pipeline alone: its last two executions")
    parser.add_argument("after", metavar="B", nargs="?", help="the same, to compare A with")
    parser.add_argument("--all", action="store_true", help="what is the same too, and everything in full")
    parser.add_argument("--json", action="store_true", help="print the comparison as JSON")


def run(options: argparse.Namespace) -> int:
    set_up = settings.load({"data": options.data})
    path = set_up.data / "stepwell.db"
    if not path.exists():
        return _trouble(f"there is no data in {set_up.data}. Name the server's folder with --data.")
    database = Database(path)
    try:
        with database.read() as reading:
            found = _compared(reading, set_up, options.before, options.after)
    except Fault as fault:
        return _trouble(fault.message)
    finally:
        database.close()
    if options.json:
        print(json.dumps(document(found, is_all=options.all), indent=2))
    else:
        _print(found, is_all=options.all)
    return 0 if found.is_same else 1


def document(found: Comparison, *, is_all: bool) -> dict[str, object]:
    """What `--json` prints. `passing` is what may differ between two runs that are the same: times, cache hits."""
    counting = [row for row in found.rows if row.aspect not in run_differences.PASSING]
    shown = [row for row in counting if is_all or not row.is_same]
    passing = [row for row in found.rows if row.aspect in run_differences.PASSING and (is_all or not row.is_same)]
    return {
        "before": _run(found.before),
        "after": _run(found.after),
        "same": found.is_same,
        "changed": [_row(row) for row in shown if row.is_cause],
        "followed": [_row(row) for row in shown if not row.is_cause],
        "passing": [_row(row) for row in passing],
    }


def _compared(reading: Connection, set_up: Settings, before: str, after: str | None) -> Comparison:
    if after is None:
        before, after = run_records.latest_two(reading, connection.scope_of(set_up, before), before)
    source = Source(Blobs(set_up.data / "blobs"), _packages(set_up))
    scopes = (connection.scope_of(set_up, before), connection.scope_of(set_up, after))
    return differences.compared(reading, source, scopes, (before, after))


def _packages(set_up: Settings) -> run_records.Packages:
    folder = set_up.environments or set_up.data / "environments"

    @lru_cache
    def found(environment: str) -> Mapping[str, str]:
        return installed_packages.of(Path(folder), environment)

    return found


def _print(found: Comparison, *, is_all: bool) -> None:
    console = Console(highlight=False)
    width = console.width if console.is_terminal else PLAIN_WIDTH
    for line in diff_lines.lines(found, width, is_all=is_all):
        console.print(line, soft_wrap=True)


def _run(run: Run) -> dict[str, object]:
    return {
        "arn": run.arn,
        "name": run.title,
        "status": run.status,
        "started": times.iso(run.started),
        "seconds": run.seconds,
    }


def _row(row: Row) -> dict[str, object]:
    members = asdict(replace(row, details=()))
    members["details"] = list(row.details)
    return {**members, "steps": list(row.steps), "delta": row.delta}


def _trouble(message: str) -> int:
    print(f"stepwell: {message}", file=sys.stderr)
    return TROUBLE
