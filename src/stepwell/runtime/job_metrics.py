"""Room runtime: the metrics a training job prints. In: its row and its logs. Out: points, and FinalMetricDataList.

The log of each host is read on in turns (container/metric_scanner.py). What a turn found and where it ended are
written together, and only if the log still stood where the turn began: who reads, how often it is cut off and whether
two read at once makes no difference. Metrics lie where AWS has them: in the namespace of the job's kind, by
TrainingJobName, with the time of their line (docs/decisions/0016-metrics.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stepwell.base import arn as arns
from stepwell.base import clock
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.container import metrics, notices
from stepwell.container.metric_scanner import Findings, Pattern, Scanner, ScannerLost
from stepwell.machines import job_progress
from stepwell.runtime.job_folders import folder
from stepwell.runtime.job_kinds import KINDS
from stepwell.services.registry import Site
from stepwell.store import metric_points, metric_tails
from stepwell.store.metric_points import Metric, Point, Span
from stepwell.store.metric_tails import Log, Tail
from stepwell.store.resources import Resource

LONGEST_END_SECONDS = 60.0
"""How long the end of a job waits for the rest of its logs to be searched."""
FOR_EVER = 1e11
NAMESPACE = "/aws/sagemaker/TrainingJobs"
DIMENSION = "TrainingJobName"


@dataclass(frozen=True, slots=True)
class Source:
    """One host's log of one run of a job, and what to search it for."""

    scope: Scope
    name: str
    log: Log
    folder: Path
    patterns: Sequence[Pattern]

    @property
    def path(self) -> Path:
        return self.folder / notices.NAME

    def metric(self, name: str) -> Metric:
        """Where the points of that metric lie."""
        return Metric(NAMESPACE, name, ((DIMENSION, self.name),))


def sources(site: Site, arn: str, row: Resource) -> list[Source]:
    """The logs of the job in `row`, of all its runs; none when nothing is to be searched for."""
    kind = KINDS[row.key.kind]
    definitions = definitions_of(row)
    if not definitions:
        return []
    patterns = metrics.patterns(definitions)
    scope = Scope(row.key.account, row.key.region)
    hosts = kind.plan(row.name, arn, row.document).hosts
    attempts = range(1, job_progress.read(kind.name, row.status, row.document).attempt + 1)
    return [
        Source(
            scope,
            row.name,
            Log(arn, row.created, attempt, host),
            folder(site.data, arn, attempt).host(host),
            patterns,
        )
        for attempt in attempts
        for host in hosts
    ]


def definitions_of(row: Resource) -> list[Document]:
    """The job's MetricDefinitions."""
    specification = row.document.get(KINDS[row.key.kind].specification, {})
    definitions: list[Document] = specification.get("MetricDefinitions", [])
    return definitions


def read_on(site: Site, scanner: Scanner, source: Source) -> bool:
    """Search the log for one turn; whether there may be more to read now. Raises ScannerLost."""
    with site.database.read() as connection:
        seen = metric_tails.find(connection, source.log)
    wanted = [each for each in source.patterns if each.name not in seen.dropped]
    turn = scanner.search(source.path, seen.position, wanted)
    if turn.position == seen.position and not turn.dropped:
        return False
    with site.database.write() as transaction:
        if not metric_tails.move(transaction, source.log, seen, _behind(seen, turn)):
            return True
        found = ((source.metric(each.name), Point(each.moment, each.value)) for each in turn.found)
        metric_points.add(transaction, source.scope, found)
    for name, reason in turn.dropped:
        notices.write(source.folder, f"The metric {name} is not looked for: {reason}.", clock.now())
    return True


def finish(site: Site, scanner: Scanner, arn: str, row: Resource, report: Callable[[str], None]) -> list[Document]:
    """Search what is left of the logs of a job whose containers have ended: its FinalMetricDataList.

    May be repeated. When the rest takes too long, `report` is told, and the values are those found so far.
    """
    logs = sources(site, arn, row)
    if not logs:
        return []
    give_up = clock.monotonic() + LONGEST_END_SECONDS
    try:
        for source in logs:
            while read_on(site, scanner, source):
                if clock.monotonic() > give_up:
                    raise ScannerLost(f"searching the log for metrics took more than {LONGEST_END_SECONDS:.0f} s")
    except ScannerLost as problem:
        report(f"Metrics at the end of the log may be missing: {problem}.")
    with site.database.read() as connection:
        lasts = [metric_tails.find(connection, source.log).last for source in logs]
    return metrics.final_list(definitions_of(row), lasts)


def live_values(site: Site, arn: str, metric: str) -> list[tuple[float, float]]:
    """(moment, value) of every point that the training job of that ARN has printed of a metric so far, in order."""
    parsed = arns.parse(arn)
    if parsed is None:
        raise ValueError(f"not an ARN: {arn}")
    wanted = Metric(NAMESPACE, metric, ((DIMENSION, parsed.name),))
    with site.database.read() as connection:
        series = metric_points.find(connection, Scope(parsed.account, parsed.region), wanted)
        if series is None:
            return []
        return [(each.moment, each.value) for each in metric_points.values(connection, series, Span(0, FOR_EVER, 1))]


def _behind(seen: Tail, turn: Findings) -> Tail:
    last = {**seen.last, **{each.name: (each.value, each.moment) for each in turn.found}}
    return Tail(turn.position, last, (*seen.dropped, *(name for name, _ in turn.dropped)))
