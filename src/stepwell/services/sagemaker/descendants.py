"""What descends from data: gathers jobs, models and model packages by the bytes they were made of. Reads only.

No operation of AWS answers this: `stepwell recall` reads the database of its data folder. In: a subject, and of which
time. Out: a Recall. A job counts that read these bytes, under whatever URI; one that read other bytes under the
same URI does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.machines import byte_descent, package_lineage
from stepwell.machines.byte_descent import Descendant, Held, Jobs
from stepwell.services.sagemaker import byte_jobs
from stepwell.services.sagemaker.lineage_subjects import Content, JobNamed, Package, Place, Subject
from stepwell.services.sagemaker.model_registry import PACKAGE
from stepwell.store import all_resources
from stepwell.store.database import Connection
from stepwell.store.resources import Resource

MODEL = "model"
Moment = float | Literal["now", "ever"]
Part = Literal["model", "evidence"]


@dataclass(frozen=True, slots=True)
class Data:
    """One object that was asked about. `blob` names its bytes."""

    uri: str
    blob: str
    size: int


@dataclass(frozen=True, slots=True)
class Affected:
    """A package or model. `part`: its model descends from the data, or only what it was judged by. `through`: the ARN
    of the job that made that; "" when it holds the very bytes."""

    arn: str
    status: str
    created: float
    part: Part
    through: str


@dataclass(frozen=True, slots=True)
class AffectedJob:
    """A job, what it read of it, and whose work that was ("": the data itself). Times are epoch seconds."""

    arn: str
    created: float
    uri: str
    blob: str
    maker: str


@dataclass(frozen=True, slots=True)
class Recall:
    """The answer. `others`: so many other contents of these places are known, and so many jobs read them."""

    data: tuple[Data, ...]
    packages: tuple[Affected, ...]
    """Approved ones first, then the newest."""
    models: tuple[Affected, ...]
    jobs: tuple[AffectedJob, ...]
    """In order of time."""
    others: tuple[int, int] = (0, 0)


def of(connection: Connection, subject: Subject, moment: Moment = "now") -> Recall:
    """What descends from that. `moment` counts for places: what lies there now, lay there then, or ever did."""
    jobs = byte_jobs.every(connection)
    data = _data(connection, jobs, subject, moment)
    start = [jobs.by_arn[subject.arn]] if isinstance(subject, JobNamed) and subject.arn in jobs.by_arn else []
    found = byte_descent.descendants(jobs, data if not start else (), start)
    among = _Among(jobs, found, {held.blob for held in data if held.size}, {(each.uri, each.blob) for each in data})
    packages = [
        affected
        for row in all_resources.of_kind(connection, PACKAGE)
        if (affected := _affected(connection, among, row, row.document.get("ModelApprovalStatus", row.status)))
    ]
    models = [
        affected
        for row in all_resources.of_kind(connection, MODEL)
        if (affected := _affected(connection, among, row, ""))
    ]
    newest = sorted(packages, key=lambda each: -each.created)
    return Recall(
        tuple(Data(held.uri, held.blob, held.size) for held in data),
        tuple(sorted(newest, key=lambda each: (each.status != "Approved", each.part != "model"))),
        tuple(sorted(models, key=lambda each: -each.created)),
        tuple(_job(each) for each in sorted(found.values(), key=lambda each: (each.job.began, each.job.arn))),
        _others(connection, jobs, subject, data),
    )


@dataclass(frozen=True, slots=True)
class _Among:
    jobs: Jobs
    found: dict[str, Descendant]
    blobs: set[str]
    places: set[tuple[str, str]]


def _data(connection: Connection, jobs: Jobs, subject: Subject, moment: Moment) -> Sequence[Held]:
    match subject:
        case Content(beginning):
            return list(_with_hash(jobs, beginning))
        case JobNamed(arn):
            return jobs.by_arn[arn].writes if arn in jobs.by_arn else ()
        case Package(_, row):
            uris = [part.uri for part in package_lineage.parts(row.document) if part.type == "Model"]
            return [held for uri in uris for held in byte_jobs.at(connection, jobs, uri, row.created)]
        case Place(uri):
            if moment == "now":
                return byte_jobs.lying(connection, uri) or byte_jobs.ever(connection, jobs, uri)
            if moment == "ever":
                return byte_jobs.ever(connection, jobs, uri)
            return byte_jobs.at(connection, jobs, uri, moment)


def _with_hash(jobs: Jobs, beginning: str) -> Iterator[Held]:
    """What jobs read and wrote of bytes whose hash begins so, each place once."""
    found: dict[tuple[str, str], Held] = {}
    for job in jobs.by_arn.values():
        for held in (*job.reads, *job.writes):
            if held.blob.startswith(beginning):
                found.setdefault((held.uri, held.blob), held)
    return iter(found.values())


def _affected(connection: Connection, among: _Among, row: Resource, status: str) -> Affected | None:
    """That package or model, if the data is in it: in its model before all else."""
    uris = list(dict.fromkeys(byte_jobs.uris(row.document)))
    of_model = _model_uris(row.document)
    arn = Scope(row.key.account, row.key.region).arn("sagemaker", f"{row.key.kind}/{row.name}")
    for uri in sorted(uris, key=lambda each: each not in of_model):
        through = _through(among, byte_jobs.at(connection, among.jobs, uri, row.created))
        if through is not None:
            return Affected(arn, status, row.created, "model" if uri in of_model else "evidence", through)
    return None


def _through(among: _Among, held: Iterable[Held]) -> str | None:
    """The job by which these bytes descend from the data; "": they are the data; None: they do not."""
    for each in held:
        maker = next((job for job in byte_descent.makers(among.jobs, each) if job.arn in among.found), None)
        if maker is not None:
            return maker.arn
        if each.blob in among.blobs or (each.uri, each.blob) in among.places:
            return ""
    return None


def _model_uris(document: Document) -> set[str]:
    """Of a package, where its models are; of a model, all that it names."""
    if "InferenceSpecification" in document or "SourceAlgorithmSpecification" in document:
        return {part.uri for part in package_lineage.parts(document) if part.type == "Model"}
    return set(byte_jobs.uris(document))


def _job(found: Descendant) -> AffectedJob:
    return AffectedJob(found.job.arn, found.job.began, found.through.uri, found.through.blob, found.maker)


def _others(connection: Connection, jobs: Jobs, subject: Subject, data: Sequence[Held]) -> tuple[int, int]:
    if not isinstance(subject, Place):
        return 0, 0
    told = {(held.uri, held.blob) for held in data}
    others = [held for held in byte_jobs.ever(connection, jobs, subject.uri) if (held.uri, held.blob) not in told]
    readers = {job.arn for held in others for job in byte_descent.users(jobs, held)}
    return len(others), len(readers)
