"""What a person wants made again, found in the rows: a package, job, artifact or S3 URI, and the jobs that made it.

In: what was typed. Out: a plan (machines/reproduction). No operation of AWS answers this, so none is registered here:
`stepwell reproduce` reads the database of its data folder, which also works when the server is stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from difflib import get_close_matches

from stepwell.base import arn as arns
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import not_found, validation
from stepwell.machines import reproduction
from stepwell.machines.reproduction import NotedJob, Plan, Target
from stepwell.services.sagemaker import noted_jobs
from stepwell.services.sagemaker.lineage_rows import ARTIFACT
from stepwell.services.sagemaker.model_registry import PACKAGE, package_arn, package_key
from stepwell.store import buckets, objects, resources
from stepwell.store.database import Connection
from stepwell.store.resources import Query, Resource

NEAR = 200
"""So many names are looked through for one that was meant."""


def plan(connection: Connection, scope: Scope, asked: str, *, whole: bool) -> Plan:
    """What must run to make it again. Raises Fault when it is not there, or nobody knows which job made it."""
    target = _target(connection, scope, asked)
    last = [job for arn in target.jobs if (job := noted_jobs.find(connection, arn)) is not None]
    return reproduction.plan(target, last, lambda readers: noted_jobs.makers(connection, readers), whole=whole)


def package_of(connection: Connection, scope: Scope, asked: str) -> Resource | None:
    """The model package that was asked for; None when that is something else."""
    parsed = arns.parse(asked)
    if parsed is not None and parsed.kind != PACKAGE:
        return None
    name = parsed.name if parsed is not None else asked
    within = Scope(parsed.account, parsed.region) if parsed is not None else scope
    return resources.find_ignoring_case(connection, package_key(within, name))


def _target(connection: Connection, scope: Scope, asked: str) -> Target:
    if asked.startswith("s3://"):
        return _of_uri(connection, asked, asked)
    parsed = arns.parse(asked)
    if parsed is None:
        return _named(connection, scope, asked)
    within = Scope(parsed.account, parsed.region)
    if parsed.kind == PACKAGE:
        package = package_of(connection, within, asked)
        if package is None:
            raise not_found(f"There is no model package {asked}.")
        return _of_package(connection, within, package)
    if parsed.kind == ARTIFACT.kind:
        return _of_artifact(connection, within, asked, parsed.name)
    if parsed.kind in noted_jobs.NOUNS:
        return _of_job(connection, asked)
    known = ", ".join((PACKAGE, *noted_jobs.NOUNS, ARTIFACT.kind))
    raise validation(f"{asked} is the ARN of a {parsed.kind}. What can be made again: {known}, or an S3 URI.")


def _named(connection: Connection, scope: Scope, name: str) -> Target:
    """A job or package by its name."""
    package = package_of(connection, scope, name)
    if package is not None:
        return _of_package(connection, scope, package)
    for noun in noted_jobs.NOUNS.values():
        if resources.find(connection, resources.key(scope, noun.kind, name)) is not None:
            return _of_job(connection, noun.arn(scope, name))
    near = get_close_matches(name, _names(connection, scope), 1, 0.5)
    hint = f" Did you mean '{near[0]}'?" if near else " Give a name, an ARN, GROUP/VERSION or an S3 URI."
    raise not_found(f"There is no model package, training job or processing job '{name}' in {scope.region}.{hint}")


def _names(connection: Connection, scope: Scope) -> Iterator[str]:
    for kind in (PACKAGE, *noted_jobs.NOUNS):
        yield from (row.name for row in resources.page(connection, Query(kind, scope, limit=NEAR))[0])


def _of_job(connection: Connection, arn: str) -> Target:
    job = noted_jobs.find(connection, arn)
    if job is None:
        raise not_found(f"{arn} is not there, or never had its data: what it read is not known.")
    if job.status != "Completed":
        raise validation(f"The {job.words} {job.name} is {job.status}: only what was completed can be compared.")
    return Target(job.name, job.words, (), (arn,))


def _of_package(connection: Connection, scope: Scope, package: Resource) -> Target:
    uris = tuple(dict.fromkeys(model_uris(package.document)))
    if not uris:
        raise validation(f"The model package {package.name} names no model data.")
    parts = [_of_uri(connection, uri, package.name, before=package.created) for uri in uris]
    found = Target(
        package_arn(scope, package.name),
        "model package",
        uris,
        tuple(dict.fromkeys(arn for part in parts for arn in part.jobs)),
        tuple(note for part in parts for note in part.notes),
    )
    approval = package.document.get("ModelApprovalStatus")
    return replace(found, asked=package.name, notes=((f"It is {approval}.",) if approval else ()) + found.notes)


def model_uris(package: Document) -> Iterator[str]:
    """Where the models of a package lie."""
    specification = package.get("InferenceSpecification") or {}
    algorithms = (package.get("SourceAlgorithmSpecification") or {}).get("SourceAlgorithms") or ()
    for container in (*(specification.get("Containers") or ()), *algorithms):
        source = (container.get("ModelDataSource") or {}).get("S3DataSource") or {}
        uri = container.get("ModelDataUrl") or source.get("S3Uri")
        if uri:
            yield uri


def _of_artifact(connection: Connection, scope: Scope, arn: str, name: str) -> Target:
    row = resources.find(connection, resources.key(scope, ARTIFACT.kind, name))
    if row is None:
        raise not_found(f"There is no artifact {arn}.")
    uri = row.document["Source"]["SourceUri"]
    if uri.startswith("s3://"):
        return _of_uri(connection, uri, uri)
    if uri == arn or (parsed := arns.parse(uri)) is None or parsed.kind == ARTIFACT.kind:
        raise validation(f"{arn} stands for {uri}, which no job of this server has made.")
    return _target(connection, scope, uri)


def _of_uri(connection: Connection, uri: str, asked: str, before: float | None = None) -> Target:
    """What lies at a URI: made by the job that wrote there last (`before` a moment, in epoch seconds)."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    found = noted_jobs.writers(connection, bucket, key)
    if before is not None:
        found = [each for each in found if each[0].ended <= before] or found
    if not found:
        raise not_found(_nobody(connection, uri, bucket, key))
    kept: dict[str, NotedJob] = {}
    notes: dict[str, None] = {}
    seen: set[str] = set()
    for job, piece in found:
        if piece.uri not in seen:
            seen.add(piece.uri)
            kept[job.arn] = job
            notes.update(dict.fromkeys(_changed(connection, piece.bucket, piece.key, piece.blob)))
    return Target(asked, "S3 object" if seen == {uri} else "S3 folder", (uri,), tuple(kept), tuple(notes))


def _changed(connection: Connection, bucket: str, key: str, blob: str) -> Iterable[str]:
    """What has become of an object since a job wrote it."""
    found = buckets.find(connection, bucket)
    latest = objects.find(connection, found, key) if found is not None else None
    if latest is None or latest.is_marker:
        return (f"s3://{bucket}/{key} was deleted since; it is compared with what the job wrote.",)
    if latest.blob != blob:
        return (f"s3://{bucket}/{key} was replaced since; it is compared with what the job wrote.",)
    return ()


def _nobody(connection: Connection, uri: str, bucket: str, key: str) -> str:
    found = buckets.find(connection, bucket)
    if found is None:
        return f"There is no bucket '{bucket}'."
    latest = objects.find(connection, found, key)
    there = "is there, but" if latest is not None and not latest.is_marker else "is not there, and"
    return f"{uri} {there} no job that this server remembers has made it, so it cannot be made again."


def places_now(connection: Connection, bucket: str, key: str) -> str | None:
    """The blob that lies there now; None when none does."""
    found = buckets.find(connection, bucket)
    latest: objects.Version | None = objects.find(connection, found, key) if found is not None else None
    return latest.blob if latest is not None else None
