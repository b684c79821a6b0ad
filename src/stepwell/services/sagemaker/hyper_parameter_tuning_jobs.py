"""Hyperparameter tuning jobs: training jobs in search of the best hyperparameters. Spec 03, section 5.

Created here, moved by runtime/tuning. A tuning job is a row with the status InProgress from the start; its trials are
rows beneath it (hyper_parameter_tuning_jobs_rows).
"""

from __future__ import annotations

from stepwell.base.documents import Document
from stepwell.base.faults import in_use, validation
from stepwell.machines import tuning_progress
from stepwell.services import paging
from stepwell.services.registry import Call, operation
from stepwell.services.sagemaker import hyper_parameter_tuning_jobs_checks as checks
from stepwell.services.sagemaker import hyper_parameter_tuning_jobs_parents as parents
from stepwell.services.sagemaker import hyper_parameter_tuning_jobs_rows as rows
from stepwell.services.sagemaker.tag_lists import tag_map
from stepwell.store import resources, tags
from stepwell.store.resources import Query, Resource

NAME = "HyperParameterTuningJobName"
BY_OBJECTIVE = "FinalObjectiveMetricValue"


@operation
def create_hyper_parameter_tuning_job(call: Call, request: Document) -> Document:
    document = checks.checked(request)
    name, given = request[NAME], tag_map(request.get("Tags"))
    arn = rows.arn_of(call.scope, name)
    with call.site.database.read() as connection:
        parents.check(connection, call.scope, document)
        best = parents.best(connection, call.scope, document)
    if best is not None:
        document["OverallBestTrainingJob"] = best
    key = resources.key(call.scope, rows.KIND, name)
    fresh = tuning_progress.read(name, "InProgress", call.now, document)
    row = Resource(key, "InProgress", call.now, call.now, {**document, **tuning_progress.shown(fresh)})
    try:
        with call.site.database.write() as transaction:
            resources.add(transaction, row)
            tags.put(transaction, arn, given)
            rows.announce(call.site, transaction, row, call.now)
            call.site.wake(transaction, rows.MACHINE, arn, call.now)
    except resources.AlreadyExists:
        raise in_use(
            "Hyperparameter tuning job names must be unique within an AWS account and region, and a hyperparameter "
            f"tuning job with this name already exists ({arn})"
        ) from None
    return {"HyperParameterTuningJobArn": arn}


@operation
def describe_hyper_parameter_tuning_job(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        row = rows.find(connection, call.scope, request[NAME])
    ended = row.document.get("HyperParameterTuningEndTime", call.now)
    return {
        **tuning_progress.public(row.document),
        NAME: row.name,
        "HyperParameterTuningJobArn": rows.arn_of(call.scope, row.name),
        "HyperParameterTuningJobStatus": row.status,
        "CreationTime": row.created,
        "LastModifiedTime": row.modified,
        "ConsumedResources": {"RuntimeInSeconds": int(ended - row.created)},
    }


@operation
def list_hyper_parameter_tuning_jobs(call: Call, request: Document) -> Document:
    def summary(row: Resource) -> Document:
        config = row.document["HyperParameterTuningJobConfig"]
        members = ("HyperParameterTuningEndTime", "TrainingJobStatusCounters", "ObjectiveStatusCounters")
        return {
            NAME: row.name,
            "HyperParameterTuningJobArn": rows.arn_of(call.scope, row.name),
            "HyperParameterTuningJobStatus": row.status,
            "Strategy": config["Strategy"],
            "CreationTime": row.created,
            "LastModifiedTime": row.modified,
            "ResourceLimits": config["ResourceLimits"],
            **{member: row.document[member] for member in members if member in row.document},
        }

    query = paging.query(request, call, rows.KIND)
    return paging.answer(call, query, "HyperParameterTuningJobSummaries", summary)


@operation
def stop_hyper_parameter_tuning_job(call: Call, request: Document) -> Document:
    with call.site.database.write() as transaction:
        row = rows.find(transaction.connection, call.scope, request[NAME])
        if row.status not in rows.ACTIVE:
            raise validation(
                f"The request was rejected because the hyperparameter tuning job is in status {row.status}."
            )
        if row.status != "Stopping":
            stopping = row.with_changes(call.now, status="Stopping")
            resources.save(transaction, stopping)
            rows.announce(call.site, transaction, stopping, call.now)
        call.site.wake(transaction, rows.MACHINE, rows.arn_of(call.scope, row.name), call.now)
    return {}


@operation
def delete_hyper_parameter_tuning_job(call: Call, request: Document) -> Document:
    """Forget an ended tuning job. Its training jobs stay."""
    with call.site.database.write() as transaction:
        row = rows.find(transaction.connection, call.scope, request[NAME])
        if row.status in rows.ACTIVE:
            raise in_use(
                f"The hyperparameter tuning job {row.name} is in status {row.status}. Stop it before you delete it."
            )
        resources.remove_children(transaction, rows.TRIAL, call.scope, row.name)
        resources.remove(transaction, row.key)
        tags.clear(transaction, rows.arn_of(call.scope, row.name))
    return {}


@operation
def list_training_jobs_for_hyper_parameter_tuning_job(call: Call, request: Document) -> Document:
    name = request[NAME]
    with call.site.database.read() as connection:
        rows.find(connection, call.scope, name)
    if request.get("SortBy") == BY_OBJECTIVE:
        return _by_objective(call, request)
    ordered = {"SortBy": "Name", "SortOrder": "Ascending", **request}
    query = paging.query(ordered, call, rows.TRIAL, parent=name)
    return paging.answer(call, query, "TrainingJobSummaries", rows.summary)


def _by_objective(call: Call, request: Document) -> Document:
    """Trials with a value of the objective metric, by that value; others are not listed."""
    query = Query(
        rows.TRIAL, call.scope, request[NAME], status=request.get("StatusEquals", ""), limit=rows.MOST_TRIALS
    )
    with call.site.database.read() as connection:
        found, _ = resources.page(connection, query)
    sign = -1 if request.get("SortOrder", "Ascending") == "Descending" else 1
    valued = [(sign * value, row.id, row) for row in found if (value := rows.objective_value(row)) is not None]
    valued.sort(key=lambda each: each[:2])
    after = paging.decode(request.get("NextToken"))
    if after is not None:
        valued = [each for each in valued if each[:2] > after]
    size = request.get("MaxResults", 10)
    answer: Document = {"TrainingJobSummaries": [rows.summary(row) for _, _, row in valued[:size]]}
    if len(valued) > size:
        answer["NextToken"] = paging.encode(valued[size - 1][:2])
    return answer
