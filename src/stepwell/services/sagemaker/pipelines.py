"""Pipelines and their versions: definitions that can be started.

A pipeline is a row; each of its versions is a child row that holds the definition's text, so that listing pipelines
never reads definitions. UpdatePipeline adds a version; executions keep the one they were started with
(spec 02, sections 5 and 6).
"""

from __future__ import annotations

from stepwell.base import arn as arns
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault, not_found, validation
from stepwell.services import paging
from stepwell.services.registry import Call, operation
from stepwell.services.sagemaker import definitions, idempotency
from stepwell.services.sagemaker.identities import user_context
from stepwell.services.sagemaker.tag_lists import tag_map
from stepwell.store import callbacks, resources, steps, tags
from stepwell.store.database import Connection, Transaction
from stepwell.store.resources import Key, Resource

KIND = "pipeline"
VERSION = "pipeline-version"
EXECUTION = "pipeline-execution"
RUNNING = ("Executing", "Stopping")


def pipeline_arn(scope: Scope, name: str) -> str:
    """The ARN of the pipeline of that name."""
    return scope.arn("sagemaker", f"pipeline/{name}")


def name_of(reference: str) -> str:
    """The pipeline's name, from its name or its ARN."""
    parsed = arns.parse(reference)
    return parsed.name.partition("/")[0] if parsed else reference


def find(connection: Connection, scope: Scope, reference: str) -> Resource:
    """The pipeline of that name or ARN; raises ResourceNotFound."""
    name = name_of(reference)
    found = resources.find_ignoring_case(connection, resources.key(scope, KIND, name))
    if found is None:
        raise not_found(f"Pipeline '{pipeline_arn(scope, name)}' does not exist.")
    return found


def find_version(
    connection: Connection, scope: Scope, pipeline: Resource, number: int | None = None, alias: str | None = None
) -> Resource:
    """One version of the pipeline: by number, by alias, or the latest. Raises ResourceNotFound."""
    if number is not None and alias is not None:
        raise validation("PipelineVersionId and PipelineVersionAlias cannot both be given.")
    if alias is not None:
        number = pipeline.document.get("Aliases", {}).get(alias)
        if number is None:
            raise not_found(f"Pipeline version alias '{alias}' of pipeline '{pipeline.name}' does not exist.")
    wanted = number or pipeline.document["LatestVersion"]
    found = resources.find(connection, _version_key(scope, pipeline.name, wanted))
    if found is None:
        raise not_found(f"Version {wanted} of pipeline '{pipeline_arn(scope, pipeline.name)}' does not exist.")
    return found


@operation
def create_pipeline(call: Call, request: Document) -> Document:
    name = request["PipelineName"]
    arn = pipeline_arn(call.scope, name)
    text = definitions.text_of(call, request)
    definitions.checked(text)
    document = {
        **_settable(request),
        "PipelineDisplayName": request.get("PipelineDisplayName", name),
        "ClientRequestToken": request["ClientRequestToken"],
        idempotency.MEMBER: idempotency.digest(request),
        "CreatedBy": user_context(call.scope),
        "LastModifiedBy": user_context(call.scope),
        "LatestVersion": 1,
        "Aliases": dict.fromkeys(request.get("PipelineVersionAliases", []), 1),
    }
    row = Resource(resources.key(call.scope, KIND, name), "Active", call.now, call.now, document)
    with call.site.database.write() as transaction:
        standing = resources.find(transaction.connection, row.key)
        if standing is not None:
            if standing.document.get("ClientRequestToken") == request["ClientRequestToken"]:
                idempotency.require_same(standing.document.get(idempotency.MEMBER), request)
                return {"PipelineArn": arn}
            raise validation(
                "Pipeline names must be unique within an AWS account and region. "
                f"Pipeline with name ({name}) already exists."
            )
        resources.add(transaction, row)
        _add_version(transaction, call, name, 1, text)
        tags.put(transaction, arn, tag_map(request.get("Tags", [])))
    return {"PipelineArn": arn}


@operation
def update_pipeline(call: Call, request: Document) -> Document:
    has_definition = "PipelineDefinition" in request or "PipelineDefinitionS3Location" in request
    text = definitions.text_of(call, request) if has_definition else None
    if text is not None:
        definitions.checked(text)
    with call.site.database.write() as transaction:
        pipeline = find(transaction.connection, call.scope, request["PipelineName"])
        latest = find_version(transaction.connection, call.scope, pipeline)
        number = pipeline.document["LatestVersion"] + 1
        _add_version(transaction, call, pipeline.name, number, text or latest.document["PipelineDefinition"])
        aliases = {
            **pipeline.document.get("Aliases", {}),
            **dict.fromkeys(request.get("PipelineVersionAliases", []), number),
        }
        changed = pipeline.with_changes(
            call.now,
            **_settable(request),
            LatestVersion=number,
            Aliases=aliases,
            LastModifiedBy=user_context(call.scope),
        )
        resources.save(transaction, changed)
    return {"PipelineArn": pipeline_arn(call.scope, pipeline.name), "PipelineVersionId": number}


@operation
def describe_pipeline(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        pipeline = find(connection, call.scope, request["PipelineName"])
        version = find_version(
            connection,
            call.scope,
            pipeline,
            request.get("PipelineVersionId"),
            request.get("PipelineVersionAlias"),
        )
    return {
        **pipeline.document,
        **_version_members(pipeline, version),
        "PipelineArn": pipeline_arn(call.scope, pipeline.name),
        "PipelineName": pipeline.name,
        "PipelineDefinition": version.document["PipelineDefinition"],
        "PipelineStatus": pipeline.status,
        "CreationTime": pipeline.created,
        "LastModifiedTime": pipeline.modified,
    }


@operation
def delete_pipeline(call: Call, request: Document) -> Document:
    with call.site.database.write() as transaction:
        pipeline = find(transaction.connection, call.scope, request["PipelineName"])
        arn = pipeline_arn(call.scope, pipeline.name)
        running = resources.first_with_status(transaction.connection, EXECUTION, call.scope, pipeline.name, RUNNING)
        if running is not None:
            raise Fault(
                "ConflictException",
                f"Pipeline '{arn}' cannot be deleted while execution '{arn}/execution/{running.name}' is "
                f"{running.status}. Stop it or wait for it first.",
            )
        steps.remove_of_pipeline(transaction, arn)
        callbacks.remove_of_pipeline(transaction, arn)
        resources.remove_children(transaction, EXECUTION, call.scope, pipeline.name)
        resources.remove_children(transaction, VERSION, call.scope, pipeline.name)
        resources.remove(transaction, pipeline.key)
        tags.clear(transaction, arn)
    return {"PipelineArn": arn}


@operation
def list_pipelines(call: Call, request: Document) -> Document:
    if request.get("ManagedBy") == "AWS":
        return {"PipelineSummaries": []}
    wanted = paging.query(request, call, KIND, name_prefix=request.get("PipelineNamePrefix", ""))
    return paging.answer(call, wanted, "PipelineSummaries", lambda row: _summary(call.scope, row))


@operation
def list_pipeline_versions(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        pipeline = find(connection, call.scope, request["PipelineName"])
    wanted = paging.query(request, call, VERSION, parent=pipeline.name)
    return paging.answer(
        call, wanted, "PipelineVersionSummaries", lambda row: _version_summary(call.scope, pipeline, row)
    )


@operation
def update_pipeline_version(call: Call, request: Document) -> Document:
    number = request["PipelineVersionId"]
    changes = request.get("PipelineVersionAliasOperations", {})
    with call.site.database.write() as transaction:
        pipeline = find(transaction.connection, call.scope, request["PipelineArn"])
        version = find_version(transaction.connection, call.scope, pipeline, number)
        aliases = dict(pipeline.document.get("Aliases", {}))
        for alias in changes.get("Remove", []):
            if aliases.get(alias) != number:
                raise not_found(f"Alias '{alias}' of version {number} of pipeline '{pipeline.name}' does not exist.")
            del aliases[alias]
        aliases.update(dict.fromkeys(changes.get("Add", []), number))
        resources.save(transaction, pipeline.with_changes(call.now, Aliases=aliases))
        described = version.with_changes(
            version.modified,
            PipelineVersionDisplayName=request.get(
                "PipelineVersionDisplayName", version.document.get("PipelineVersionDisplayName")
            ),
            PipelineVersionDescription=request.get(
                "PipelineVersionDescription", version.document.get("PipelineVersionDescription")
            ),
        )
        resources.save(transaction, described)
    return {"PipelineArn": pipeline_arn(call.scope, pipeline.name), "PipelineVersionId": number}


def _settable(request: Document) -> Document:
    names = ("PipelineDisplayName", "PipelineDescription", "RoleArn", "ParallelismConfiguration")
    return {name: request[name] for name in names if name in request}


def _version_key(scope: Scope, pipeline: str, number: int) -> Key:
    return resources.key(scope, VERSION, str(number), pipeline)


def _add_version(transaction: Transaction, call: Call, pipeline: str, number: int, text: str) -> None:
    document = {"PipelineDefinition": text, "PipelineVersionId": number}
    key = _version_key(call.scope, pipeline, number)
    resources.add(transaction, Resource(key, "Active", call.now, call.now, document))


def _version_members(pipeline: Resource, version: Resource) -> Document:
    names = ("PipelineVersionDisplayName", "PipelineVersionDescription")
    members = {name: version.document[name] for name in names if name in version.document}
    number = version.document["PipelineVersionId"]
    aliases = sorted(alias for alias, of in pipeline.document.get("Aliases", {}).items() if of == number)
    return {**members, "PipelineVersionAliases": aliases} if aliases else members


def _summary(scope: Scope, row: Resource) -> Document:
    return {
        **row.document,
        "PipelineArn": pipeline_arn(scope, row.name),
        "PipelineName": row.name,
        "CreationTime": row.created,
        "LastModifiedTime": row.modified,
        "LastExecutionTime": row.document.get("LastRunTime"),
    }


def _version_summary(scope: Scope, pipeline: Resource, row: Resource) -> Document:
    return {
        **_version_members(pipeline, row),
        "PipelineArn": pipeline_arn(scope, pipeline.name),
        "PipelineVersionId": row.document["PipelineVersionId"],
        "CreationTime": row.created,
        "LastExecutionPipelineExecutionArn": row.document.get("LastExecutionPipelineExecutionArn"),
    }
