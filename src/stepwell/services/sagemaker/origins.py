"""How something was made: gathers what rows and manifests say of a package, a job or an object. Reads only.

No operation of AWS answers this: `stepwell blame` reads the database of its data folder. In: a subject. Out: an
Origin, in which everything that was read also says whether it still lies there, and who made that in turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from stepwell.base import arn as arns
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.blobs.folder import Blobs
from stepwell.machines import byte_descent, package_lineage
from stepwell.machines.byte_descent import Held, Job, Jobs
from stepwell.machines.job_lineage import CODE, FETCHED_CODE, PROGRAM
from stepwell.services.sagemaker import byte_jobs
from stepwell.services.sagemaker.lineage_subjects import JobNamed, Package, Place
from stepwell.store import buckets, job_histories, lineage_entities, objects, resources, steps, tags
from stepwell.store.database import Connection
from stepwell.store.lineage_entities import Filter
from stepwell.store.resources import Resource

EXECUTION_TAG = "sagemaker:pipeline-execution-arn"
MOST_APPROVALS = 100


@dataclass(frozen=True, slots=True)
class Maker:
    """Who made some bytes, in a line: a job, or nobody that is known (`arn` ""). `moment` is when (epoch seconds):
    of an object that a client put, its modification."""

    arn: str
    step: str
    moment: float | None
    is_there: bool = True
    """Whether the job wrote them where they are; otherwise the same bytes, elsewhere."""


@dataclass(frozen=True, slots=True)
class Source:
    """One object that was read or written. `now`: what lies there; "same", "changed", "gone"."""

    channel: str
    uri: str
    size: int
    hash: str
    now: str
    changed: float | None
    """When what lies there now was put (epoch seconds), if it is something else."""
    is_kept: bool
    """Whether the bytes themselves are still there."""
    maker: Maker | None = None


@dataclass(frozen=True, slots=True)
class Code:
    """What ran: where it lay, which bytes these were, and which file began."""

    uri: str
    hash: str
    entry: str


@dataclass(frozen=True, slots=True)
class JobOrigin:
    """A job. Times are epoch seconds."""

    arn: str
    status: str
    created: float
    ended: float | None
    reason: str
    step: str
    execution: str
    started_by: str
    """Who started the execution."""
    role: str
    image: str
    environment: str
    instances: str
    code: Code | None
    parameters: Mapping[str, object]
    """Of the execution."""
    hyperparameters: Mapping[str, str]
    variables: Mapping[str, str]
    read: tuple[Source, ...]
    wrote: tuple[Source, ...]
    is_noted: bool
    """Whether it is known what the job read and wrote."""


@dataclass(frozen=True, slots=True)
class Approval:
    """A status that a package got, who gave it, and when (epoch seconds)."""

    status: str
    by: str
    moment: float
    description: str = ""


@dataclass(frozen=True, slots=True)
class PackageOrigin:
    """A model package and who decided what about it. `metadata`: CommitId and such, if they were given."""

    arn: str
    status: str
    created: float
    by: str
    metadata: Mapping[str, str]
    approvals: tuple[Approval, ...]
    models: tuple[Source, ...]
    others: tuple[Source, ...]
    """Whatever else it names: what it was judged by."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The answer: the package or objects that were asked about, and the jobs that made them, in full."""

    package: PackageOrigin | None = None
    objects: tuple[Source, ...] = ()
    jobs: tuple[JobOrigin, ...] = ()
    left_off: int = 0
    """So many more objects lie below the URI."""


@dataclass(frozen=True, slots=True)
class _Reading:
    connection: Connection
    blobs: Blobs
    jobs: Jobs = field(repr=False)


MOST_SHOWN = 50
"""Objects below a URI that are told of."""


def of(connection: Connection, blobs: Blobs, subject: Package | JobNamed | Place) -> Origin:
    """How that was made."""
    reading = _Reading(connection, blobs, byte_jobs.every(connection))
    match subject:
        case JobNamed():
            return Origin(jobs=(_job(reading, subject.arn, subject.row),))
        case Package():
            return _package(reading, subject)
        case Place():
            return _place(reading, subject.uri)


def _package(reading: _Reading, package: Package) -> Origin:
    document, created = package.row.document, package.row.created
    of_models = [part.uri for part in package_lineage.parts(document) if part.type == "Model"]
    others = [uri for uri in dict.fromkeys(byte_jobs.uris(document)) if uri not in of_models]
    models = tuple(_then(reading, "model", uri, created) for uri in of_models)
    scope = Scope(package.row.key.account, package.row.key.region)
    made = PackageOrigin(
        package.arn,
        document.get("ModelApprovalStatus", package.row.status),
        created,
        _identity(document.get("CreatedBy")),
        {name: str(value) for name, value in document.get("MetadataProperties", {}).items()},
        tuple(_approvals(reading.connection, scope, package)),
        models,
        tuple(_then(reading, "", uri, created) for uri in others),
    )
    makers = dict.fromkeys(each.maker.arn for each in models if each.maker is not None and each.maker.arn)
    return Origin(made, jobs=tuple(_jobs(reading, makers)))


def _approvals(connection: Connection, scope: Scope, package: Package) -> Iterator[Approval]:
    query = lineage_entities.Query(
        "action", scope, Filter(types=("Approval",)), package.arn, descending=False, limit=MOST_APPROVALS
    )
    for row_id in lineage_entities.page(connection, query)[0]:
        row = resources.find_id(connection, row_id)
        if row is not None:
            said = row.document.get("Properties", {})
            yield Approval(
                said.get("ModelApprovalStatus", ""),
                _identity(row.document.get("CreatedBy")),
                row.created,
                said.get("ApprovalDescription", ""),
            )


def _place(reading: _Reading, uri: str) -> Origin:
    lying = byte_jobs.lying(reading.connection, uri)
    told = tuple(_source(reading, held, None) for held in lying[:MOST_SHOWN])
    if not lying:  # what lay there is told of
        told = tuple(
            _source(reading, held, None)
            for writer in byte_descent.last_writers(reading.jobs, uri, float("inf"))
            for held in writer.writes
            if held.uri == uri or held.uri.startswith(uri.rstrip("/") + "/")
        )
    makers = dict.fromkeys(each.maker.arn for each in told if each.maker is not None and each.maker.arn)
    detailed = makers if len(makers) == 1 else {}
    return Origin(objects=told, jobs=tuple(_jobs(reading, detailed)), left_off=max(0, len(lying) - MOST_SHOWN))


def _jobs(reading: _Reading, wanted: Mapping[str, object]) -> Iterator[JobOrigin]:
    for arn in wanted:
        row = _row(reading.connection, arn)
        if row is not None:
            yield _job(reading, arn, row)


def _job(reading: _Reading, arn: str, row: Resource) -> JobOrigin:
    document, job = row.document, reading.jobs.by_arn.get(arn)
    environment = job_histories.environment(reading.connection, arn)
    step, execution = _step(reading.connection, arn)
    run = _row(reading.connection, execution) if execution else None
    application = document.get("AppSpecification", {})
    return JobOrigin(
        arn,
        row.status,
        row.created,
        document.get("TrainingEndTime", document.get("ProcessingEndTime")),
        document.get("FailureReason", ""),
        step,
        execution,
        _identity(run.document.get("CreatedBy")) if run else "",
        document.get("RoleArn", ""),
        document.get("AlgorithmSpecification", {}).get("TrainingImage", "") or application.get("ImageUri", ""),
        environment,
        _instances(document),
        _code(document, job),
        run.document.get("Parameters", {}) if run else {},
        {name: str(value) for name, value in document.get("HyperParameters", {}).items()},
        {name: str(value) for name, value in document.get("Environment", {}).items()},
        tuple(_source(reading, held, job) for held in job.reads) if job else (),
        tuple(_source(reading, held, None, is_maker=False) for held in job.writes) if job else (),
        job is not None,
    )


def _code(document: Document, job: Job | None) -> Code | None:
    named = _plain(document.get("HyperParameters", {}).get(PROGRAM, ""))
    entry = document.get("AppSpecification", {}).get("ContainerEntrypoint", ())
    begun = named or " ".join(str(word) for word in entry)
    held = next((each for each in job.reads if each.channel in (FETCHED_CODE, CODE)), None) if job else None
    if held is None and not begun:
        return None
    return Code(held.uri if held else "", held.blob if held else "", begun)


def _plain(text: object) -> str:
    """A hyperparameter of the SDK, which writes texts as JSON."""
    return str(text).strip('"')


def _instances(document: Document) -> str:
    asked = document.get("ResourceConfig") or document.get("ProcessingResources", {}).get("ClusterConfig", {})
    return f"{asked.get('InstanceCount', 1)} x {asked['InstanceType']}" if asked.get("InstanceType") else ""


def _then(reading: _Reading, channel: str, uri: str, moment: float) -> Source:
    """What lay at a URI at that moment, as far as it is known; else what lies there."""
    then = [held for held in byte_jobs.at(reading.connection, reading.jobs, uri, moment) if held.uri == uri]
    now = [held for held in byte_jobs.lying(reading.connection, uri, 1) if held.uri == uri]
    held = next(iter((*then, *now)), Held(uri, "", 0))
    return _source(reading, Held(uri, held.blob, held.size, channel), None)


def _source(reading: _Reading, held: Held, reader: Job | None, *, is_maker: bool = True) -> Source:
    name, _, key = held.uri.removeprefix("s3://").partition("/")
    bucket = buckets.find(reading.connection, name)
    lying = objects.find(reading.connection, bucket, key) if bucket else None
    if lying is None or lying.blob is None:
        now, changed = "gone", None
    elif lying.blob == held.blob:
        now, changed = "same", None
    else:
        now, changed = "changed", lying.modified
    put = lying.modified if lying is not None and now == "same" else None
    maker = _maker(reading, held, reader, put) if is_maker and held.blob else None
    kept = bool(held.blob) and reading.blobs.path(held.blob).exists()
    return Source(held.channel, held.uri, held.size, held.blob, now, changed, kept, maker)


def _maker(reading: _Reading, held: Held, reader: Job | None, put: float | None) -> Maker:
    found = byte_descent.makers(reading.jobs, held, reader)
    if not found:
        return Maker("", "", put)
    step, _ = _step(reading.connection, found[0].arn)
    is_there = any((written.uri, written.blob) == (held.uri, held.blob) for written in found[0].writes)
    return Maker(found[0].arn, step, found[0].began, is_there)


def _step(connection: Connection, arn: str) -> tuple[str, str]:
    """The step and the execution that a job is of; both empty for one that a client created."""
    execution = tags.of(connection, arn).get(EXECUTION_TAG, "")
    if not execution:
        return "", ""
    for step in steps.of(connection, execution):
        if any(isinstance(each, dict) and each.get("Arn") == arn for each in step.metadata.values()):
            return step.name, execution
    return "", execution


def _row(connection: Connection, arn: str) -> Resource | None:
    """The resource of an ARN; an execution lives in its pipeline."""
    parsed = arns.parse(arn)
    if parsed is None:
        return None
    scope = Scope(parsed.account, parsed.region)
    if parsed.kind == "pipeline" and "/execution/" in parsed.name:
        pipeline, _, execution = parsed.name.partition("/execution/")
        return resources.find(connection, resources.key(scope, "pipeline-execution", execution, pipeline))
    return resources.find(connection, resources.key(scope, parsed.kind, parsed.name))


def _identity(context: Document | None) -> str:
    """Who that was, as an ARN; empty when it is not known."""
    return str((context or {}).get("IamIdentity", {}).get("Arn", ""))
