"""Associations: what joins two entities of lineage. Spec 04, section 3.

They may form circles: a job that reads and writes one place makes one. What cannot be is one from an entity to
itself, and one between two entities of experiments (developer guide, "Manually Create Tracking Entities").
"""

from __future__ import annotations

from collections.abc import Mapping

from stepwell.base import arn as arns
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import not_found, validation
from stepwell.services import paging
from stepwell.services.registry import Call, operation
from stepwell.services.sagemaker import recording
from stepwell.store import associations, lineage_entities, resources
from stepwell.store.associations import Association, Query, SortBy
from stepwell.store.database import Connection
from stepwell.store.lineage_entities import Entity

WORDS: Mapping[str, str] = {
    "artifact": "Artifact",
    "action": "Action",
    "context": "Context",
    "experiment": "Experiment",
    "experiment-trial-component": "TrialComponent",
}
"""Kinds that can be associated, as the API calls them."""
OF_EXPERIMENTS = ("experiment", "experiment-trial-component")
SORTED: Mapping[str, SortBy] = {
    "SourceArn": "source",
    "DestinationArn": "destination",
    "SourceType": "source_type",
    "DestinationType": "destination_type",
    "CreationTime": "created",
}
SHIFT = 48
"""Two row ids in one number, as a position in a list."""


@operation
def add_association(call: Call, request: Document) -> Document:
    with recording.writing(call) as transaction:
        source, destination = _ends(transaction.connection, call.scope, request)
        if source.id == destination.id:
            raise validation(f"An association needs two entities; source and destination are both '{source.arn}'.")
        if source.kind in OF_EXPERIMENTS and destination.kind in OF_EXPERIMENTS:
            raise validation(
                "Associations cannot be created between two experiment entities: "
                f"source '{source.arn}', destination '{destination.arn}'."
            )
        made = Association(source.id, destination.id, request.get("AssociationType", ""), call.now)
        try:
            associations.add(transaction, made)
        except associations.AlreadyExists:
            raise validation(
                "Associations must be unique within an AWS account and region. "
                f"Association with source ({source.arn}) and destination ({destination.arn}) already exists."
            ) from None
    return {"SourceArn": source.arn, "DestinationArn": destination.arn}


@operation
def delete_association(call: Call, request: Document) -> Document:
    with recording.writing(call) as transaction:
        source, destination = _ends(transaction.connection, call.scope, request)
        if not associations.remove(transaction, source.id, destination.id):
            raise not_found(f"Association from '{source.arn}' to '{destination.arn}' does not exist.")
    return {"SourceArn": source.arn, "DestinationArn": destination.arn}


@operation
def list_associations(call: Call, request: Document) -> Document:
    with recording.reading(call) as connection:
        found, following = associations.page(connection, _query(connection, call, request))
        ends = {end for each in found for end in (each.source, each.destination)}
        entities = lineage_entities.of_ids(connection, ends)
    answer: Document = {"AssociationSummaries": [_summary(each, entities) for each in found]}
    if following is None:
        return answer
    value, source, destination = following
    return {**answer, "NextToken": paging.encode((value, (source << SHIFT) + destination))}


def entity(connection: Connection, scope: Scope, arn: str) -> Entity:
    """The entity of that ARN. Raises ResourceNotFound."""
    parsed = arns.parse(arn)
    if parsed is not None and (parsed.account, parsed.region) == (scope.account, scope.region):
        key = resources.key(scope, parsed.kind, parsed.name)
        found = lineage_entities.find(connection, key)
        if found is None:
            row = resources.find_ignoring_case(connection, key)
            found = lineage_entities.find(connection, row.key) if row else None
        if found is not None:
            return found
    words = WORDS.get(parsed.kind, "Resource") if parsed else "Resource"
    raise not_found(f"{words} '{arn}' does not exist.")


def _ends(connection: Connection, scope: Scope, request: Document) -> tuple[Entity, Entity]:
    return entity(connection, scope, request["SourceArn"]), entity(connection, scope, request["DestinationArn"])


def _query(connection: Connection, call: Call, request: Document) -> Query:
    position = paging.decode(request.get("NextToken"))
    after = None if position is None else (position[0], position[1] >> SHIFT, position[1] & ((1 << SHIFT) - 1))
    ends = {
        name: entity(connection, call.scope, request[member]).id
        for name, member in (("source", "SourceArn"), ("destination", "DestinationArn"))
        if member in request
    }
    return Query(
        call.scope,
        **ends,
        source_type=request.get("SourceType"),
        destination_type=request.get("DestinationType"),
        type=request.get("AssociationType"),
        created_after=request.get("CreatedAfter"),
        created_before=request.get("CreatedBefore"),
        sort_by=SORTED[request.get("SortBy", "CreationTime")],
        descending=request.get("SortOrder", "Descending") == "Descending",
        limit=request.get("MaxResults", 10),
        after=after,
    )


def _summary(association: Association, entities: Mapping[int, Entity]) -> Document:
    source, destination = entities[association.source], entities[association.destination]
    shown = {
        "SourceArn": source.arn,
        "DestinationArn": destination.arn,
        "SourceType": source.type,
        "DestinationType": destination.type,
        "AssociationType": association.type,
        "SourceName": source.title,
        "DestinationName": destination.title,
        "CreationTime": association.created,
    }
    return {member: value for member, value in shown.items() if value != ""}
