"""`stepwell watch [EXECUTION|JOB]`: how it stands, until it ends; without a name, what runs here and who waits.

Reads the database of the data folder: the server has no work with it, and it also works when the server is stopped.
In a terminal the view is drawn anew, elsewhere there is a line for each change. What is watched goes on. Exit codes:
0 it succeeded (or nothing runs any more), 1 it failed or was stopped, 2 there is no such thing, 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from stepwell import settings
from stepwell.base import clock
from stepwell.base.faults import Fault
from stepwell.cli import connection, watch_view
from stepwell.cli import watch_words as words
from stepwell.cli.watch_lines import Changes
from stepwell.services.sagemaker import progress
from stepwell.services.sagemaker.progress import ExecutionSight, MachineSight, Sight
from stepwell.settings import Settings
from stepwell.store import tables
from stepwell.store.database import Connection, Database

__all__ = ["configure", "run", "tables"]

LOOK_SECONDS = 0.25
IDLE_SHARE = 9.0
"""A look that takes long is followed by a pause so many times as long: nobody is kept busy by being watched."""
NO_SUCH_THING = 2
INTERRUPTED = 130
MOST_ROWS = 10_000
WIDTH_OF_FILES = 160
"""How long and wide a table may be that no terminal shows."""

Look = Callable[[], Sight]


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what",
        metavar="EXECUTION|JOB",
        nargs="?",
        help="an execution (its ARN, PIPELINE/ID, or PIPELINE for the latest), a processing, training or tuning job "
        "(name or ARN); without: what runs on this machine, and the queue",
    )
    parser.add_argument("--once", action="store_true", help="print how it stands, and leave")
    parser.add_argument("--json", action="store_true", help="print a JSON document in one line for each change")


def run(options: argparse.Namespace) -> int:
    set_up = settings.load({"data": options.data})
    path = set_up.data / "stepwell.db"
    if not path.exists():
        connection.complain(f"there is no data in {set_up.data}. Name the server's folder with --data.")
        return NO_SUCH_THING
    database = Database(path)
    try:
        return _shown(options, _look(database, set_up, options.what), set_up)
    except Fault as fault:
        connection.complain(fault.message)
        return NO_SUCH_THING
    except KeyboardInterrupt:
        name = f" {options.what}" if options.what else ""
        print(f"stepwell: no longer watching; the work goes on. Again: stepwell watch{name}", file=sys.stderr)
        return INTERRUPTED
    finally:
        database.close()


def _look(database: Database, set_up: Settings, what: str | None) -> Look:
    """What is to be watched. Raises Fault when there is no such thing."""
    scope = connection.scope_of(set_up, what or "")
    if what is None:
        return lambda: _read(database, lambda reading: progress.machine(reading, scope))
    with database.read() as reading:
        arn = progress.resolve(reading, scope, what)
    return lambda: _read(database, lambda reading: progress.see(reading, arn))


def _read(database: Database, ask: Callable[[Connection], Sight]) -> Sight:
    with database.read() as reading:
        return ask(reading)


def _shown(options: argparse.Namespace, look: Look, set_up: Settings) -> int:
    console = Console(highlight=False)
    looks = iter([look()]) if options.once else _looks(look)
    if options.json:
        return words.exit_code(_documents(looks))
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH_OF_FILES)
        last = next(looks) if options.once else _lines(looks, set_up)
    elif options.once:
        last = next(looks)
    else:
        last = _live(console, looks, set_up)
    summary = list(_summary(last, set_up))
    if options.once or console.is_terminal:
        rows = console.height - len(summary) - 3 if console.is_terminal else MOST_ROWS
        console.print(watch_view.view(last, clock.now(), console.width, rows))
    for line in summary:
        console.print(line, soft_wrap=True)
    return words.exit_code(last)


def _looks(look: Look) -> Iterator[Sight]:
    """One sight after another, the last when it has ended."""
    while True:
        began = clock.monotonic()
        sight = look()
        yield sight
        if sight.has_ended:
            return
        clock.sleep(max(LOOK_SECONDS, IDLE_SHARE * (clock.monotonic() - began)))


def _documents(looks: Iterator[Sight]) -> Sight:
    said = ""
    for sight in looks:
        text = json.dumps(asdict(sight))
        if text != said:
            print(said := text, flush=True)
    return sight


def _lines(looks: Iterator[Sight], set_up: Settings) -> Sight:
    changes, told = Changes(), ""
    for sight in looks:
        for line in changes.of(sight, clock.now()):
            print(line, flush=True)
        note = _absence(sight, set_up)
        if note and note != told:
            print(note, flush=True)
        told = note
    return sight


def _live(console: Console, looks: Iterator[Sight], set_up: Settings) -> Sight:
    with Live(console=console, transient=True, auto_refresh=False) as live:
        for sight in looks:
            note = _absence(sight, set_up)
            rows = console.height - 2 - 2 * bool(note)
            shown = watch_view.view(sight, clock.now(), console.width, rows)
            live.update(Group(shown, Text(f"\n{note}", "yellow")) if note else shown, refresh=True)
    return sight


def _absence(sight: Sight, set_up: Settings) -> str:
    """What to say when nobody moves what has not ended."""
    if sight.has_ended or connection.access(set_up.data) is not None:
        return ""
    return (
        "No server runs here: jobs that run already go on, nothing else does. "
        f"Start it with: stepwell up --data {shlex.quote(str(set_up.data))}"
    )


def _summary(sight: Sight, set_up: Settings) -> Iterator[Text]:
    """Why it failed, and what to type next."""
    absence = _absence(sight, set_up)
    if absence:
        yield Text(absence, "yellow")
    if isinstance(sight, ExecutionSight):
        for step in words.failures(sight):
            yield Text.assemble((step.name, "bold red"), f": {words.printable(step.reason)}")
    if isinstance(sight, MachineSight):
        if sight.has_ended:
            yield Text(words.IDLE)
        return
    data = f" --data {shlex.quote(str(set_up.data))}" if set_up.data != settings.load({}).data else ""
    for command in words.next_commands(sight):
        yield Text.assemble(("  next  ", "dim"), f"{command}{data}")
