"""Schedules: created, replaced, shown, listed and deleted here; fired by `runtime/schedules.py`."""

from __future__ import annotations

import json
import math
from typing import NoReturn

from stepwell.base.documents import Document
from stepwell.base.faults import Fault, validation
from stepwell.machines import destinations, schedule_expressions
from stepwell.machines.destinations import Operation, Queue
from stepwell.machines.schedule_expressions import At, Expression, InvalidExpressionError
from stepwell.services import paging
from stepwell.services.registry import Call, operation
from stepwell.services.scheduler import schedule_rows
from stepwell.services.scheduler.schedule_rows import CONSIDERED, DEFAULT_GROUP, SCHEDULE, TOKEN
from stepwell.spec import models
from stepwell.spec.models import UnknownOperationError, UnknownServiceError
from stepwell.store import resources
from stepwell.store.resources import Query, Resource

KEPT = (
    "ScheduleExpression",
    "StartDate",
    "EndDate",
    "Description",
    "KmsKeyArn",
    "FlexibleTimeWindow",
)
MOST_A_PAGE = 100
EARLIEST_START_SECONDS = 300.0


@operation
def create_schedule(call: Call, request: Document) -> Document:
    """Make the schedule and set it going. The same ClientToken makes it once."""
    document = _document(call, request, begins=True)
    group, name = request.get("GroupName", DEFAULT_GROUP), request["Name"]
    with call.site.database.write() as transaction:
        schedule_rows.find_group(transaction.connection, call.scope, group)
        key = schedule_rows.schedule_key(call.scope, group, name)
        row = Resource(key, request.get("State", "ENABLED"), call.now, call.now, document)
        arn = schedule_rows.schedule_arn(call.scope, row)
        standing = resources.find(transaction.connection, key)
        if standing is not None:
            if TOKEN in request and standing.document.get(TOKEN) == request[TOKEN]:
                return {"ScheduleArn": arn}
            raise schedule_rows.conflict(f"Schedule {name} already exists.")
        resources.add(transaction, row)
        call.site.wake(transaction, schedule_rows.MACHINE, arn, call.now)
    return {"ScheduleArn": arn}


@operation
def update_schedule(call: Call, request: Document) -> Document:
    """Replace all of the schedule: what the request leaves out gets its default."""
    document = _document(call, request, begins=False)
    group, name = request.get("GroupName", DEFAULT_GROUP), request["Name"]
    with call.site.database.write() as transaction:
        standing = schedule_rows.find_schedule(transaction.connection, call.scope, group, name)
        state = request.get("State", "ENABLED")
        kept = {TOKEN: standing.document[TOKEN]} if TOKEN in standing.document else {}
        # what has fired does not fire again because the schedule is written once more
        document[CONSIDERED] = max(document[CONSIDERED], standing.document[CONSIDERED])
        row = Resource(standing.key, state, standing.created, call.now, {**document, **kept}, standing.id)
        resources.save(transaction, row)
        arn = schedule_rows.schedule_arn(call.scope, row)
        call.site.wake(transaction, schedule_rows.MACHINE, arn, call.now)
    return {"ScheduleArn": arn}


def _document(call: Call, request: Document, *, begins: bool) -> Document:
    """The schedule as it is kept. Raises ValidationException."""
    expression = _expression(request["ScheduleExpression"])
    zone = request.get("ScheduleExpressionTimezone", "UTC")
    if schedule_rows.zone(zone) is None:
        raise validation(f"Invalid ScheduleExpressionTimezone {zone}. Use a name of the IANA time zone database.")
    _check_dates(call, request, expression)
    window = request["FlexibleTimeWindow"]
    if window["Mode"] == "FLEXIBLE" and "MaximumWindowInMinutes" not in window:
        raise validation("MaximumWindowInMinutes must be provided when the FlexibleTimeWindow is FLEXIBLE.")
    check_target(call, request["Target"])
    document = {member: request[member] for member in KEPT if member in request}
    return {
        **document,
        "ScheduleExpressionTimezone": zone,
        "ActionAfterCompletion": request.get("ActionAfterCompletion", "NONE"),
        "Target": {
            **request["Target"],
            "RetryPolicy": {**schedule_rows.RETRY, **request["Target"].get("RetryPolicy", {})},
        },
        CONSIDERED: _considered(call.now, document, begins=begins),
        **({TOKEN: request[TOKEN]} if TOKEN in request else {}),
    }


def _considered(now: float, document: Document, *, begins: bool) -> float:
    """Up to where occurrences are seen to from the start.

    A rate fires at once when its schedule is made, or at its StartDate (Scheduler user guide, "Rate-based
    schedules"). A schedule has a precision of a minute, so a time of this very minute still counts for at().
    """
    expression: str = document["ScheduleExpression"]
    if expression.startswith("at("):
        return math.floor(now / 60) * 60 - schedule_rows.JUST_BEFORE
    if begins and expression.startswith("rate("):
        return float(min(now, document.get("StartDate", now))) - schedule_rows.JUST_BEFORE
    return now


def _expression(text: str) -> Expression:
    try:
        return schedule_expressions.parse(text)
    except InvalidExpressionError as error:
        raise validation(f"Invalid Schedule Expression {text}.") from error


def _check_dates(call: Call, request: Document, expression: Expression) -> None:
    if isinstance(expression, At):
        return
    start, end = request.get("StartDate"), request.get("EndDate")
    if start is not None and start < call.now - EARLIEST_START_SECONDS:
        raise validation("The StartDate you specify cannot be earlier than 5 minutes ago.")
    if end is not None and end < call.now:
        raise validation("The EndDate you specify cannot be in the past.")
    if start is not None and end is not None and end <= start:
        raise validation("The EndDate you specify must be later than the StartDate.")


def check_target(call: Call, target: Document) -> None:
    """Raises ValidationException for a target that cannot work, NotImplementedException for one we cannot reach."""
    arn: str = target["Arn"]
    found = destinations.destination(arn)
    if found is None:
        _refuse(arn)
    if isinstance(found, Operation):
        _check_operation(found, target)
    elif not destinations.is_here(arn, call.scope.account, call.scope.region):
        raise validation(f"The target {arn} is not in the account and region of its schedule.")
    is_fifo = isinstance(found, Queue) and found.name.endswith(".fifo")
    if is_fifo and not target.get("SqsParameters", {}).get("MessageGroupId"):
        raise validation("MessageGroupId must be provided in SqsParameters for a FIFO queue.")
    dead_letters = target.get("DeadLetterConfig", {}).get("Arn")
    if dead_letters is not None and not isinstance(destinations.destination(dead_letters), Queue):
        raise validation(f"The dead-letter queue {dead_letters} is not the ARN of an SQS queue.")


def _refuse(arn: str) -> NoReturn:
    if ":" not in arn or arn.startswith("arn:aws:scheduler:::"):
        raise validation(f"Provided Arn is not in correct format: {arn}.")
    raise Fault(
        "NotImplementedException",
        f"Stepwell cannot invoke {arn} on a schedule yet. Targets can be SageMaker pipelines, Lambda functions, SQS "
        "queues, log groups, CodePipeline pipelines, CodeBuild projects and aws-sdk:service:action.",
        501,
    )


def _check_operation(found: Operation, target: Document) -> None:
    try:
        models.operation(found.service, found.name)
    except (UnknownServiceError, UnknownOperationError):
        raise validation(f"{found.service}:{found.action} is not an operation of AWS.") from None
    try:
        request = json.loads(target.get("Input", "{}"))
    except (ValueError, RecursionError):
        request = None
    if not isinstance(request, dict):
        raise validation("The Input of a universal target must be a JSON object.")


@operation
def get_schedule(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        group = request.get("GroupName", DEFAULT_GROUP)
        row = schedule_rows.find_schedule(connection, call.scope, group, request["Name"])
    hidden = (CONSIDERED, TOKEN)
    return {
        **{member: value for member, value in row.document.items() if member not in hidden},
        "Arn": schedule_rows.schedule_arn(call.scope, row),
        "Name": row.name,
        "GroupName": row.key.parent,
        "State": row.status,
        "CreationDate": row.created,
        "LastModificationDate": row.modified,
    }


@operation
def delete_schedule(call: Call, request: Document) -> Document:
    with call.site.database.write() as transaction:
        group = request.get("GroupName", DEFAULT_GROUP)
        row = schedule_rows.find_schedule(transaction.connection, call.scope, group, request["Name"])
        resources.remove(transaction, row.key)
        call.site.wake(transaction, schedule_rows.MACHINE, schedule_rows.schedule_arn(call.scope, row), call.now)
    return {}


@operation
def list_schedules(call: Call, request: Document) -> Document:
    group = request.get("GroupName")
    if group is not None:
        with call.site.database.read() as connection:
            schedule_rows.find_group(connection, call.scope, group)
    wanted = Query(
        SCHEDULE,
        call.scope,
        group,
        name_prefix=request.get("NamePrefix", ""),
        status=request.get("State", ""),
        sort_by="name",
        descending=False,
        limit=request.get("MaxResults", MOST_A_PAGE),
        after=paging.decode(request.get("NextToken")),
    )
    return paging.answer(call, wanted, "Schedules", lambda row: _summary(call, row))


def _summary(call: Call, row: Resource) -> Document:
    return {
        "Arn": schedule_rows.schedule_arn(call.scope, row),
        "Name": row.name,
        "GroupName": row.key.parent,
        "State": row.status,
        "CreationDate": row.created,
        "LastModificationDate": row.modified,
        "Target": {"Arn": row.document["Target"]["Arn"]},
    }
