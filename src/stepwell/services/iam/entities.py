"""Roles and customer policies as rows: where they live, how they are found, what IAM says when they are not.

A role's document holds its trust policy, its inline policies and the ARNs of what is attached to it; a policy's
document holds its versions. Shared by the nouns of this folder, and by `ready_role.py`.
"""

from __future__ import annotations

import string
from collections.abc import Iterator
from dataclasses import replace

from stepwell.base import ids
from stepwell.base.arn import Scope
from stepwell.base.faults import Fault
from stepwell.store import resources
from stepwell.store.database import Connection
from stepwell.store.resources import Key, Query, Resource

ROLE = "role"
POLICY = "policy"
ID_ALPHABET = string.ascii_uppercase + string.digits


def everywhere(scope: Scope) -> Scope:
    """The same account without a region: IAM is global."""
    return Scope(scope.account, "", scope.principal)


def key(scope: Scope, kind: str, name: str) -> Key:
    """Where the role or policy of that name lives."""
    return resources.key(everywhere(scope), kind, name)


def entity_arn(scope: Scope, kind: str, path: str, name: str) -> str:
    """The ARN of a role or policy, which includes its path."""
    return everywhere(scope).arn("iam", f"{kind}{path}{name}")


def fresh_id(prefix: str) -> str:
    """A unique id as IAM gives to everything: AROA… for roles, ANPA… for policies."""
    return prefix + ids.token(17, ID_ALPHABET)


def role(connection: Connection, scope: Scope, name: str) -> Resource:
    """The role of that name. Raises NoSuchEntity."""
    found = resources.find(connection, key(scope, ROLE, name))
    if found is None:
        raise no_such_entity(f"The role with name {name} cannot be found.")
    return found


def all_of(connection: Connection, scope: Scope, kind: str) -> Iterator[Resource]:
    """Every role or policy of the account, by name."""
    query = Query(kind, everywhere(scope), sort_by="name", descending=False, limit=1000)
    rows, following = resources.page(connection, query)
    yield from rows
    while following is not None:
        rows, following = resources.page(connection, replace(query, after=following))
        yield from rows


def no_such_entity(message: str) -> Fault:
    return Fault("NoSuchEntity", message, 404)


def already_exists(message: str) -> Fault:
    return Fault("EntityAlreadyExists", message, 409)


def delete_conflict(message: str) -> Fault:
    return Fault("DeleteConflict", message, 409)


def limit_exceeded(message: str) -> Fault:
    return Fault("LimitExceeded", message, 409)
