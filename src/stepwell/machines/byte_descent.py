"""Room machines: which jobs descend from which, by the bytes they read and wrote. In: jobs. Out: jobs, in order.

A job descends from another that wrote, before it, bytes that it read: under the same URI, or the same bytes found
elsewhere (a copy, a registered model). Nothing is said by bytes that are none: an empty object is only what it is
where it lies. What a URI held at another time does not count.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Held:
    """One object as a job read or wrote it. `blob` names its bytes."""

    uri: str
    blob: str
    size: int
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A job with its bytes. Times are epoch seconds; a job that is still under way ends later than any moment."""

    arn: str
    began: float
    ended: float
    reads: tuple[Held, ...]
    writes: tuple[Held, ...]


@dataclass(frozen=True, slots=True)
class Jobs:
    """All of them, to be found by what they read and wrote; the oldest first."""

    by_arn: Mapping[str, Job]
    writers: Mapping[str, Sequence[Job]] = field(repr=False)
    """By blob."""
    readers: Mapping[str, Sequence[Job]] = field(repr=False)
    """By blob."""
    writers_at: Mapping[str, Sequence[Job]] = field(repr=False)
    """By URI."""
    seen: Mapping[str, Sequence[tuple[float, Held]]] = field(repr=False)
    """By URI, what jobs saw there, and when: what they read at their beginning, what they wrote at their end."""
    places: Sequence[str] = field(repr=False)
    """Every URI of these, in order."""


def known(jobs: Iterable[Job]) -> Jobs:
    """The jobs with their indexes."""
    found = sorted(jobs, key=lambda job: (job.began, job.arn))
    writers: dict[str, list[Job]] = {}
    readers: dict[str, list[Job]] = {}
    writers_at: dict[str, list[Job]] = {}
    seen: dict[str, list[tuple[float, Held]]] = {}
    for job in found:
        for held in job.reads:
            seen.setdefault(held.uri, []).append((job.began, held))
        for held in job.writes:
            seen.setdefault(held.uri, []).append((job.ended, held))
        for blob in dict.fromkeys(held.blob for held in job.writes):
            writers.setdefault(blob, []).append(job)
        for blob in dict.fromkeys(held.blob for held in job.reads):
            readers.setdefault(blob, []).append(job)
        for uri in dict.fromkeys(held.uri for held in job.writes):
            writers_at.setdefault(uri, []).append(job)
    return Jobs({job.arn: job for job in found}, writers, readers, writers_at, seen, sorted(seen))


def makers(jobs: Jobs, held: Held, before: Job | None = None) -> list[Job]:
    """Who wrote these bytes, best guess first: those that wrote them right there, the last before `before` first."""
    found = [
        job
        for job in jobs.writers.get(held.blob, ())
        if before is None or (job.began <= before.began and job.arn != before.arn)
    ]
    there: list[Job] = []
    elsewhere: list[Job] = []
    for job in reversed(found):
        if any(_is_same(held, written) for written in job.writes):
            there.append(job)
        elif held.size:
            elsewhere.append(job)
    return [*there, *elsewhere]


def last_writers(jobs: Jobs, uri: str, moment: float) -> list[Job]:
    """Who may have written what lay at the URI, or below it, at that moment: of each object the last job that had
    ended by then, and those that were under way."""
    found: dict[str, Job] = {}
    for place in _places(jobs, uri):
        for job in reversed(jobs.writers_at.get(place, ())):
            if job.began <= moment:
                found[job.arn] = job
                if job.ended <= moment:
                    break
    return list(found.values())


def ancestors(jobs: Jobs, start: Iterable[Job]) -> dict[str, Job]:
    """These jobs and all that they descend from, by ARN; the nearest first."""
    found = {job.arn: job for job in start}
    waiting = list(found.values())
    for job in waiting:
        for held in job.reads:
            for maker in makers(jobs, held, job):
                if maker.arn not in found:
                    found[maker.arn] = maker
                    waiting.append(maker)
    return found


def users(jobs: Jobs, held: Held, since: Job | None = None) -> Iterator[Job]:
    """Who read these bytes, after `since` wrote them; the oldest first."""
    for job in jobs.readers.get(held.blob, ()):
        if since is not None and (job.began < since.began or job.arn == since.arn):
            continue
        if held.size or any(_is_same(held, read) for read in job.reads):
            yield job


def descendants(jobs: Jobs, data: Iterable[Held], start: Sequence[Job] = ()) -> dict[str, Descendant]:
    """Every job that descends from these bytes or jobs, by ARN, the nearest first; jobs of `start` are not among
    them unless they descend from one another."""
    found: dict[str, tuple[Job, Held]] = {}
    begun = {job.arn for job in start}
    waiting: list[tuple[Held, Job | None]] = [(held, None) for held in data]
    waiting += [(held, job) for job in start for held in job.writes]
    for held, maker in waiting:
        for job in users(jobs, held, maker):
            if job.arn not in found:
                read = [each for each in job.reads if each.blob == held.blob]
                found[job.arn] = job, next((each for each in read if each.uri == held.uri), read[0])
                waiting.extend((written, job) for written in job.writes)
    among = begun | found.keys()
    return {arn: Descendant(job, read, _maker_among(jobs, read, job, among)) for arn, (job, read) in found.items()}


def _maker_among(jobs: Jobs, held: Held, reader: Job, among: Set[str]) -> str:
    return next((job.arn for job in makers(jobs, held, reader) if job.arn in among), "")


@dataclass(frozen=True, slots=True)
class Descendant:
    """A job, what it read, and who had made that: the ARN of a job, "" for the data that was asked about."""

    job: Job
    through: Held
    maker: str


def seen_at(jobs: Jobs, uri: str) -> Iterator[tuple[float, Held]]:
    """What jobs saw at the URI or below it as below a folder, and when (epoch seconds)."""
    for place in _places(jobs, uri):
        yield from jobs.seen.get(place, ())


def _places(jobs: Jobs, uri: str) -> Iterator[str]:
    yield uri
    below = uri.rstrip("/") + "/"
    for index in range(bisect_left(jobs.places, below), len(jobs.places)):
        place = jobs.places[index]
        if not place.startswith(below):
            return
        if place != uri:
            yield place


def _is_same(one: Held, other: Held) -> bool:
    return one.uri == other.uri and one.blob == other.blob
