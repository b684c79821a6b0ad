"""Jobs that ended, with everything that is needed to run them again, read from their rows and manifests.

In: ARNs. Out: machines/reproduction's NotedJob. `stepwell reproduce` and `stepwell export` read the database of their
data folder, so no operation is registered here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple

from stepwell.base import arn as arns
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.machines import job_progress
from stepwell.machines.reproduction import Held, NotedJob, chosen_maker
from stepwell.services.sagemaker import processing_jobs, training_jobs
from stepwell.services.sagemaker.jobs import Noun
from stepwell.spec import models
from stepwell.store import job_manifests, job_writers, resources, tags
from stepwell.store.database import Connection
from stepwell.store.job_manifests import Piece

NOUNS: Mapping[str, Noun] = {noun.kind: noun for noun in (training_jobs.NOUN, processing_jobs.NOUN)}
"""Kinds of jobs that are noted, by the resource type of their ARN."""


def find(connection: Connection, arn: str) -> NotedJob | None:
    """The job of that ARN; None when it is not there, or never had its data."""
    parsed = arns.parse(arn)
    if parsed is None or parsed.kind not in NOUNS:
        return None
    noun, scope = NOUNS[parsed.kind], Scope(parsed.account, parsed.region)
    row = resources.find(connection, resources.key(scope, noun.kind, parsed.name))
    manifest = job_manifests.find(connection, arn)
    if row is None or manifest is None or job_progress.is_deleted(row.document):
        return None
    document = job_progress.public(row.document)
    return NotedJob(
        arn,
        noun.kind,
        row.name,
        row.status,
        row.created,
        _ended(document, row.modified),
        _request(noun, document),
        document,
        manifest.environment,
        _held(manifest.inputs),
        _held(manifest.outputs),
        tags.of(connection, arn),
    )


def makers(connection: Connection, readers: Sequence[NotedJob]) -> dict[str, list[NotedJob]]:
    """For each of these jobs, by ARN, the jobs that made what it read: those that wrote the same bytes there."""
    wanted = {each.place for job in readers for each in job.inputs}
    writers: dict[tuple[str, str, str], list[str]] = {}
    for arn, piece in job_writers.of_objects(connection, wanted):
        writers.setdefault((piece.bucket, piece.key, piece.blob), []).append(arn)
    known: dict[str, NotedJob | None] = {}
    found: dict[str, list[NotedJob]] = {}
    for job in readers:
        chosen: dict[str, NotedJob] = {}
        for each in job.inputs:
            candidates = _known(connection, writers.get((*each.place, each.blob), ()), known)
            maker = chosen_maker(candidates, job)
            if maker is not None:
                chosen[maker.arn] = maker
        found[job.arn] = list(chosen.values())
    return found


def writers(connection: Connection, bucket: str, key: str) -> list[tuple[NotedJob, Held]]:
    """The completed jobs that wrote at that key or below it, with what each wrote, the last that ended first."""
    known: dict[str, NotedJob | None] = {}
    found = []
    for arn, piece in job_writers.below(connection, bucket, key):
        for job in _known(connection, [arn], known):
            if job.status == "Completed":
                found.append((job, Held(*astuple(piece))))
    return sorted(found, key=lambda each: -each[0].ended)


def _known(connection: Connection, arns_of: Iterable[str], known: dict[str, NotedJob | None]) -> list[NotedJob]:
    for arn in arns_of:
        if arn not in known:
            known[arn] = find(connection, arn)
    return [job for arn in arns_of if (job := known[arn]) is not None]


def _held(pieces: Sequence[Piece]) -> tuple[Held, ...]:
    return tuple(Held(*astuple(piece)) for piece in pieces)


def _ended(document: Document, modified: float) -> float:
    return float(document.get("TrainingEndTime") or document.get("ProcessingEndTime") or modified)


def _request(noun: Noun, document: Document) -> Document:
    """What the Create operation was given, as far as the document shows it."""
    shape = models.operation("sagemaker", f"Create{noun.member}").input_shape
    assert shape is not None
    return {name: value for name, value in document.items() if name in shape.members}
