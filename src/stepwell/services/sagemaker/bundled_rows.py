"""Rows that go into a bundle, and rows that a bundle brings: the package, the pipeline, jobs as they ended.

In: a connection; a bundle (machines/bundle_documents.py). Out: values, or rows. `stepwell export` and `stepwell
import` work on the database of their data folder, so no operation is registered here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.machines import job_progress
from stepwell.machines.bundle_documents import Bundle, Package
from stepwell.machines.bundle_secrets import public_request
from stepwell.machines.job import Job
from stepwell.machines.reproduction import Held, NotedJob, Plan
from stepwell.services.sagemaker import noted_jobs, pipeline_executions, reproductions
from stepwell.services.sagemaker.model_registry import GROUP, package_arn, package_key
from stepwell.spec import models
from stepwell.spec.models import Shape
from stepwell.spec.validation import violations
from stepwell.steps.requests import EXECUTION_TAG
from stepwell.store import buckets, job_manifests, objects, resources, tags
from stepwell.store.buckets import Bucket
from stepwell.store.database import Connection, Transaction
from stepwell.store.job_manifests import Piece
from stepwell.store.objects import Version
from stepwell.store.resources import Key, Resource

IMPORTED_TAG = "stepwell:imported-from"
DESCRIPTION = "ModelPackageGroupDescription"
LAST_VERSION = "LastVersion"
"""The member of a group's document that counts its versions."""


class Conflicts(Exception):
    """What is there already and is another; `found` names each."""

    def __init__(self, found: list[str]) -> None:
        super().__init__("; ".join(found))
        self.found = found


@dataclass(frozen=True, slots=True)
class Brought:
    """What an import put there, and how much was there already."""

    jobs: int
    objects: int
    packages: int
    known: int


def package(connection: Connection, scope: Scope, asked: str) -> Package | None:
    """The model package that was asked for, with its group; None when that is something else."""
    found = reproductions.package_of(connection, scope, asked)
    if found is None:
        return None
    group = resources.find(connection, resources.key(scope, GROUP, found.key.parent)) if found.key.parent else None
    return Package(
        found.name, found.status, found.created, found.document, group.document if group is not None else None
    )


def pipeline(connection: Connection, scope: Scope, plan: Plan) -> Document | None:
    """The execution that a job of the plan was a step of: its definition and parameters; None when there is none."""
    executions = [job.tags[EXECUTION_TAG] for job in reversed(plan.jobs) if EXECUTION_TAG in job.tags]
    for arn in executions:
        try:
            row = pipeline_executions.find(connection, scope, arn)
            text = pipeline_executions.definition_text(connection, scope, row)
        except Fault:
            continue
        return {"execution": arn, "definition": text, "parameters": row.document.get("Parameters") or {}}
    return None


def check(bundle: Bundle) -> Iterator[str]:
    """What of a bundle's documents the service model does not allow."""
    for job in bundle.jobs:
        noun = noted_jobs.NOUNS[job.kind]
        for operation, document in (
            (f"Create{noun.member}", {**job.request, f"{noun.member}Name": job.name}),
            (f"Describe{noun.member}", _described(job, noun.member)),
        ):
            model = models.operation("sagemaker", operation)
            shape = model.input_shape if operation.startswith("Create") else model.output_shape
            assert shape is not None
            unknown = sorted(set(document) - set(shape.members))
            if unknown:
                yield f"{job.name}: {operation} has no member {unknown[0]!r}"
            yield from (f"{job.name}: {each}" for each in _violations(shape, document))
    if bundle.package is not None:
        shape = models.operation("sagemaker", "DescribeModelPackage").output_shape
        assert shape is not None
        found = {name: value for name, value in bundle.package.document.items() if name in _described_members()}
        arn = package_arn(Scope(bundle.account, bundle.region), bundle.package.name)
        made = {"ModelPackageArn": arn, "ModelPackageStatus": "Completed", "CreationTime": bundle.package.created}
        details = {"ModelPackageStatusDetails": {"ValidationStatuses": []}, "ModelPackageName": "x"}
        yield from (f"package: {each}" for each in _violations(shape, {**details, **found, **made}))


def _violations(shape: Shape, document: Document) -> list[str]:
    try:
        return violations(shape, document)
    except Fault as wrong:  # a value of another type
        return [wrong.message]


def _described(job: NotedJob, member: str) -> Document:
    return {
        **job.document,
        f"{member}Name": job.name,
        f"{member}Arn": job.arn,
        f"{member}Status": job.status,
        "CreationTime": job.created,
        "LastModifiedTime": job.ended,
    }


def bring(transaction: Transaction, bundle: Bundle, digests: Mapping[str, str], origin: str, now: float) -> Brought:
    """Put everything there that is not; all or nothing. `digests`: MD5 by blob. Raises Conflicts."""
    conflicts: list[str] = []
    scope = Scope(bundle.account, bundle.region)
    jobs = [job for job in bundle.jobs if not _is_known(transaction.connection, scope, job, conflicts)]
    pieces = dict(sorted(_newest(bundle).items()))
    new = {place: each for place, each in pieces.items() if not _lies_there(transaction.connection, each, conflicts)}
    packages = _new_packages(transaction.connection, scope, bundle, conflicts)
    if conflicts:
        raise Conflicts(conflicts)
    known = len(bundle.jobs) - len(jobs) + len(pieces) - len(new) + (bundle.package is not None) - len(packages)
    for job in jobs:
        _add_job(transaction, scope, job, origin)
    for each in new.values():
        bucket = buckets.find(transaction.connection, each.bucket)
        bucket = bucket or buckets.add(transaction, Bucket(each.bucket, scope.account, scope.region, now))
        version = Version(each.key, each.blob, each.size, digests[each.blob], float(int(now)))
        objects.put(transaction, bucket, version)
    for one in packages:
        _add_package(transaction, scope, one, origin, now)
    return Brought(len(jobs), len(new), len(packages), known)


def _is_known(connection: Connection, scope: Scope, job: NotedJob, conflicts: list[str]) -> bool:
    """Whether that job is there. Notes a conflict when another one has its name."""
    standing = resources.find(connection, resources.key(scope, job.kind, job.name))
    if standing is None:
        return False
    found = noted_jobs.find(connection, job.arn)
    if found is None or _identity(found) != _identity(job):
        conflicts.append(f"there is another {job.words} {job.name}")
    return True


def _identity(job: NotedJob) -> tuple[Document, float, float]:
    """What two jobs share when they are one: what was asked, and when it ran."""
    return public_request(job), job.created, job.ended


def _newest(bundle: Bundle) -> dict[tuple[str, str], Held]:
    """What lay at each place last, of what the bundle has bytes of."""
    found: dict[tuple[str, str], Held] = {}
    for job in sorted(bundle.jobs, key=lambda each: each.ended):
        found.update({each.place: each for each in (*job.inputs, *job.outputs) if each.blob in bundle.blobs})
    return found


def _lies_there(connection: Connection, each: Held, conflicts: list[str]) -> bool:
    bucket = buckets.find(connection, each.bucket)
    latest = objects.find(connection, bucket, each.key) if bucket is not None else None
    if latest is None or latest.is_marker:
        return False
    if latest.blob != each.blob:
        conflicts.append(f"other bytes lie at {each.uri}")
    return True


def _new_packages(connection: Connection, scope: Scope, bundle: Bundle, conflicts: list[str]) -> list[Package]:
    if bundle.package is None:
        return []
    standing = resources.find(connection, package_key(scope, bundle.package.name))
    if standing is None:
        return [bundle.package]
    specification = "InferenceSpecification"
    if standing.document.get(specification) != bundle.package.document.get(specification):
        conflicts.append(f"there is another model package {bundle.package.name}")
    return []


def _add_job(transaction: Transaction, scope: Scope, job: NotedJob, origin: str) -> None:
    """A job as it ended: nothing about it is under way."""
    kind = "training" if job.kind == "training-job" else "processing"
    over = job_progress.written(Job(kind=kind, phase="Over"))  # type: ignore[arg-type]
    document = {**job.document, job_progress.MEMBER: over}
    document.pop("WarmPoolStatus", None)
    key = resources.key(scope, job.kind, job.name)
    resources.add(transaction, Resource(key, job.status, job.created, job.ended, document))
    tags.put(transaction, job.arn, {**job.tags, IMPORTED_TAG: origin})
    job_manifests.begin(transaction, job.arn, job.environment, _manifest(job.inputs))
    job_manifests.end(transaction, job.arn, _manifest(job.outputs))


def _manifest(held: tuple[Held, ...]) -> list[Piece]:
    return [Piece(*astuple(each)) for each in held]


def _add_package(transaction: Transaction, scope: Scope, one: Package, origin: str, now: float) -> None:
    key = package_key(scope, one.name)
    document = {name: value for name, value in one.document.items() if name in _described_members()}
    document["Type"] = "Versioned" if key.parent else "Unversioned"
    if key.parent:
        version = int(one.name.rpartition("/")[2])
        document.update(ModelPackageGroupName=key.parent, ModelPackageVersion=version)
        _add_group(transaction, resources.key(scope, GROUP, key.parent), one, version, now)
    resources.add(transaction, Resource(key, "Completed", one.created, one.created, document))
    tags.put(transaction, package_arn(scope, one.name), {IMPORTED_TAG: origin})


def _add_group(transaction: Transaction, key: Key, one: Package, version: int, now: float) -> None:
    """See to it that there is a group which has counted that version."""
    group = resources.find(transaction.connection, key)
    if group is None:
        described = str((one.group or {}).get(DESCRIPTION, ""))
        document: Document = {DESCRIPTION: described} if described else {}
        document |= {"CreatedBy": {}, LAST_VERSION: version}
        resources.add(transaction, Resource(key, "Completed", one.created, now, document))
    elif group.document[LAST_VERSION] < version:
        resources.save(transaction, group.with_changes(now, LastVersion=version))


def _described_members() -> Iterable[str]:
    shape = models.operation("sagemaker", "DescribeModelPackage").output_shape
    assert shape is not None
    return shape.members
