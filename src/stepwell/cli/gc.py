"""`stepwell gc`: deletes the blobs that nothing needs, beside a running server or without one.

Which these are is said in docs/gc.md. Exit codes: 0 done, 1 there is no data.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict

from stepwell.base import clock
from stepwell.base.faults import Fault
from stepwell.cli import connection, data_folder
from stepwell.cli.data_folder import size_text
from stepwell.machines.garbage import NEEDED, NOT_NEEDED, Reason
from stepwell.services.sagemaker import garbage
from stepwell.services.sagemaker.garbage import Tally

KEEP_DAYS = 30.0
WORDS: Mapping[Reason, str] = {
    "object": "objects in buckets, with all their versions",
    "upload": "parts of uploads under way",
    "package": "read or written by what made a model package",
    "recent job": "read or written by jobs of the last {days}",
    "let go just now": "let go of in the last hour, or while a job runs",
    "new": "put in the last hour",
    "old job": "read or written by older jobs only",
    "let go": "of objects that were replaced or deleted",
    "unnamed": "left by requests that were cut off, or unknown",
}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="show what would be deleted, and delete nothing")
    parser.add_argument(
        "--keep-days",
        type=_days,
        default=KEEP_DAYS,
        metavar="N",
        help=f"jobs of the last N days can be reproduced afterwards (default: {KEEP_DAYS:g}); "
        "what made a model package always can",
    )
    parser.add_argument("--json", action="store_true", help="print the same as JSON")


def run(options: argparse.Namespace) -> int:
    try:
        with data_folder.opened(options.data) as folder:
            plan = garbage.plan(folder.database, folder.blobs, clock.now(), options.keep_days)
            gone = None if options.dry_run else counted(garbage.collect(folder.database, folder.blobs, plan))
    except Fault as fault:
        return connection.complain(fault.message)
    if options.json:
        print(json.dumps(_document(plan.tallies, gone), indent=2))
    else:
        print("\n".join(lines(plan.tallies, gone, options.keep_days)))
    return 0


def counted(removed: Iterable[tuple[Reason, int]]) -> dict[Reason, Tally]:
    """How many went, by what they were."""
    found: dict[Reason, Tally] = {}
    for why, size in removed:
        found.setdefault(why, Tally()).add(size)
    return found


def lines(
    tallies: Mapping[Reason, Tally], gone: Mapping[Reason, Tally] | None, keep_days: float = KEEP_DAYS
) -> Iterator[str]:
    """What is printed. `gone`: what was deleted; None when nothing was to be."""
    words = {why: text.format(days=_days_text(keep_days)) for why, text in WORDS.items()}
    width = max(map(len, words.values())) + 2
    yield f"{'needed':{width}}  {'blobs':>9}  {'size':>9}"
    yield from _rows((why for why in NEEDED if why in tallies), tallies, words, width)
    yield "not needed"
    yield from _rows((why for why in NOT_NEEDED if why in tallies), tallies, words, width)
    yield ""
    if gone is None:
        found = _total(tallies[why] for why in NOT_NEEDED if why in tallies)
        yield f"{_count(found)} would be deleted." + (" Without --dry-run they are." if found.blobs else "")
    else:
        yield f"{_count(_total(gone.values()))} deleted."


def _rows(
    reasons: Iterable[Reason], tallies: Mapping[Reason, Tally], words: Mapping[Reason, str], width: int
) -> Iterator[str]:
    has_any = False
    for why in reasons:
        has_any = True
        yield f"  {words[why]:{width - 2}}  {tallies[why].blobs:>9,}  {size_text(tallies[why].size):>9}"
    if not has_any:
        yield "  nothing"


def _total(tallies: Iterable[Tally]) -> Tally:
    found = Tally()
    for each in tallies:
        found.blobs += each.blobs
        found.size += each.size
    return found


def _count(tally: Tally) -> str:
    noun = "blob" if tally.blobs == 1 else "blobs"
    return f"{tally.blobs:,} {noun} ({size_text(tally.size)})"


def _document(tallies: Mapping[Reason, Tally], gone: Mapping[Reason, Tally] | None) -> dict[str, object]:
    document: dict[str, object] = {
        "Needed": {why: asdict(tallies[why]) for why in NEEDED if why in tallies},
        "NotNeeded": {why: asdict(tallies[why]) for why in NOT_NEEDED if why in tallies},
    }
    return document if gone is None else {**document, "Deleted": {why: asdict(each) for why, each in gone.items()}}


def _days(text: str) -> float:
    """A number of days that is not negative. Raises ArgumentTypeError."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days: 0 or more, such as 30 or 0.5")
    return number


def _days_text(days: float) -> str:
    return "day" if days == 1 else f"{days:g} days"
