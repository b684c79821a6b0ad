"""Functions, versions and aliases as rows, and what a reference with a qualifier leads to.

A function's row is its `$LATEST`; a published version is a row below it that never changes; an alias names one.
Members of a function's document that are ours and no client's are listed in `OURS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from stepwell.base import ids
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.services.lambda_ import faults, names
from stepwell.services.lambda_.names import LATEST, Reference
from stepwell.store import resources
from stepwell.store.resources import Key, Query, Resource

FUNCTION = "lambda-function"
VERSION = "lambda-version"
ALIAS = "lambda-alias"

OURS = ("CodeHash", "LastVersion", "Policies")
"""CodeHash: the folder of the code. LastVersion: the last number given. Policies: by qualifier."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a reference leads to: the function, and the configuration of the version that is meant."""

    function: Resource
    version: str
    configuration: Document


def key(scope: Scope, name: str) -> Key:
    """Where the function of that name lives."""
    return resources.key(scope, FUNCTION, name)


def function(connection: Connection, scope: Scope, wanted: Reference) -> Resource:
    """The function itself, whatever the qualifier. Raises ResourceNotFoundException."""
    found = resources.find(connection, key(scope, wanted.name))
    if found is None:
        raise faults.function_not_found(names.function_arn(scope, wanted.name, wanted.qualifier))
    return found


def version(connection: Connection, scope: Scope, name: str, number: str) -> Resource:
    """A published version. Raises ResourceNotFoundException."""
    found = resources.find(connection, resources.key(scope, VERSION, number, name))
    if found is None:
        raise faults.function_not_found(names.function_arn(scope, name, number))
    return found


def alias(connection: Connection, scope: Scope, name: str, wanted: str) -> Resource:
    """An alias. Raises ResourceNotFoundException."""
    found = resources.find(connection, resources.key(scope, ALIAS, wanted, name))
    if found is None:
        raise faults.not_found(f"Cannot find alias arn: {names.function_arn(scope, name, wanted)}")
    return found


def target(connection: Connection, scope: Scope, wanted: Reference) -> Target:
    """What is meant by the reference. Raises ResourceNotFoundException."""
    standing = function(connection, scope, wanted)
    number = wanted.qualifier or LATEST
    if number != LATEST and not number.isdigit():
        found = resources.find(connection, resources.key(scope, ALIAS, number, wanted.name))
        if found is None:
            raise faults.function_not_found(names.function_arn(scope, wanted.name, number))
        number = found.document["FunctionVersion"]
    if number == LATEST:
        return Target(standing, LATEST, standing.document)
    return Target(standing, number, version(connection, scope, wanted.name, number).document)


def children(connection: Connection, scope: Scope, kind: str, name: str) -> Iterator[Resource]:
    """All versions or aliases of a function, the oldest first."""
    query = Query(kind, scope, name, descending=False, limit=1000)
    while True:
        rows, following = resources.page(connection, query)
        yield from rows
        if following is None:
            return
        query = replace(query, after=following)


def shown(scope: Scope, name: str, configuration: Document, version_: str, qualifier: str = "") -> Document:
    """A FunctionConfiguration as answers show it; the ARN says the qualifier that was asked with."""
    visible = {member: value for member, value in configuration.items() if member not in OURS}
    arn = names.function_arn(scope, name, qualifier)
    return {**visible, "FunctionName": name, "FunctionArn": arn, "Version": version_}


def fresh_revision() -> str:
    """A RevisionId for something that just changed."""
    return ids.request_id()


def replaced(row: Resource, document: Document, now: float) -> Resource:
    """The row with another document as a whole."""
    return replace(row, modified=now, document=document)
