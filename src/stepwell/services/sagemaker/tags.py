"""AddTags, ListTags and DeleteTags for whatever has a SageMaker ARN here. Spec 06, section 5.

Versions of a model package group carry no tags of their own: the group does (spec 04, section 1). A resource whose
tags change has changed: what is recorded of it, such as its entries in the search index, may follow from them.
"""

from __future__ import annotations

from stepwell.base import arn as arns
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import not_found, validation
from stepwell.services import paging
from stepwell.services.registry import Call, operation
from stepwell.services.sagemaker import tag_lists
from stepwell.store import resources, tags, unrecorded
from stepwell.store.database import Connection

MOST_TAGS_A_PAGE = 100


@operation
def add_tags(call: Call, request: Document) -> Document:
    added = tag_lists.tag_map(request["Tags"])
    with call.site.database.write() as transaction:
        arn, resource_id = _tagged(transaction.connection, call.scope, request["ResourceArn"])
        merged = {**tags.of(transaction.connection, arn), **added}
        tag_lists.refuse_too_many(len(merged))
        tags.put(transaction, arn, added)
        unrecorded.add(transaction, resource_id)
    return {"Tags": tag_lists.tag_list(merged)}


@operation
def list_tags(call: Call, request: Document) -> Document:
    following = paging.decode(request.get("NextToken"))
    with call.site.database.read() as connection:
        found = tags.of(connection, _tagged(connection, call.scope, request["ResourceArn"])[0])
    keys = [key for key in sorted(found) if following is None or key > str(following[0])]
    given = keys[: request.get("MaxResults", MOST_TAGS_A_PAGE)]
    answer: Document = {"Tags": tag_lists.tag_list({key: found[key] for key in given})}
    return {**answer, "NextToken": paging.encode((given[-1], 0))} if len(given) < len(keys) else answer


@operation
def delete_tags(call: Call, request: Document) -> Document:
    tag_lists.refuse_reserved(request["TagKeys"])
    with call.site.database.write() as transaction:
        arn, resource_id = _tagged(transaction.connection, call.scope, request["ResourceArn"])
        tags.remove(transaction, arn, request["TagKeys"])
        unrecorded.add(transaction, resource_id)
    return {}


def _tagged(connection: Connection, scope: Scope, reference: str) -> tuple[str, int]:
    """The ARN, as tags know it, and the row id of the resource that `reference` names in any case.

    Raises ResourceNotFound.
    """
    parsed = arns.parse(reference)
    if parsed is None or (parsed.account, parsed.region) != (scope.account, scope.region):
        raise _missing(reference)
    if parsed.kind == "model-package" and "/" in parsed.name:
        raise validation(f"Tagging a model package version is not supported: tag the group of {reference} instead.")
    found = resources.find_ignoring_case(connection, resources.key(scope, parsed.kind, parsed.name))
    if found is None:
        raise _missing(reference)
    return scope.arn("sagemaker", f"{parsed.kind}/{found.name}"), found.id


def _missing(reference: str) -> Exception:
    return not_found(f"Resource '{reference}' does not exist.")
