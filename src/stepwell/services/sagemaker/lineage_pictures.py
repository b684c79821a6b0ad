"""The lineage around one entity, to be drawn: gathers the entities and edges of a walk. Reads only.

In: what a person named. Out: a Picture. `stepwell lineage` reads the database of its data folder; clients ask
QueryLineage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stepwell.base import arn as arns
from stepwell.base.arn import Scope
from stepwell.base.faults import not_found
from stepwell.machines import job_components
from stepwell.machines.lineage_trees import Node
from stepwell.machines.package_lineage import SUFFIX
from stepwell.services.sagemaker import lineage_subjects
from stepwell.services.sagemaker.lineage_subjects import Content, JobNamed, Package, Place
from stepwell.store import associations, lineage_entities, lineage_walks, resources
from stepwell.store.associations import Association, Direction
from stepwell.store.database import Connection
from stepwell.store.lineage_entities import Entity

MOST_ENTITIES = 20_000
"""A walk that has found so many ends: nobody looks at more."""
COMPONENT = "experiment-trial-component"
WORDS = {"SageMakerTrainingJob": "training job", "SageMakerProcessingJob": "processing job"}
KINDS = ("artifact", "action", "context", COMPONENT, "experiment")


@dataclass(frozen=True, slots=True)
class Picture:
    """Entities by their ids, the edges between them, and whether there is more than was walked."""

    start: int
    entities: Mapping[int, Entity]
    depths: Mapping[int, int]
    edges: Sequence[Association]
    is_cut: bool

    @property
    def nodes(self) -> dict[int, Node]:
        """What is drawn of each."""
        return {each: _node(entity) for each, entity in self.entities.items()}

    def following(self, direction: Direction) -> dict[int, list[int]]:
        """What is one edge further from each: the oldest first."""
        found: dict[int, list[int]] = {}
        for edge in sorted(self.edges, key=self._age):
            near, far = (edge.source, edge.destination)
            if direction == "Ascendants":
                near, far = far, near
            found.setdefault(near, []).append(far)
        return found

    def _age(self, edge: Association) -> tuple[float, float, int, int]:
        ends = self.entities[edge.source].created, self.entities[edge.destination].created
        return (*ends, edge.source, edge.destination)


def of(connection: Connection, scope: Scope, text: str, direction: Direction, depth: int) -> Picture:
    """All that is at most `depth` edges from what `text` names, in that direction. Raises Fault."""
    start = entity(connection, scope, text)
    walk = lineage_walks.begin(connection, start.id, direction, depth)
    while not walk.is_over and len(walk.depths) < MOST_ENTITIES:
        walk.further(connection)
    entities = lineage_entities.of_ids(connection, walk.depths)
    edges = [edge for edge in associations.out_of(connection, entities) if edge.destination in entities]
    return Picture(start.id, entities, walk.depths, edges, is_cut=_goes_on(connection, walk))


def _goes_on(connection: Connection, walk: lineage_walks.Walk) -> bool:
    if not walk.frontier:
        return False
    near = associations.neighbours(connection, walk.frontier, walk.direction)
    return bool(near.difference(walk.depths))


def entity(connection: Connection, scope: Scope, text: str) -> Entity:
    """The entity that stands for what `text` names: an entity's ARN or name, or all that lineage_subjects knows.
    Raises Fault."""
    found = _itself(connection, scope, text)
    if found is not None:
        return found
    subject = lineage_subjects.find(connection, scope, text)
    match subject:
        case JobNamed(_, row):
            home = Scope(row.key.account, row.key.region)
            name = job_components.component_name(row.key.kind, row.name)
            found = lineage_entities.find(connection, resources.key(home, COMPONENT, name))
        case Package(arn, row):
            home = Scope(row.key.account, row.key.region)
            found = lineage_entities.first_at(connection, home, "artifact", arn)
        case Place(uri):
            places = (_at(connection, home, uri) for home in lineage_subjects.homes(connection, scope))
            found = next((place for place in places if place is not None), None)
        case Content(hash):
            raise not_found(f"lineage goes by places, not by bytes: try stepwell recall {hash}")
    if found is None:
        raise not_found(f"no lineage is known of {text}: no job read or wrote it, or its entities were deleted.")
    return found


def _itself(connection: Connection, scope: Scope, text: str) -> Entity | None:
    parsed = arns.parse(text)
    if parsed is not None:
        home = Scope(parsed.account, parsed.region)
        if parsed.kind in KINDS:
            found = lineage_entities.find(connection, resources.key(home, parsed.kind, parsed.name))
            if found is None:
                raise not_found(f"{text} does not exist.")
            return found
        return lineage_entities.first_at(connection, home, "context", text)
    for home in lineage_subjects.homes(connection, scope):
        for kind in KINDS:
            found = lineage_entities.find(connection, resources.key(home, kind, text))
            if found is not None:
                return found
    return None


def _at(connection: Connection, scope: Scope, uri: str) -> Entity | None:
    """The artifact of that URI, or of the nearest place above it."""
    place = uri
    while place.startswith("s3://") and place != "s3:/":
        for spelling in (place, place + "/", place.rstrip("/")):
            found = lineage_entities.first_at(connection, scope, "artifact", spelling)
            if found is not None:
                return found
        place = place.rstrip("/").rpartition("/")[0]
    return None


def _node(found: Entity) -> Node:
    """What is drawn of an entity."""
    shown = arns.parse(found.uri)
    match found.kind:
        case "artifact" if shown is not None and shown.kind == "model-package":
            return Node(found.arn, found.kind, "model package", shown.name)
        case "artifact":
            return Node(found.arn, found.kind, found.type or "artifact", found.title or found.uri)
        case "action":
            return Node(found.arn, found.kind, found.type.lower() or "action", found.name.removesuffix(f"-{SUFFIX}"))
        case "context" if shown is not None and shown.kind == "model-package-group":
            return Node(found.arn, found.kind, "model package group", shown.name)
        case _ if found.type in WORDS and shown is not None:
            return Node(found.arn, found.kind, WORDS[found.type], shown.name)
    return Node(found.arn, found.kind, found.type or found.kind.rpartition("-")[2], found.title or found.name)
