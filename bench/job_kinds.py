"""Every job kind, measured and put beside what else does it: `python bench/job_kinds.py` shows this part alone.

In: a console. Out: a table of figures, ratios and goals, met or missed, on it. Each part (kinds_*.py) has a time
limit, and a part that this machine cannot measure costs a line that says why; nothing here decides whether a build
is good. README.md beside this file explains the figures.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import kinds_chain
import kinds_data
import kinds_docker
import kinds_warm
from botocore.exceptions import BotoCoreError, ClientError
from engine import version
from kinds_world import Report, Skipped, TooLong, World, within
from rich.console import Console

PARTS: tuple[tuple[str, float, Callable[[World, Report], None]], ...] = (
    ("chain", 75.0, kinds_chain.chain),
    ("fan-out", 40.0, kinds_chain.fan),
    ("warm start", 120.0, kinds_warm.sklearn),
    ("warm pool", 40.0, kinds_warm.pool),
    ("Docker launcher", 45.0, kinds_docker.launches),
    ("staging", 75.0, kinds_data.staging),
    ("repack", 75.0, kinds_data.repack),
)
"""Name, most seconds, and what measures it. On two idle processors all take about two minutes."""
TOGETHER_SECONDS = 235.0


def show(console: Console, *, is_quick: bool = False, only: str = "") -> None:
    """Measure and print; under four minutes, and with `is_quick` only enough to see that every part works."""
    # servers and engines end in `finally`: whoever ends the benchmark by a signal would leave them behind
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    report = Report("Job kinds" + (" (quick: the figures mean nothing)" if is_quick else ""))
    give_up = time.monotonic() + TOGETHER_SECONDS
    console.print(f"Stepwell at {version()}, {time.strftime('%Y-%m-%d %H:%M:%S %Z')}", highlight=False)
    with tempfile.TemporaryDirectory(prefix="stepwell-bench-", ignore_cleanup_errors=True) as folder:
        world = World(Path(folder), console, is_quick)
        try:
            for name, seconds, measure in PARTS:
                if only in ("", name):
                    part(name, min(seconds, give_up - time.monotonic()), measure, world, report)
        finally:
            world.close()
    report.show(console)


def part(name: str, seconds: float, measure: Callable[[World, Report], None], world: World, report: Report) -> None:
    """One part, or a note why it is missing."""
    if seconds <= 0:
        report.notes.append(f"{name}: not measured: the time for all parts is over.")
        return
    begun = time.monotonic()
    with world.console.status(name):
        try:
            with within(seconds):
                measure(world, report)
        except (Skipped, TooLong) as reason:
            report.notes.append(f"{name}: not measured, or not all of it: {reason}.")
        except (OSError, BotoCoreError, ClientError) as error:
            report.notes.append(f"{name}: failed: {type(error).__name__}: {error}")
        else:
            report.notes.append(f"{name}: measured within {time.monotonic() - begun:.0f} s.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="little data: only to see that every part works")
    parser.add_argument("--part", choices=[name for name, _, _ in PARTS], default="", help="measure this part alone")
    options = parser.parse_args()
    show(Console() if sys.stdout.isatty() else Console(width=150), is_quick=options.quick, only=options.part)
