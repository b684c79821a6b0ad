"""What artifacts, actions and contexts have in common at the API. Spec 04, section 3; spec 06, section 2.

What jobs and the registry leave is written by recorders (recorded_lineage.py), as the same rows (lineage_rows.py).
"""

from __future__ import annotations

from stepwell.base import arn as arns
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import not_found, validation
from stepwell.services import paging
from stepwell.services.registry import Call
from stepwell.services.sagemaker import lineage_rows, recording
from stepwell.services.sagemaker.identities import user_context
from stepwell.services.sagemaker.lineage_rows import ARTIFACT, Noun
from stepwell.services.sagemaker.tag_lists import tag_map
from stepwell.store import associations, lineage_entities, resources, tags
from stepwell.store.database import Connection
from stepwell.store.lineage_entities import Filter, Query
from stepwell.store.resources import Resource

MOST_PROPERTIES = 30


def create(call: Call, noun: Noun, request: Document, name: str) -> Document:
    """Add an entity of that name. Raises ValidationException when it stands already."""
    given = tag_map(request.get("Tags"))
    document = {member: value for member, value in request.items() if member != "Tags"}
    document["CreatedBy"] = user_context(call.scope)
    arn = noun.arn(call.scope, name)
    made = Resource(resources.key(call.scope, noun.kind, name), "", call.now, call.now, document)
    with recording.writing(call) as transaction:
        try:
            lineage_rows.add(transaction, noun, made)
        except resources.AlreadyExists:
            shown = arn if noun is ARTIFACT else name
            raise validation(
                f"{noun.member} names must be unique within an AWS account and region. "
                f"{noun.member} with name ({shown}) already exists."
            ) from None
        tags.put(transaction, arn, given)
    return {f"{noun.member}Arn": arn}


def find(connection: Connection, scope: Scope, noun: Noun, reference: str) -> Resource:
    """The entity of that name or ARN. Raises ResourceNotFound."""
    parsed = arns.parse(reference)
    name = reference if parsed is None else parsed.name
    is_ours = parsed is None or (parsed.kind, parsed.account, parsed.region) == (
        noun.kind,
        scope.account,
        scope.region,
    )
    key = resources.key(scope, noun.kind, name)
    found = resources.find_ignoring_case(connection, key) if is_ours else None
    if found is None:
        raise not_found(f"{noun.member} '{reference if parsed else noun.arn(scope, name)}' does not exist.")
    return found


def describe(call: Call, noun: Noun, request: Document) -> Document:
    """What Describe answers for any of them."""
    with recording.reading(call) as connection:
        found = find(connection, call.scope, noun, request[noun.named])
    return {
        **({f"{noun.member}Name": found.name} if noun is not ARTIFACT else {}),
        **found.document,
        f"{noun.member}Arn": noun.arn(call.scope, found.name),
        "CreationTime": found.created,
        "LastModifiedTime": found.modified,
        "LineageGroupArn": lineage_rows.group_arn(call.scope),
    }


def update(call: Call, noun: Noun, request: Document) -> Document:
    """Replace members; properties are merged with those that stand. Raises ValidationException for too many."""
    with recording.writing(call) as transaction:
        found = find(transaction.connection, call.scope, noun, request[noun.named])
        changes: Document = {member: request[member] for member in noun.updated if member in request}
        if "Properties" in request or "PropertiesToRemove" in request:
            changes["Properties"] = _merged(found.document.get("Properties", {}), request)
        changes["LastModifiedBy"] = user_context(call.scope)
        lineage_rows.save(transaction, noun, found.with_changes(call.now, **changes))
    return {f"{noun.member}Arn": noun.arn(call.scope, found.name)}


def delete(call: Call, noun: Noun, reference: str) -> Document:
    """Remove an entity that nothing is associated with."""
    with recording.writing(call) as transaction:
        found = find(transaction.connection, call.scope, noun, reference)
        arn = noun.arn(call.scope, found.name)
        if associations.is_associated(transaction.connection, found.id):
            raise validation(
                f"{noun.member} '{arn}' cannot be deleted because it still has associations. "
                "Delete its associations first."
            )
        resources.remove(transaction, found.key)
        tags.clear(transaction, arn)
    return {f"{noun.member}Arn": arn}


def listed(call: Call, noun: Noun, request: Document) -> Document:
    """A page of summaries."""
    type_ = request.get(f"{noun.member}Type")
    wanted = Filter(
        types=(type_,) if type_ is not None else (),
        created_after=request.get("CreatedAfter"),
        created_before=request.get("CreatedBefore"),
    )
    query = Query(
        noun.kind,
        call.scope,
        wanted,
        uri=request.get("SourceUri"),
        sort_by="name" if request.get("SortBy") == "Name" else "created",
        descending=request.get("SortOrder", "Descending") == "Descending",
        limit=request.get("MaxResults", 10),
        after=paging.decode(request.get("NextToken")),
    )
    with recording.reading(call) as connection:
        ids, following = lineage_entities.page(connection, query)
        rows = [resources.find_id(connection, row_id) for row_id in ids]
    answer: Document = {f"{noun.member}Summaries": [_summary(call, noun, row) for row in rows if row is not None]}
    return answer if following is None else {**answer, "NextToken": paging.encode(following)}


def _summary(call: Call, noun: Noun, row: Resource) -> Document:
    members = (f"{noun.member}Name", "Source", f"{noun.member}Type", *noun.shown)
    return {
        **({f"{noun.member}Name": row.name} if noun is not ARTIFACT else {}),
        **{member: row.document[member] for member in members if member in row.document},
        f"{noun.member}Arn": noun.arn(call.scope, row.name),
        "CreationTime": row.created,
        "LastModifiedTime": row.modified,
    }


def _merged(standing: Document, request: Document) -> Document:
    """The properties after an update."""
    merged = {**standing, **request.get("Properties", {})}
    kept = {key: value for key, value in merged.items() if key not in request.get("PropertiesToRemove", ())}
    if len(kept) > MOST_PROPERTIES:
        raise validation(f"There can be at most {MOST_PROPERTIES} properties; this would make {len(kept)}.")
    return kept
