"""How entities of lineage are written: a row of `resources` and a narrow one beside it, always together.

In: an entity as a resource. Shared by the operations (lineage_nouns.py) and by what records jobs and packages
(recorded_lineage.py). The first entity of an account and region brings their lineage group with it, as on AWS.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from stepwell.base import ids
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.store import lineage_entities, resources
from stepwell.store.database import Transaction
from stepwell.store.lineage_entities import Entity
from stepwell.store.resources import Resource

ID_LENGTH = 32
HEXADECIMAL = "0123456789abcdef"
GROUP = "lineage-group"
DEFAULT_GROUP = "sagemaker-default-lineage-group"


@dataclass(frozen=True, slots=True)
class Noun:
    """One kind of entity. `member` begins its members: Artifact of ArtifactArn."""

    kind: str
    member: str
    named: str
    """The member that requests name it by."""
    updated: tuple[str, ...]
    """Members that an update replaces, apart from properties."""
    shown: tuple[str, ...] = ()
    """Members that a summary has besides those of all."""

    def arn(self, scope: Scope, name: str) -> str:
        """The ARN of the entity of that name."""
        return scope.arn("sagemaker", f"{self.kind}/{name}")


NOUNS: Mapping[str, Noun] = {
    noun.kind: noun
    for noun in (
        Noun("artifact", "Artifact", "ArtifactArn", ("ArtifactName",)),
        Noun("action", "Action", "ActionName", ("Description", "Status"), ("Status",)),
        Noun("context", "Context", "ContextName", ("Description",)),
    )
}
ARTIFACT, ACTION, CONTEXT = NOUNS["artifact"], NOUNS["action"], NOUNS["context"]


def artifact_id(scope: Scope, source: Document) -> str:
    """The id of the artifact of that source: two of the same source cannot be."""
    types = sorted((each["SourceIdType"], each["Value"]) for each in source.get("SourceTypes") or ())
    causes = (scope.account, scope.region, "artifact", source["SourceUri"], json.dumps(types))
    return ids.derived(ID_LENGTH, *causes, alphabet=HEXADECIMAL)


def group_arn(scope: Scope) -> str:
    """The ARN of the group that all entities of an account and region are in."""
    return scope.arn("sagemaker", f"{GROUP}/{DEFAULT_GROUP}")


def add(transaction: Transaction, noun: Noun, made: Resource) -> Entity:
    """Write a new entity. Raises AlreadyExists."""
    added = resources.add(transaction, made)
    _ensure_group(transaction, Scope(made.key.account, made.key.region), made.created)
    entity = entity_of(noun, added)
    lineage_entities.put(transaction, entity)
    return entity


def save(transaction: Transaction, noun: Noun, changed: Resource) -> None:
    """Write an entity that stands already."""
    resources.save(transaction, changed)
    lineage_entities.put(transaction, entity_of(noun, changed))


def entity_of(noun: Noun, resource: Resource) -> Entity:
    """The narrow row of an entity."""
    document, key = resource.document, resource.key
    return Entity(
        resource.id,
        key.account,
        key.region,
        key.kind,
        key.name,
        document.get("ArtifactName", "") if noun is ARTIFACT else key.name,
        document[f"{noun.member}Type"],
        document["Source"]["SourceUri"],
        resource.created,
        resource.modified,
    )


def _ensure_group(transaction: Transaction, scope: Scope, now: float) -> None:
    key = resources.key(scope, GROUP, DEFAULT_GROUP)
    if resources.find(transaction.connection, key) is None:
        resources.add(transaction, Resource(key, "", now, now, {}))
