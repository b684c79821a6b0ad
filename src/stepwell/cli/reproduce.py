"""`stepwell reproduce WHAT`: make a model (or anything that a job wrote) again from exactly what it was made of, and
say whether it is the same.

Reads the database of the data folder, or a bundle of `stepwell export`; the server need not run. The jobs run again
in a sealed place (cli/sealed.py). Exit codes: 0 identical, 1 differs, failed, or data is gone, 2 bad use.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from stepwell import settings
from stepwell.base.faults import Fault
from stepwell.blobs.folder import Blobs
from stepwell.cli import bundles, connection, data_folder, environment_words, reproduce_lines, sealed
from stepwell.cli.bundles import BundleRefused
from stepwell.cli.reproduce_compare import Comparing
from stepwell.cli.run import NotReady
from stepwell.images.catalog_files import CatalogError
from stepwell.machines import reproduction, reproduction_reports
from stepwell.machines.reproduction import Held, NotedJob, Plan
from stepwell.machines.reproduction_reports import Gone, JobReport, Report
from stepwell.services.sagemaker import reproductions
from stepwell.settings import Settings
from stepwell.store.database import Database

BAD_USE = 2
PAD = 78


@dataclass(frozen=True, slots=True)
class Source:
    """Where the plan and the bytes come from; without a database, a bundle."""

    plan: Plan
    blobs: Blobs
    database: Database | None
    whole: Callable[[], Plan] | None = None
    """The plan of `--whole-pipeline`, where that is another."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what",
        metavar="WHAT",
        help="a model package (ARN or GROUP/VERSION), training or processing job, artifact, S3 URI, or a bundle",
    )
    parser.add_argument("--whole-pipeline", action="store_true", help="also run again all jobs that made its inputs")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be run, and whether it can")
    parser.add_argument(
        "--audit", type=_count, default=1, metavar="N", help="run N times; say which steps are deterministic"
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the data folders of the new runs there")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of runs from 1 to 1000")
    return int(text)


def run(options: argparse.Namespace) -> int:
    try:
        set_up = settings.load({"data": options.data})
        if options.keep is not None and options.keep.exists() and any(options.keep.iterdir()):
            return _bad(f"{options.keep} is not empty. Name a new folder with --keep.")
        with _source(set_up, options) as source:
            report = _reproduced(source, set_up, options)
    except (Fault, BundleRefused, settings.SettingsError, CatalogError) as refused:
        return _bad(refused.message if isinstance(refused, Fault) else str(refused))
    except (sealed.CannotRun, NotReady) as error:
        return connection.complain(str(error))
    if options.json:
        print(json.dumps({**asdict(report), "exit_code": report.exit_code}, indent=2))
    return report.exit_code


def _bad(message: str) -> int:
    connection.complain(data_folder.printable(message))
    return BAD_USE


@contextmanager
def _source(set_up: Settings, options: argparse.Namespace) -> Iterator[Source]:
    """The plan, from the data folder or a bundle. Raises Fault, BundleRefused."""
    what, whole = options.what, options.whole_pipeline
    if what.endswith(bundles.SUFFIX) and not what.startswith(("s3://", "arn:")):
        with sealed.place(set_up.data, None) as aside:
            blobs = Blobs(aside / "blobs")
            bundle = bundles.unpacked(Path(what), blobs)
            bundles.require_sound(Path(what), bundle)
            yield Source(bundle.plan(whole=whole), blobs, None, partial(bundle.plan, whole=True))
        return
    with data_folder.opened(options.data) as folder:
        scope = connection.scope_of(set_up, what)

        def planned(whole: bool) -> Plan:
            with folder.database.read() as reading:
                return reproductions.plan(reading, scope, what, whole=whole)

        yield Source(planned(whole), folder.blobs, folder.database, partial(planned, True))


def _reproduced(source: Source, set_up: Settings, options: argparse.Namespace) -> Report:
    plan, planned = source.plan, reproduction_reports.planned(source.plan)
    surroundings = environment_words.surroundings(set_up)
    gone = tuple(missing(source))
    needed = list({(each.place, each.blob): each for _, each in plan.needed()}.values())
    if not options.json:
        _print(reproduce_lines.plan_lines(plan, surroundings.sentence))
        _print(reproduce_lines.gone_lines(gone, len(needed), sum(each.size for each in needed)))
        if gone and not options.whole_pipeline and _is_whole_there(source):
            _print(["", "It can be made again from what is still here, with --whole-pipeline."])
        lost = [each for _, each in plan.expected() if not _is_there(source.blobs, each)]
        _print(reproduce_lines.incomparable_lines(lost))
    if gone:
        return Report(plan.target, planned, "data gone", 0, gone=gone)
    if options.dry_run:
        return Report(plan.target, planned, "ready", 0)
    jobs = _run(source, set_up, options)
    report = Report(plan.target, planned, reproduction_reports.verdict(jobs), options.audit, jobs)
    if not options.json:
        _print(reproduce_lines.report_lines(report))
        if options.keep is not None:
            _print(["", f"The runs are kept: stepwell up --data {options.keep}/run-1"])
    return report


def _run(source: Source, set_up: Settings, options: argparse.Namespace) -> tuple[JobReport, ...]:
    """What came of each job."""
    keep = options.keep.absolute() if options.keep is not None else None
    with sealed.place(set_up.data, keep) as folder:
        runs = []
        for number in range(1, options.audit + 1):
            progress = _Progress(source.plan, number, options.audit, is_shown=not options.json)
            runs.append(sealed.run(source.plan, source.blobs, folder / f"run-{number}", set_up, progress.tell))
        comparing = Comparing(source.plan, source.blobs, runs)
        return tuple(comparing.job(job) for job in source.plan.jobs)


def missing(source: Source) -> Iterator[Gone]:
    """What the plan needs and is no longer there, each once."""
    seen: set[str] = set()
    for job, each in source.plan.needed():
        if each.blob in seen or _is_there(source.blobs, each):
            continue
        seen.add(each.blob)
        read = "code" if each in reproduction.code(job) else f"input {each.channel}"
        what = f"{read} of the {job.words} {job.name}"
        yield Gone(each.uri, each.blob, each.size, what, _now(source, each))


def _is_whole_there(source: Source) -> bool:
    """Whether what is gone was made by jobs whose own inputs are there."""
    if source.whole is None:
        return False
    return next(missing(replace(source, plan=source.whole())), None) is None


def _is_there(blobs: Blobs, each: Held) -> bool:
    try:
        return blobs.path(each.blob).stat().st_size == each.size
    except FileNotFoundError:
        return False


def _now(source: Source, each: Held) -> str:
    """What has become of the place."""
    if source.database is None:
        return "the bundle does not hold it"
    with source.database.read() as reading:
        blob = reproductions.places_now(reading, each.bucket, each.key)
    if blob is None:
        return "nothing lies there now"
    if blob != each.blob:
        return f"other bytes lie there now: {blob[: reproduce_lines.HASH]}"
    return "the object is still listed, but its bytes are lost or damaged"


class _Progress:
    """One line a job; on a terminal it moves."""

    def __init__(self, plan: Plan, number: int, runs: int, *, is_shown: bool) -> None:
        self._plan, self._is_shown, self._moves = plan, is_shown, sys.stdout.isatty()
        self._run = f"run {number} of {runs}, " if runs > 1 else ""
        self._last = ""
        if is_shown and number == 1:
            _print(["", "Running it again in a sealed place"])

    def tell(self, job: NotedJob, status: str, seconds: float) -> None:
        if not self._is_shown:
            return
        ended = status in sealed.FINAL
        number = next(index for index, each in enumerate(self._plan.jobs, 1) if each.arn == job.arn)
        line = f"    {self._run}{number}/{len(self._plan.jobs)} {job.name}  {status}, {seconds:.1f} s"
        if ended:
            print(f"\r{line:{PAD}}".rstrip() if self._moves else line, flush=True)
        elif self._moves and line != self._last:
            print(f"\r{line[:PAD]:{PAD}}", end="", flush=True)
        self._last = line


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)
    sys.stdout.flush()
