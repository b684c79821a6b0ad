"""Lineage groups: every account has one in each region, which holds all its lineage entities.

It comes to be with the first entity, as on AWS (developer guide, "Cross-Account Lineage Tracking"). Sharing it with
other accounts is AWS Resource Access Manager's, so it never has a policy here.
"""

from __future__ import annotations

from stepwell.base import arn as arns
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import not_found
from stepwell.services import paging
from stepwell.services.registry import Call, operation
from stepwell.services.sagemaker import recording
from stepwell.services.sagemaker.lineage_rows import GROUP
from stepwell.store import resources
from stepwell.store.database import Connection
from stepwell.store.resources import Resource


@operation
def describe_lineage_group(call: Call, request: Document) -> Document:
    with recording.reading(call) as connection:
        return _summary(call, _find(connection, call.scope, request["LineageGroupName"]))


@operation
def list_lineage_groups(call: Call, request: Document) -> Document:
    recording.catch_up(call.site)
    wanted = paging.query(request, call, GROUP)
    return paging.answer(call, wanted, "LineageGroupSummaries", lambda group: _summary(call, group))


@operation
def get_lineage_group_policy(call: Call, request: Document) -> Document:
    with recording.reading(call) as connection:
        group = _find(connection, call.scope, request["LineageGroupName"])
    raise not_found(f"Resource policy of lineage group '{_arn(call.scope, group.name)}' does not exist.")


def _find(connection: Connection, scope: Scope, reference: str) -> Resource:
    parsed = arns.parse(reference)
    name = parsed.name if parsed else reference
    found = resources.find(connection, resources.key(scope, GROUP, name))
    if found is None:
        raise not_found(f"LineageGroup '{_arn(scope, name)}' does not exist.")
    return found


def _summary(call: Call, group: Resource) -> Document:
    return {
        "LineageGroupName": group.name,
        "LineageGroupArn": _arn(call.scope, group.name),
        "CreationTime": group.created,
        "LastModifiedTime": group.modified,
    }


def _arn(scope: Scope, name: str) -> str:
    return scope.arn("sagemaker", f"{GROUP}/{name}")
