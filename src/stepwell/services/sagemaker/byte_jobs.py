"""The jobs of a site by the bytes they read and wrote: rows in, values of machines/byte_descent.py out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from stepwell.base.documents import Document
from stepwell.machines import byte_descent
from stepwell.machines.byte_descent import Held, Job, Jobs
from stepwell.services.sagemaker.jobs import ACTIVE
from stepwell.store import buckets, job_histories, object_listing
from stepwell.store.database import Connection
from stepwell.store.job_histories import History
from stepwell.store.job_manifests import Piece
from stepwell.store.object_listing import Listed, Position, Wanted

MOST_OBJECTS = 10_000
"""Of what lies below one URI, so many objects are looked at."""


def every(connection: Connection) -> Jobs:
    """All jobs that ever had their data."""
    return byte_descent.known(job(each) for each in job_histories.every(connection))


def job(history: History) -> Job:
    """That job as a value."""
    ended = math.inf if history.status in ACTIVE else history.modified
    manifest = history.manifest
    return Job(history.arn, history.created, ended, _held(manifest.inputs), _held(manifest.outputs))


def lying(connection: Connection, uri: str, most: int = MOST_OBJECTS) -> list[Held]:
    """The objects at the URI or below it, as they lie there now; at most `most`."""
    name, _, key = uri.removeprefix("s3://").partition("/")
    bucket = buckets.find(connection, name)
    if bucket is None:
        return []
    found: list[Held] = []
    for row in object_listing.below(connection, bucket, key):
        place = f"s3://{name}/{row.key}"
        if is_in(place, uri):
            found.append(Held(place, row.blob or "", row.size))
        if len(found) == most:
            break
    return found


def at(connection: Connection, jobs: Jobs, uri: str, moment: float) -> list[Held]:
    """What lay at the URI or below it at that moment (epoch seconds), as far as versions of objects and what jobs
    read and wrote tell. That something was deleted shows only where buckets keep versions."""
    seen: dict[str, tuple[float, Held]] = {}
    for time, held in (*_versions(connection, uri), *byte_descent.seen_at(jobs, uri)):
        if time <= moment and (held.uri not in seen or seen[held.uri][0] <= time):
            seen[held.uri] = time, held
    return [seen[place][1] for place in sorted(seen) if seen[place][1].blob]


def ever(connection: Connection, jobs: Jobs, uri: str) -> list[Held]:
    """Whatever is known to have lain at the URI or below it, at any time."""
    found = {
        (held.uri, held.blob): held for _, held in (*byte_descent.seen_at(jobs, uri), *_versions(connection, uri))
    }
    return [found[place] for place in sorted(found) if found[place].blob]


def _versions(connection: Connection, uri: str) -> Iterator[tuple[float, Held]]:
    """What S3 keeps of that place, with the time at which it was put; a delete marker has no blob."""
    name, _, key = uri.removeprefix("s3://").partition("/")
    bucket = buckets.find(connection, name)
    start: Position | None = object_listing.BEGINNING
    while bucket is not None and start is not None:
        page = object_listing.versions(connection, bucket, Wanted(key, limit=1000, start=start))
        for row in page.entries:
            place = f"s3://{name}/{row.key}" if isinstance(row, Listed) else ""
            if isinstance(row, Listed) and is_in(place, uri):
                yield row.modified, Held(place, row.blob or "", row.size)
        start = page.following


def is_in(place: str, uri: str) -> bool:
    """Whether an object lies at the URI, or below it as below a folder."""
    return place == uri or place.startswith(uri.rstrip("/") + "/")


def of_package(connection: Connection, jobs: Jobs, document: Document, created: float) -> dict[str, Job]:
    """The jobs whose results a model package names, wherever in its document: its model, and what it was judged by.
    What lay at these URIs when the package was created counts, and the bytes that lie there now."""
    found: dict[str, Job] = {}
    for uri in dict.fromkeys(uris(document)):
        for writer in byte_descent.last_writers(jobs, uri, created):
            found.setdefault(writer.arn, writer)
        for held in lying(connection, uri):
            for maker in byte_descent.makers(jobs, held):
                if maker.began <= created:
                    found.setdefault(maker.arn, maker)
    return found


def uris(value: object) -> Iterator[str]:
    """Every S3 URI in a document."""
    match value:
        case str() if value.startswith("s3://"):
            yield value
        case dict():
            for each in value.values():
                yield from uris(each)
        case list():
            for each in value:
                yield from uris(each)


def _held(pieces: Iterable[Piece]) -> tuple[Held, ...]:
    return tuple(Held(piece.uri, piece.blob, piece.size, piece.channel) for piece in pieces)
