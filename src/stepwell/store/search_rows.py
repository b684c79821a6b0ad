"""Room store: resources as Search reads them: many at once, by id or in the order of their ids."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, String, bindparam, func, select

from stepwell.base.arn import Scope
from stepwell.store import component_metrics, tags, trial_memberships
from stepwell.store.prepared import Prepared
from stepwell.store.resources import COLUMNS, Key, Resource, table

_ASKED = "asked"


def _asked(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether the column is in the list that is given as JSON: a statement with a place for each would cost more than
    what it finds."""
    given = func.json_each(bindparam(_ASKED, type_=String)).table_valued("value")
    return column.in_(select(given.c.value))


_ALL = select(*(table.c[name] for name in COLUMNS))
_OF_KIND = tuple(table.c[name] == bindparam(name) for name in ("kind", "account", "region"))
_AFTER = Prepared(
    _ALL.where(*_OF_KIND, table.c.id > bindparam("after")).order_by(table.c.id).limit(bindparam("most"))
)
_NEWEST = Prepared(_ALL.where(*_OF_KIND).order_by(table.c.id.desc()).limit(bindparam("most")))
_SOME = Prepared(select(table.c.id).where(*_OF_KIND).limit(bindparam("most")))


_BY_ID = Prepared(_ALL.where(_asked(table.c.id)))
_TAG = tags.table.c
_TAGS = Prepared(select(_TAG.arn, _TAG.key, _TAG.value).where(_asked(_TAG.arn)).order_by(_TAG.arn, _TAG.key))
_MEMBER = trial_memberships.components.c
_PARENTS = Prepared(
    select(_MEMBER.component, _MEMBER.trial_name, table.c.name)
    .join_from(trial_memberships.components, table, table.c.id == _MEMBER.experiment)
    .where(_asked(_MEMBER.component))
    .order_by(_MEMBER.component, _MEMBER.trial_created, _MEMBER.trial)
)
_METRIC_OF = component_metrics.table.c.component
_MEASURED = Prepared(select(_METRIC_OF).where(_asked(_METRIC_OF)).distinct())


def by_id(connection: Connection, ids: Sequence[int]) -> dict[int, Resource]:
    """The resources of these ids that still stand."""
    rows = _BY_ID.all(connection, asked=json.dumps(list(ids)))
    return {row[9]: Resource(Key(*row[:5]), *row[5:]) for row in rows}


def after(connection: Connection, kind: str, scope: Scope, last: int, most: int) -> list[Resource]:
    """The next resources of that kind behind the row `last`, in the order of their ids."""
    rows = _AFTER.all(connection, kind=kind, account=scope.account, region=scope.region, after=last, most=most)
    return [Resource(Key(*row[:5]), *row[5:]) for row in rows]


def newest(connection: Connection, kind: str, scope: Scope, most: int) -> list[Resource]:
    """The last resources of that kind, the newest first."""
    rows = _NEWEST.all(connection, kind=kind, account=scope.account, region=scope.region, most=most)
    return [Resource(Key(*row[:5]), *row[5:]) for row in rows]


def are_more_than(connection: Connection, kind: str, scope: Scope, number: int) -> bool:
    """Whether there are more than so many of that kind."""
    rows = _SOME.all(connection, kind=kind, account=scope.account, region=scope.region, most=number + 1)
    return len(rows) > number


def tags_of(connection: Connection, arns: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """The tags of each ARN that has any, by key in the order of the keys."""
    found: dict[str, list[tuple[str, str]]] = {}
    for arn, key, value in _TAGS.all(connection, asked=json.dumps(list(arns))):
        found.setdefault(arn, []).append((key, value))
    return found


def parents_of(connection: Connection, components: Sequence[int]) -> dict[int, list[tuple[str, str]]]:
    """(trial, experiment) by name of each component that is in any, the oldest trials first."""
    found: dict[int, list[tuple[str, str]]] = {}
    for component, trial, experiment in _PARENTS.all(connection, asked=json.dumps(list(components))):
        found.setdefault(component, []).append((trial, experiment))
    return found


def measured(connection: Connection, components: Sequence[int]) -> set[int]:
    """Those of the components that metrics were put for."""
    return {row[0] for row in _MEASURED.all(connection, asked=json.dumps(list(components)))}
