"""`stepwell recall DATASET|ARTIFACT|S3_URI|HASH`: everything that descends from it, what must be acted on first.

Reads the database of the data folder, so it also works when the server is stopped. Exit codes: 0 told, 1 nothing is
known of that data.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from stepwell.base import times
from stepwell.base.faults import Fault
from stepwell.cli import connection, data_folder
from stepwell.cli.data_folder import counted, moment_text, printable, short_arn, size_text
from stepwell.services.sagemaker import descendants, lineage_subjects
from stepwell.services.sagemaker.descendants import Affected, AffectedJob, Moment, Recall

APPROVED = "Approved"
FIRST = 10
"""So many objects that were asked about are shown."""
HASH = 12


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "subject",
        metavar="DATASET|ARTIFACT|S3_URI|HASH",
        help="an S3 URI, the ARN of an artifact, the beginning of the hash of bytes, or a job or package",
    )
    when = parser.add_mutually_exclusive_group()
    when.add_argument(
        "--as-of",
        type=_moment,
        metavar="TIME",
        help="what lay at the URI at that time, such as 2026-11-22T21:00:00Z (default: what lies there now)",
    )
    when.add_argument("--ever", action="store_true", help="whatever ever lay at the URI")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(options: argparse.Namespace) -> int:
    try:
        with data_folder.opened(options.data) as folder, folder.database.read() as reading:
            subject = lineage_subjects.find(reading, folder.scope, options.subject)
            moment: Moment = "now" if options.as_of is None else options.as_of
            found = descendants.of(reading, subject, "ever" if options.ever else moment)
    except Fault as fault:
        return connection.complain(fault.message)
    if not (found.data or found.jobs or found.packages or found.models):
        others = " Other bytes lay there: see --ever." if found.others[0] else ""
        return connection.complain(f"nothing is known of {options.subject}: no job read or wrote it.{others}")
    if options.json:
        print(json.dumps(asdict(found), indent=2))
    else:
        print("\n".join(lines(found)))
    return 0


def lines(found: Recall) -> Iterator[str]:
    """What is printed."""
    size = size_text(sum(each.size for each in found.data))
    yield f"{counted(len(found.data), 'object')}, {size}"
    for each in found.data[:FIRST]:
        yield f"  {each.blob[:HASH]}  {size_text(each.size):>9}  {printable(each.uri)}"
    if len(found.data) > FIRST:
        yield f"  ... and {len(found.data) - FIRST:,} more"
    contents, readers = found.others
    if contents:
        yield f"  Not asked about: {counted(contents, 'other content')} of this place, which {_readers(readers)}."
        yield "  See --ever, --as-of TIME, or recall a hash."
    approved = [each for each in found.packages if each.status == APPROVED]
    yield from _section("APPROVED MODEL PACKAGES: act on these", approved)
    yield from _section("Other model packages", [each for each in found.packages if each.status != APPROVED])
    yield from _section("Models", found.models)
    yield from _jobs(found.jobs)
    if not (found.packages or found.models or found.jobs):
        yield ""
        yield "Nothing descends from it."


def _readers(count: int) -> str:
    return "no job read" if count == 0 else f"{counted(count, 'job')} read"


def _section(title: str, affected: Sequence[Affected]) -> Iterator[str]:
    if not affected:
        return
    yield ""
    yield f"{title} ({len(affected):,})"
    for each in affected:
        name = printable(short_arn(each.arn).partition("/")[2])
        status = f"  {each.status}" if each.status else ""
        yield f"  {name}{status}  since {moment_text(each.created)}"
        yield f"    {_how(each)}"


def _how(affected: Affected) -> str:
    if not affected.through:
        return "holds these very bytes" if affected.part == "model" else "was judged by these very bytes"
    maker = printable(short_arn(affected.through))
    return f"its model comes from {maker}" if affected.part == "model" else f"was judged by what {maker} wrote"


def _jobs(jobs: Sequence[AffectedJob]) -> Iterator[str]:
    if not jobs:
        return
    yield ""
    yield f"Jobs ({len(jobs):,})"
    for each in jobs:
        yield f"  {moment_text(each.created)}  {printable(short_arn(each.arn))}"
        yield f"    read {each.blob[:HASH]} at {printable(each.uri)}"
        if each.maker:
            yield f"    which {printable(short_arn(each.maker))} wrote"


def _moment(text: str) -> float:
    """A moment in ISO 8601. Raises ArgumentTypeError."""
    try:
        return times.parse_iso(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write one as 2026-11-22T21:00:00Z") from None
