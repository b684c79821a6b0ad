"""QueryLineage: what can be reached from an entity along associations. Spec 04, section 3, "QueryLineage".

A page takes no more levels of the walk than it needs. The walk stands still between pages and goes on with the token;
when it is gone (a restart, too many others), it is made again and continues behind the last vertex that was given.
An edge is given with the later of its ends, so that no page speaks of a vertex that the client has not seen.
"""

from __future__ import annotations

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import validation
from stepwell.services.registry import Call, operation
from stepwell.services.sagemaker import lineage_pages, recording
from stepwell.services.sagemaker.associations import WORDS, entity
from stepwell.services.sagemaker.lineage_pages import Question
from stepwell.store import lineage_entities
from stepwell.store.associations import Association
from stepwell.store.database import Connection
from stepwell.store.lineage_entities import Entity, Filter

DEEPEST = 10
MOST_VERTICES = 50
OF_JOBS = "SageMaker"
"""A component's type is SageMakerTrainingJob where associations are listed, and TrainingJob here."""
KINDS = {words: kind for kind, words in WORDS.items()}


@operation
def query_lineage(call: Call, request: Document) -> Document:
    starts = request.get("StartArns") or [None]
    depth = request.get("MaxDepth", DEEPEST)
    if depth < 0:
        raise validation(f"MaxDepth must be between 0 and {DEEPEST}; it is {depth}.")
    with recording.reading(call) as connection:
        question = Question(
            _start(connection, call.scope, starts[0]),
            call.scope,
            request.get("Direction", "Both"),
            depth,
            _filter(request.get("Filters") or {}),
            request.get("IncludeEdges", True),
        )
        most = request.get("MaxResults", MOST_VERTICES)
        if most < 1:
            raise validation(f"MaxResults must be between 1 and {MOST_VERTICES}; it is {most}.")
        page = lineage_pages.following(connection, question, request.get("NextToken"), most)
        entities = lineage_entities.of_ids(connection, page.vertices)
        ends = {end for edge in page.edges for end in (edge.source, edge.destination)}
        entities.update(lineage_entities.of_ids(connection, ends.difference(entities)))
    return {
        "Vertices": [_vertex(entities[each]) for each in page.vertices if each in entities],
        "Edges": [_edge(edge, entities) for edge in page.edges],
        **({"NextToken": page.token} if page.token else {}),
    }


def _start(connection: Connection, scope: Scope, arn: str | None) -> int | None:
    return None if arn is None else entity(connection, scope, arn).id


def _filter(filters: Document) -> Filter:
    types = filters.get("Types", ())
    return Filter(
        tuple(KINDS[words] for words in filters.get("LineageTypes", ())),
        (*types, *(OF_JOBS + each for each in types)),
        filters.get("CreatedAfter"),
        filters.get("CreatedBefore"),
        filters.get("ModifiedAfter"),
        filters.get("ModifiedBefore"),
        tuple(filters.get("Properties", {}).items()),
    )


def _vertex(found: Entity) -> Document:
    is_component = found.kind == KINDS["TrialComponent"]
    shown = found.type.removeprefix(OF_JOBS) if is_component else found.type
    return {"Arn": found.arn, **({"Type": shown} if shown else {}), "LineageType": WORDS[found.kind]}


def _edge(edge: Association, entities: dict[int, Entity]) -> Document:
    return {
        "SourceArn": entities[edge.source].arn,
        "DestinationArn": entities[edge.destination].arn,
        **({"AssociationType": edge.type} if edge.type else {}),
    }
