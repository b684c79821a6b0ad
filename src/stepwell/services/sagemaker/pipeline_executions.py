"""Executions of pipelines: started, described, listed and stopped here; moved by `runtime/pipeline_executions.py`.

An execution is a child row of its pipeline. Its id derives from the client's request token, so a repeated start is
the same execution (spec 02, sections 1 and 10). The steps it has begun are in `store/steps.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from stepwell.base import arn as arns
from stepwell.base import ids
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import not_found, validation
from stepwell.definition.parameters import listed, resolve_parameters
from stepwell.services import paging
from stepwell.services.events import announcements
from stepwell.services.registry import Call, operation
from stepwell.services.sagemaker import (
    definitions,
    experiment_configs,
    idempotency,
    pipelines,
    selective_executions,
)
from stepwell.services.sagemaker.identities import user_context
from stepwell.services.sagemaker.pipelines import EXECUTION, VERSION, pipeline_arn
from stepwell.store import resources, steps
from stepwell.store.database import Connection, Transaction
from stepwell.store.resources import Key, Resource
from stepwell.store.steps import Step

MACHINE = "pipeline-execution"
ATTEMPTS = "RetriedAttempts"
"""Member of an execution's document: step -> how often it was tried before RetryPipelineExecution."""
RETRY_TOKENS = "RetryTokens"
"""Member of an execution's document: the request tokens of its retries, so that none retries twice."""
STOP_TOKEN = "StopToken"
"""The same of the request that stopped it: sent again it is answered as before. A retry begins anew."""
RETRYABLE = ("Failed", "Stopped")


@dataclass(frozen=True, slots=True)
class Reference:
    """An execution's ARN, taken apart."""

    arn: str
    pipeline: str
    execution: str


def reference(scope: Scope, text: str) -> Reference:
    """The parts of an execution's ARN; raises ResourceNotFound when it is none of this account and region."""
    parsed = arns.parse(text)
    pipeline, separator, execution = parsed.name.partition("/execution/") if parsed else ("", "", "")
    if parsed is None or not separator or (parsed.account, parsed.region) != (scope.account, scope.region):
        raise not_found(f"Pipeline execution '{text}' does not exist.")
    return Reference(text, pipeline, execution)


def execution_arn(scope: Scope, row: Resource) -> str:
    """The ARN of the execution of that row."""
    return f"{pipeline_arn(scope, row.key.parent)}/execution/{row.name}"


def find(connection: Connection, scope: Scope, arn: str) -> Resource:
    """The execution of that ARN; raises ResourceNotFound."""
    parts = reference(scope, arn)
    found = resources.find_ignoring_case(
        connection, Key(EXECUTION, scope.account, scope.region, parts.execution, parts.pipeline)
    )
    if found is None:
        raise not_found(f"Pipeline execution '{arn}' does not exist.")
    return found


def definition_text(connection: Connection, scope: Scope, execution: Resource) -> str:
    """The definition that this execution runs."""
    number = str(execution.document["PipelineVersionId"])
    version = resources.find(connection, resources.key(scope, VERSION, number, execution.key.parent))
    if version is None:
        raise not_found(f"The definition of '{execution_arn(scope, execution)}' does not exist.")
    return str(version.document["PipelineDefinition"])


def chosen(execution: Resource) -> frozenset[str] | None:
    """The steps that a selective execution may begin; None: all."""
    config = execution.document.get("SelectiveExecutionConfig")
    return frozenset(item["StepName"] for item in config["SelectedSteps"]) if config else None


@operation
def start_pipeline_execution(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        pipeline = pipelines.find(connection, call.scope, request["PipelineName"])
        arn = pipeline_arn(call.scope, pipeline.name)
        execution_id = ids.derived(12, arn, request["ClientRequestToken"], alphabet=ids.LOWER)
        full_arn = f"{arn}/execution/{execution_id}"
        # Before anything is judged by the definition, which may be another one than when it was first sent.
        if _is_repeated(connection, call.scope, request, pipeline, execution_id):
            return {"PipelineExecutionArn": full_arn}
        version = pipelines.find_version(
            connection,
            call.scope,
            pipeline,
            request.get("PipelineVersionId"),
            request.get("PipelineVersionAlias"),
        )
    execution = _started(call, request, pipeline, version, execution_id)
    with call.site.database.write() as transaction:
        if _is_repeated(transaction.connection, call.scope, request, pipeline, execution_id):
            return {"PipelineExecutionArn": full_arn}
        steps.save_all(transaction, _reused(transaction.connection, call, request, version, full_arn))
        resources.add(transaction, execution)
        experiment = execution.document.get("PipelineExperimentConfig")
        experiment_configs.make_for_pipeline(call, transaction, experiment, arn, full_arn)
        announcements.pipeline_execution_changed(call.site, transaction, execution, None, call.now)
        _note_start(transaction, call, pipeline.key, version.key, full_arn)
        call.site.wake(transaction, MACHINE, full_arn, call.now)
    return {"PipelineExecutionArn": full_arn}


@operation
def describe_pipeline_execution(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        row = find(connection, call.scope, request["PipelineExecutionArn"])
    return {
        **row.document,
        "PipelineArn": pipeline_arn(call.scope, row.key.parent),
        "PipelineExecutionArn": execution_arn(call.scope, row),
        "PipelineExecutionStatus": row.status,
        "CreationTime": row.created,
        "LastModifiedTime": row.modified,
    }


@operation
def list_pipeline_executions(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        pipeline = pipelines.find(connection, call.scope, request["PipelineName"])
    wanted = paging.query(request, call, EXECUTION, parent=pipeline.name)
    return paging.answer(call, wanted, "PipelineExecutionSummaries", lambda row: _summary(call.scope, row))


@operation
def list_pipeline_execution_steps(call: Call, request: Document) -> Document:
    if "PipelineExecutionArn" not in request:
        raise validation("PipelineExecutionArn is required.")
    with call.site.database.read() as connection:
        execution = find(connection, call.scope, request["PipelineExecutionArn"])
        rows, following = steps.page(
            connection,
            execution_arn(call.scope, execution),
            descending=request.get("SortOrder", "Descending") == "Descending",
            limit=request.get("MaxResults", 10),
            after=paging.decode(request.get("NextToken")),
        )
        text = definition_text(connection, call.scope, execution)
    described = definitions.step_texts(text)
    answer: Document = {"PipelineExecutionSteps": [_step_entry(row, described) for row in rows]}
    if following is not None:
        answer["NextToken"] = paging.encode(following)
    return answer


@operation
def list_pipeline_parameters_for_execution(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        execution = find(connection, call.scope, request["PipelineExecutionArn"])
    values = listed(execution.document["Parameters"])
    start = int(str((paging.decode(request.get("NextToken")) or (0, 0))[0]))
    end = start + request.get("MaxResults", 100)
    answer: Document = {"PipelineParameters": values[start:end]}
    if end < len(values):
        answer["NextToken"] = paging.encode((end, 0))
    return answer


@operation
def describe_pipeline_definition_for_execution(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        execution = find(connection, call.scope, request["PipelineExecutionArn"])
        text = definition_text(connection, call.scope, execution)
    return {"PipelineDefinition": text, "CreationTime": execution.created}


@operation
def stop_pipeline_execution(call: Call, request: Document) -> Document:
    arn = request["PipelineExecutionArn"]
    with call.site.database.write() as transaction:
        execution = find(transaction.connection, call.scope, arn)
        if request["ClientRequestToken"] == execution.document.get(STOP_TOKEN):
            return {"PipelineExecutionArn": execution_arn(call.scope, execution)}
        if execution.status == "Executing":
            stopping = execution.with_changes(
                call.now,
                status="Stopping",
                LastModifiedBy=user_context(call.scope),
                **{STOP_TOKEN: request["ClientRequestToken"]},
            )
            resources.save(transaction, stopping)
            announcements.pipeline_execution_changed(call.site, transaction, stopping, execution.status, call.now)
            call.site.wake(transaction, MACHINE, execution_arn(call.scope, execution), call.now)
        elif execution.status != "Stopping":
            raise validation(f"Only an execution that is Executing can be stopped. '{arn}' is {execution.status}.")
    return {"PipelineExecutionArn": execution_arn(call.scope, execution)}


@operation
def retry_pipeline_execution(call: Call, request: Document) -> Document:
    """Run again what failed, was stopped or was never reached; what succeeded stays (spec 02, section 5)."""
    with call.site.database.write() as transaction:
        execution = find(transaction.connection, call.scope, request["PipelineExecutionArn"])
        arn = execution_arn(call.scope, execution)
        tokens = execution.document.get(RETRY_TOKENS, [])
        if request["ClientRequestToken"] in tokens:
            return {"PipelineExecutionArn": arn}
        unfinished = _unfinished(transaction.connection, call.scope, execution, arn)
        changed = execution.with_changes(
            call.now,
            status="Executing",
            FailureReason=None,
            LastModifiedBy=user_context(call.scope),
            ParallelismConfiguration=request.get(
                "ParallelismConfiguration", execution.document.get("ParallelismConfiguration")
            ),
            **{
                ATTEMPTS: {**execution.document.get(ATTEMPTS, {}), **{row.name: row.attempt for row in unfinished}},
                RETRY_TOKENS: [*tokens, request["ClientRequestToken"]],
                STOP_TOKEN: None,
            },
        )
        steps.remove(transaction, arn, [row.name for row in unfinished])
        resources.save(transaction, changed)
        announcements.pipeline_execution_changed(call.site, transaction, changed, execution.status, call.now)
        call.site.wake(transaction, MACHINE, arn, call.now)
    return {"PipelineExecutionArn": arn}


@operation
def update_pipeline_execution(call: Call, request: Document) -> Document:
    names = ("PipelineExecutionDescription", "PipelineExecutionDisplayName", "ParallelismConfiguration")
    with call.site.database.write() as transaction:
        execution = find(transaction.connection, call.scope, request["PipelineExecutionArn"])
        changes = {name: request[name] for name in names if name in request}
        changed = execution.with_changes(call.now, LastModifiedBy=user_context(call.scope), **changes)
        resources.save(transaction, changed)
        if execution.status in pipelines.RUNNING:
            call.site.wake(transaction, MACHINE, execution_arn(call.scope, execution), call.now)
    return {"PipelineExecutionArn": execution_arn(call.scope, execution)}


def _unfinished(connection: Connection, scope: Scope, execution: Resource, arn: str) -> list[Step]:
    """The steps that RetryPipelineExecution runs again. Raises ValidationException when it may not be retried."""
    if execution.status not in RETRYABLE:
        raise validation(
            f"Only an execution that has Failed or was Stopped can be retried. '{arn}' is {execution.status}."
        )
    rows = [row for row in steps.of(connection, arn) if row.status != "Succeeded"]
    types = definitions.parsed(definition_text(connection, scope, execution)).named
    ended = next((row.name for row in rows if row.turn is None and types[row.name].type == "Fail"), None)
    if ended is not None:
        raise validation(f"'{arn}' cannot be retried: it was ended by the Fail step '{ended}'.")
    return rows


def _is_repeated(
    connection: Connection, scope: Scope, request: Document, pipeline: Resource, execution_id: str
) -> bool:
    """Whether the same request has started this execution before. Raises ValidationException when another one has."""
    standing = resources.find(connection, resources.key(scope, EXECUTION, execution_id, pipeline.name))
    if standing is None:
        return False
    idempotency.require_same(standing.document.get(idempotency.MEMBER), request)
    return True


def _started(call: Call, request: Document, pipeline: Resource, version: Resource, execution_id: str) -> Resource:
    parsed = definitions.parsed(version.document["PipelineDefinition"])
    overrides = {item["Name"]: item["Value"] for item in request.get("PipelineParameters", [])}
    parameters = resolve_parameters(parsed, overrides)
    arn = pipeline_arn(call.scope, pipeline.name)
    variables = definitions.execution_variables(
        pipeline.name, arn, execution_id, f"{arn}/execution/{execution_id}", call.now
    )
    document = {
        "PipelineExecutionDisplayName": request.get(
            "PipelineExecutionDisplayName", f"execution-{int(call.now * 1000)}"
        ),
        "PipelineExecutionDescription": request.get("PipelineExecutionDescription"),
        "PipelineVersionId": version.document["PipelineVersionId"],
        "PipelineExperimentConfig": definitions.experiment_config(parsed, parameters, variables),
        "ParallelismConfiguration": request.get(
            "ParallelismConfiguration", pipeline.document.get("ParallelismConfiguration")
        ),
        "RoleArn": pipeline.document.get("RoleArn"),
        "CreatedBy": user_context(call.scope),
        "LastModifiedBy": user_context(call.scope),
        "SelectiveExecutionConfig": request.get("SelectiveExecutionConfig"),
        "Parameters": parameters,
        idempotency.MEMBER: idempotency.digest(request),
    }
    return Resource(
        resources.key(call.scope, EXECUTION, execution_id, pipeline.name),
        "Executing",
        call.now,
        call.now,
        {name: value for name, value in document.items() if value is not None},
    )


def _reused(connection: Connection, call: Call, request: Document, version: Resource, arn: str) -> list[Step]:
    """The steps that a selective execution takes from its source. Raises Fault when it cannot be started."""
    config = request.get("SelectiveExecutionConfig")
    if config is None:
        return []
    names = selective_executions.wanted_steps(definitions.plan(version.document["PipelineDefinition"]), config)
    if not names:
        return []
    source = find(connection, call.scope, config["SourcePipelineExecutionArn"])
    if source.key.parent != version.key.parent:
        raise validation(f"'{config['SourcePipelineExecutionArn']}' is an execution of another pipeline.")
    return selective_executions.reused(connection, names, source, execution_arn(call.scope, source), arn, call.now)


def _note_start(transaction: Transaction, call: Call, pipeline: Key, version: Key, arn: str) -> None:
    for key, change in (
        (pipeline, {"LastRunTime": call.now}),
        (version, {"LastExecutionPipelineExecutionArn": arn}),
    ):
        row = resources.find(transaction.connection, key)
        if row is None:
            raise not_found(f"Pipeline '{pipeline_arn(call.scope, pipeline.name)}' does not exist.")
        resources.save(transaction, row.with_changes(row.modified, **change))


def _summary(scope: Scope, row: Resource) -> Document:
    return {
        **row.document,
        "PipelineExecutionArn": execution_arn(scope, row),
        "StartTime": row.created,
        "PipelineExecutionStatus": row.status,
        "PipelineExecutionFailureReason": row.document.get("FailureReason"),
    }


def _step_entry(row: Step, described: dict[str, Document]) -> Document:
    entry = {
        **described.get(row.turn["Body"] if row.turn else row.name, {}),
        "StepName": row.name,
        "StepStatus": row.status,
        "StartTime": row.started,
        "EndTime": row.ended,
        "FailureReason": row.failure_reason,
        "AttemptCount": row.attempt,
        "Metadata": row.metadata,
    }
    if row.source is not None:
        member = "SelectiveExecutionResult" if row.is_reused else "CacheHitResult"
        entry[member] = {"SourcePipelineExecutionArn": row.source}
    if row.turn is not None:
        entry["IterationContext"] = {name: row.turn[name] for name in ("ParentStepName", "Index", "Item")}
    return entry
