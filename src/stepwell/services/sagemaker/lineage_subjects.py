"""What a person means who names something that has an origin: an ARN, a name, an S3 URI, or a hash. Reads only.

In: a text. Out: one of the values below. Names are looked for among jobs, then packages (GROUP/VERSION, or GROUP for
its newest version).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeAlias

from stepwell.base import arn as arns
from stepwell.base.arn import Scope
from stepwell.base.faults import not_found, validation
from stepwell.machines import job_progress
from stepwell.services.sagemaker.model_registry import PACKAGE, package_arn, package_key
from stepwell.store import all_resources, resources
from stepwell.store.database import Connection
from stepwell.store.job_histories import KINDS
from stepwell.store.resources import Query, Resource

HASH = re.compile(r"[0-9a-f]{8,64}")
ARTIFACT = "artifact"
MOST_NAMES = 500
"""So many names are looked at for one that was meant."""


@dataclass(frozen=True, slots=True)
class Package:
    """A model package."""

    arn: str
    row: Resource


@dataclass(frozen=True, slots=True)
class JobNamed:
    """A processing or training job."""

    arn: str
    row: Resource


@dataclass(frozen=True, slots=True)
class Place:
    """What lies at an S3 URI, or below it."""

    uri: str


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes, by the beginning of their hash."""

    hash: str


Subject: TypeAlias = Package | JobNamed | Place | Content


def find(connection: Connection, scope: Scope, text: str) -> Subject:
    """What `text` names. Raises Fault."""
    if text.startswith("s3://"):
        if not text.removeprefix("s3://").strip("/"):
            raise validation(f"{text!r} names no bucket.")
        return Place(text)
    if text.startswith("arn:"):
        return _by_arn(connection, text)
    for home in homes(connection, scope):
        found = _named(connection, home, text)
        if found is not None:
            return found
    if HASH.fullmatch(text):
        return Content(text)
    near = get_close_matches(text, _names(connection, scope), 1)
    hint = f" Did you mean {near[0]!r}?" if near else " Name an ARN, a job, GROUP/VERSION, an S3 URI or a hash."
    raise not_found(f"there is no job or model package {text!r}.{hint}")


def homes(connection: Connection, scope: Scope) -> Iterator[Scope]:
    """Where a name may belong: that account and region, and then whatever others were served from this folder."""
    yield scope
    for other in all_resources.scopes(connection, (*KINDS, PACKAGE)):
        if (other.account, other.region) != (scope.account, scope.region):
            yield other


def _named(connection: Connection, scope: Scope, text: str) -> Subject | None:
    for kind in KINDS:
        job = resources.find(connection, resources.key(scope, kind, text))
        if job is not None and not job_progress.is_deleted(job.document):
            return JobNamed(scope.arn("sagemaker", f"{kind}/{text}"), job)
    package = _package(connection, scope, text)
    return Package(package_arn(scope, package.name), package) if package is not None else None


def _by_arn(connection: Connection, text: str) -> Subject:
    parsed = arns.parse(text)
    if parsed is None or parsed.service != "sagemaker":
        raise validation(f"{text!r} is no ARN of SageMaker.")
    scope = Scope(parsed.account, parsed.region)
    if parsed.kind == PACKAGE:
        found = resources.find(connection, package_key(scope, parsed.name))
    else:
        found = resources.find(connection, resources.key(scope, parsed.kind, parsed.name))
    if found is None or job_progress.is_deleted(found.document):
        raise not_found(f"{text} does not exist.")
    if parsed.kind == PACKAGE:
        return Package(text, found)
    if parsed.kind in KINDS:
        return JobNamed(text, found)
    if parsed.kind == ARTIFACT:
        source = str(found.document["Source"]["SourceUri"])
        if source.startswith(("s3://", "arn:aws:sagemaker:")) and source != text:
            return find(connection, scope, source)
        raise validation(
            f"the source of this artifact is {source!r}, which is not in S3: nothing is known of its bytes."
        )
    raise validation(f"{text} is neither a job, a model package nor an artifact.")


def _package(connection: Connection, scope: Scope, name: str) -> Resource | None:
    found = resources.find(connection, package_key(scope, name))
    if found is not None:
        return found
    if "/" in name:
        return None
    newest = Query(PACKAGE, scope, name, sort_by="created", descending=True, limit=1)
    return next(iter(resources.page(connection, newest)[0]), None)


def _names(connection: Connection, scope: Scope) -> list[str]:
    return [
        row.name
        for home in homes(connection, scope)
        for kind in (*KINDS, PACKAGE)
        for row in resources.page(connection, Query(kind, home, limit=MOST_NAMES))[0]
    ]
