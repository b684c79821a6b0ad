"""Compares what new runs left with what is known of the first. In: a plan, its runs, both blobs. Out: JobReports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stepwell.blobs.folder import Blobs
from stepwell.cli import contents
from stepwell.cli.sealed import Outcome, Run
from stepwell.machines import comparison, divergence, reproduction, time_traces
from stepwell.machines.comparison import Compared, Content, Difference
from stepwell.machines.divergence import Cause, Facts
from stepwell.machines.reproduction import Held, NotedJob, Plan
from stepwell.machines.reproduction_reports import JobReport, ObjectReport
from stepwell.machines.time_traces import Span, Trace

MOST_TRACED = 20
"""So many differing files are looked into for times."""
GONE = "the bytes that were written then are gone, so only the hash could be compared"


@dataclass(slots=True)
class Comparing:
    """What was found so far."""

    plan: Plan
    source: Blobs
    runs: Sequence[Run]
    different: set[tuple[str, str]] = field(default_factory=set)
    """Places of objects that differ already."""
    _known: dict[Path, Content] = field(default_factory=dict)

    def job(self, job: NotedJob) -> JobReport:
        """One job of the plan; those before it were asked for before."""
        outcomes = [run.outcomes[job.arn] for run in self.runs if job.arn in run.outcomes]
        bad = next((each for each in outcomes if each.status != "Completed"), None)
        last = bad or (outcomes[-1] if outcomes else None)
        places = dict.fromkeys(each.place for each in job.outputs)
        for outcome in outcomes:
            places.update(dict.fromkeys(each.place for each in outcome.outputs))
        objects = () if bad or not outcomes else tuple(self._object(job, place) for place in sorted(places))
        same = all(each.verdict != "differs" and not each.varying for each in objects)
        return JobReport(
            job.arn,
            job.name,
            job.kind,
            last.status if last else "NotStarted",
            last.reason if last else "a job before it failed",
            tuple(round(each.ended - each.began, 3) for each in outcomes),
            (job.environment, last.environment if last else ""),
            same if len(outcomes) > 1 and not bad else None,
            objects,
        )

    def _object(self, job: NotedJob, place: tuple[str, str]) -> ObjectReport:
        before = next((each for each in job.outputs if each.place == place), None)
        after = [_written(run.outcomes[job.arn], place) for run in self.runs]
        found = [self._compared(before, each, run) for each, run in zip(after, self.runs, strict=True)]
        first = next((index for index, each in enumerate(found) if each.verdict == "differs"), None)
        worst = found[first] if first is not None else max(found, key=lambda each: each.verdict != "identical")
        varying = self._varying(after)
        uri = f"s3://{'/'.join(place)}"
        cause = None
        if first is not None:
            cause = self._cause(job, before, after[first], first, worst.differences, runs_differ=bool(varying))
            self.different.add(place)
        counts = job.arn in self.plan.target.jobs and self.plan.target.counts(uri)
        return ObjectReport(uri, counts, worst.verdict, worst.members, worst.differences, worst.notes, cause, varying)

    def _compared(self, before: Held | None, after: Held | None, run: Run) -> Compared:
        if before is not None and after is not None and before.blob == after.blob:
            return Compared("identical", 0)
        if before is not None and after is not None and not self.source.path(before.blob).exists():
            whole = Difference(comparison.WHOLE, "bytes", before.blob[:12], after.blob[:12])
            return Compared("differs", 1, (whole,), (GONE,))
        return comparison.compare(self._content(before, self.source), self._content(after, run.blobs))

    def _varying(self, after: Sequence[Held | None]) -> tuple[str, ...]:
        """Members in which the runs differ from the first of them."""
        found: dict[str, None] = {}
        one = self._content(after[0], self.runs[0].blobs) if len(after) > 1 else None
        for each, run in list(zip(after, self.runs, strict=True))[1:]:
            other = self._content(each, run.blobs)
            found.update(dict.fromkeys(item.member for item in comparison.compare(one, other).differences))
        return tuple(found)

    def _content(self, held: Held | None, blobs: Blobs) -> Content | None:
        if held is None or not blobs.path(held.blob).exists():
            return None
        path = blobs.path(held.blob)
        if path not in self._known:
            self._known[path] = contents.content(path, held.blob)
        return self._known[path]

    def _cause(
        self,
        job: NotedJob,
        before: Held | None,
        after: Held | None,
        number: int,
        differences: Sequence[Difference],
        *,
        runs_differ: bool,
    ) -> Cause:
        run = self.runs[number]
        outcome = run.outcomes[job.arn]
        spans = (Span(job.created, job.ended), Span(outcome.began, outcome.ended))
        trace: Trace = ""
        if before is not None and after is not None:
            trace = _trace(self.source.path(before.blob), run.blobs.path(after.blob), differences, spans)
        changed = [each.uri for each in self.plan.made_again(job) if each.place in self.different]
        return divergence.cause(
            Facts(
                (job.environment, outcome.environment),
                changed[0] if changed else "",
                trace,
                reproduction.seeds(job),
                len(self.runs),
                runs_differ,
            )
        )


def _written(outcome: Outcome, place: tuple[str, str]) -> Held | None:
    return next((each for each in outcome.outputs if each.place == place), None)


def _trace(before: Path, after: Path, differences: Sequence[Difference], spans: tuple[Span, Span]) -> Trace:
    """What explains every difference: all of them are of bytes, and times or ids are all there is in these."""
    if len(differences) > MOST_TRACED or any(each.what != "bytes" for each in differences):
        return ""
    found: set[Trace] = set()
    for each in differences:
        one, other = contents.member_bytes(before, each.member), contents.member_bytes(after, each.member)
        found.add("" if one is None or other is None else time_traces.trace(one, other, spans))
    if "" in found or not found:
        return ""
    return "random id" if "random id" in found else "time"
