"""The lineage of jobs and of the model registry, written behind them: see `recording.py`, and spec 04, section 3.

In: a job, package, group or trial component as it stands. Out: entities and associations, those that are not there
yet. There is one artifact for each URI: the first job that names it decides its type; what bytes were seen there is
brought up to date. What a job read and wrote exactly stands in store/job_manifests.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.machines import job_components, job_lineage, job_progress, package_lineage
from stepwell.machines.job_lineage import FINAL, Artifact, Held, Job
from stepwell.services.sagemaker import lineage_rows
from stepwell.services.sagemaker.lineage_rows import ACTION, ARTIFACT, CONTEXT, Noun, artifact_id
from stepwell.services.sagemaker.recorded import Recorded
from stepwell.store import associations, job_manifests, lineage_entities, resources
from stepwell.store.associations import Association
from stepwell.store.database import Transaction
from stepwell.store.job_manifests import Piece
from stepwell.store.lineage_entities import Entity
from stepwell.store.resources import Resource

COMPONENT = "experiment-trial-component"


def record_experiment_entity(recorded: Recorded) -> None:
    """A trial component or experiment can be associated with others."""
    lineage_entities.put(recorded.transaction, _experiment_entity(recorded.resource))


def record_job(recorded: Recorded) -> None:
    """A job's inputs once it is there, its outputs once it has ended. Without its component there is nothing to tie
    them to: that was deleted by a client."""
    job, connection = recorded.resource, recorded.transaction.connection
    if job_progress.is_deleted(job.document):
        return
    component = _component(recorded)
    if component is None:
        return
    is_over = job.status in FINAL
    standing = associations.into(connection, (component.id,))
    if not is_over and _has_own(job, standing):
        return
    produced = associations.out_of(connection, (component.id,))
    if _has_own(job, produced):
        return
    found = job_lineage.of_job(_job(recorded))
    inputs = ((artifact, component.id, "ContributedTo") for artifact in found.inputs)
    _join(recorded, inputs, {edge.source for edge in standing})
    for artifact in found.outputs:
        output = _artifact(recorded, artifact)
        if output not in {edge.destination for edge in produced}:
            _associate(recorded, component.id, output, "Produced")


def _has_own(job: Resource, standing: Iterable[Association]) -> bool:
    """Whether any of these is the job's: its component may have been an earlier job's of the same name."""
    return any(edge.created >= job.created for edge in standing)


def record_package(recorded: Recorded) -> None:
    """A package: what it is made of, its group, and the approval status that it has now."""
    package, document = recorded.resource, recorded.resource.document
    connection, arn = (
        recorded.transaction.connection,
        recorded.scope.arn("sagemaker", f"model-package/{package.name}"),
    )
    made = _artifact(recorded, package_lineage.package(arn, document), document.get("MetadataProperties"))
    standing = {edge.source for edge in associations.into(connection, (made,))}
    parts = ((part, made, "ContributedTo") for part in package_lineage.parts(document))
    _join(recorded, parts, standing)
    group = document.get("ModelPackageGroupName")
    if group is None:
        return
    context = _context(recorded, group, document)
    if context not in {edge.destination for edge in associations.out_of(connection, (made,))}:
        _associate(recorded, made, context, "AssociatedWith")
    approval = _approval(recorded, arn)
    if approval is not None:
        _associate(recorded, approval, made, "ContributedTo")


def record_group(recorded: Recorded) -> None:
    """A model package group is a context."""
    _context(recorded, recorded.resource.name, {})


def _component(recorded: Recorded) -> Entity | None:
    """The job's component, as it stands among the entities."""
    connection, job = recorded.transaction.connection, recorded.resource
    name = job_components.component_name(job.key.kind, job.name)
    key = resources.key(recorded.scope, COMPONENT, name)
    found = lineage_entities.find(connection, key)
    if found is not None:
        return found
    row = resources.find(connection, key)
    if row is None:
        return None
    found = _experiment_entity(row)
    lineage_entities.put(recorded.transaction, found)
    return found


def _experiment_entity(row: Resource) -> Entity:
    source, key = row.document.get("Source") or {}, row.key
    return Entity(
        row.id,
        key.account,
        key.region,
        key.kind,
        key.name,
        key.name,
        source.get("SourceType", ""),
        source.get("SourceArn", ""),
        row.created,
        row.modified,
    )


def _job(recorded: Recorded) -> Job:
    job = recorded.resource
    arn = recorded.scope.arn("sagemaker", f"{job.key.kind}/{job.name}")
    manifest = job_manifests.find(recorded.transaction.connection, arn) if job.status in FINAL else None
    found = Job(job.key.kind, arn, job.status, job.document)
    if manifest is None:
        return found
    reads: dict[str, list[Held]] = {}
    for piece in manifest.inputs:
        reads.setdefault(piece.channel, []).append(_held(piece))
    return replace(
        found, reads=reads, writes=[_held(each) for each in manifest.outputs], environment=manifest.environment
    )


def _held(piece: Piece) -> Held:
    return Held(piece.uri, piece.size, piece.blob)


def _join(recorded: Recorded, wanted: Iterable[tuple[Artifact, int, str]], standing: set[int]) -> None:
    """Associations from artifacts, but for the sources in `standing`."""
    for artifact, destination, type_ in wanted:
        source = _artifact(recorded, artifact)
        if source not in standing:
            _associate(recorded, source, destination, type_)


def _associate(recorded: Recorded, source: int, destination: int, type_: str) -> None:
    """What a client has associated before stays as it is."""
    edge = Association(source, destination, type_, recorded.resource.modified)
    try:
        associations.add(recorded.transaction, edge)
    except associations.AlreadyExists:
        return


def _artifact(recorded: Recorded, wanted: Artifact, metadata: Document | None = None) -> int:
    """The id of the artifact of that URI, which is made, or told what is new of it."""
    transaction, scope, job = recorded.transaction, recorded.scope, recorded.resource
    found = lineage_entities.first_at(transaction.connection, scope, ARTIFACT.kind, wanted.uri)
    if found is not None:
        return _told(transaction, ARTIFACT, found.id, job.modified, wanted.properties)
    source: Document = {"SourceUri": wanted.uri, "SourceTypes": []}
    document: Document = {"Source": source, "ArtifactType": wanted.type, "Properties": wanted.properties}
    if metadata:
        document["MetadataProperties"] = metadata
    return _made(transaction, ARTIFACT, scope, artifact_id(scope, source), job.modified, document)


def _context(recorded: Recorded, group: str, document: Document) -> int:
    """The id of the context of a group."""
    transaction, scope, moment = recorded.transaction, recorded.scope, recorded.resource.modified
    name = package_lineage.context_name(group)
    properties = package_lineage.context_properties(group, document)
    found = resources.find(transaction.connection, resources.key(scope, CONTEXT.kind, name))
    if found is not None:
        return _told(transaction, CONTEXT, found.id, moment, properties)
    source = {"SourceUri": scope.arn("sagemaker", f"model-package-group/{group}"), "SourceType": "ARN"}
    made: Document = {"Source": source, "ContextType": "ModelGroup", "Properties": properties}
    return _made(transaction, CONTEXT, scope, name, moment, made)


def _approval(recorded: Recorded, arn: str) -> int | None:
    """The id of a new action, if the package's approval status is not the one that was recorded last."""
    transaction, scope, package = recorded.transaction, recorded.scope, recorded.resource
    status = package.document.get("ModelApprovalStatus")
    last = lineage_entities.newest_at(transaction.connection, scope, ACTION.kind, arn, "Approval")
    before = resources.find_id(transaction.connection, last.id) if last else None
    if status is None or (before and before.document["Properties"].get("ModelApprovalStatus") == status):
        return None
    moment = int(package.modified)
    while resources.find(transaction.connection, resources.key(scope, ACTION.kind, _named(package, moment))):
        moment += 1  # the same status twice within a second
    document: Document = {
        "Source": {"SourceUri": arn, "SourceType": "ARN"},
        "ActionType": "Approval",
        "Status": "Completed",
        "Properties": package_lineage.approval_properties(package.document),
        "CreatedBy": package.document.get("LastModifiedBy") or package.document.get("CreatedBy", {}),
    }
    return _made(transaction, ACTION, scope, _named(package, moment), package.modified, document)


def _named(package: Resource, moment: int) -> str:
    return package_lineage.approval_name(package.document, moment)


def _made(transaction: Transaction, noun: Noun, scope: Scope, name: str, moment: float, document: Document) -> int:
    row = Resource(resources.key(scope, noun.kind, name), "", moment, moment, document)
    return lineage_rows.add(transaction, noun, row).id


def _told(transaction: Transaction, noun: Noun, row_id: int, moment: float, properties: Document) -> int:
    """Bring properties up to date; nothing is written when they are."""
    if properties:
        row = resources.find_id(transaction.connection, row_id)
        assert row is not None
        standing = row.document.get("Properties", {})
        merged = {**standing, **properties}
        if merged != standing:
            lineage_rows.save(transaction, noun, row.with_changes(moment, Properties=merged))
    return row_id
