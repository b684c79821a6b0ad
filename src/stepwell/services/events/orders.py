"""Room services: deliveries as they are written down. In: rule or schedule, target, cause. Out: Stored. Pure.

A delivery's id derives from its cause, and what it does at its target carries that id where the target knows such a
thing (a client request token, a deduplication id): an event that is told twice starts a pipeline once.
"""

from __future__ import annotations

from stepwell.base import ids
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.services.events import inputs
from stepwell.services.events.inputs import Origin
from stepwell.store.deliveries import Stored
from stepwell.store.outbox import seconds

ID_LENGTH = 64
CARRIED = ("Arn", "RoleArn", "SqsParameters", "SageMakerPipelineParameters")
"""Members of a target that say where and how, not what."""


def of_event(scope: Scope, rule_arn: str, rule_name: str, target: Document, event: Document, now: float) -> Stored:
    """What brings the event to one target of a rule that it fits."""
    return _stored(
        ids.derived(ID_LENGTH, event["id"], rule_arn, target["Id"]),
        scope,
        _with_paths(target, event),
        inputs.payload(target, event, Origin(rule_arn, rule_name, seconds(now))),
        inputs.written(event),
        {"RULE_ARN": rule_arn, "TARGET_ARN": target["Arn"]},
        now,
    )


def of_occurrence(
    scope: Scope, schedule_arn: str, created: float, target: Document, occurrence: float, now: float
) -> Stored:
    """What one occurrence of a schedule brings to its target. `created` tells it from a namesake before it."""
    delivery_id = ids.derived(ID_LENGTH, schedule_arn, repr(created), repr(occurrence))
    known: dict[str, object] = {
        "aws.scheduler.schedule-arn": schedule_arn,
        "aws.scheduler.scheduled-time": seconds(occurrence),
        "aws.scheduler.execution-id": delivery_id[:36],
        "aws.scheduler.attempt-number": "1",
    }
    if "Input" in target:
        payload = inputs.filled(target["Input"], known)
    else:
        payload = inputs.written(_scheduled_event(scope, schedule_arn, delivery_id, occurrence))
    attributes = {
        "SCHEDULE_ARN": schedule_arn,
        "TARGET_ARN": target["Arn"],
        "SCHEDULED_TIME": seconds(occurrence),
        "EXECUTION_ID": delivery_id[:36],
        "IS_PAYLOAD_TRUNCATED": "false",
    }
    return _stored(delivery_id, scope, target, payload, payload, attributes, now)


def scheduled_event(scope: Scope, rule_arn: str, created: float, occurrence: float) -> Document:
    """The event that a rule with a schedule expression makes of one occurrence."""
    digits = ids.derived(32, rule_arn, repr(created), repr(occurrence), alphabet="0123456789abcdef")
    event_id = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    event = _scheduled_event(scope, rule_arn, event_id, occurrence)
    return {**event, "source": "aws.events", "detail": {}}


def _scheduled_event(scope: Scope, arn: str, event_id: str, occurrence: float) -> Document:
    return {
        "version": "0",
        "id": event_id,
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": scope.account,
        "time": seconds(occurrence),
        "region": scope.region,
        "resources": [arn],
        "detail": "{}",
    }


def _stored(
    delivery_id: str,
    scope: Scope,
    target: Document,
    payload: str,
    dead_letter: str,
    attributes: dict[str, str],
    now: float,
) -> Stored:
    order: Document = {
        "Target": {member: target[member] for member in CARRIED if member in target},
        "Payload": payload,
        "RetryPolicy": target.get("RetryPolicy", {}),
    }
    queue = target.get("DeadLetterConfig", {}).get("Arn")
    if queue:
        order["DeadLetter"] = {"Arn": queue, "Body": dead_letter, "Attributes": attributes}
    return Stored(delivery_id, Scope(scope.account, scope.region), now, order, due=now)


def _with_paths(target: Document, event: Document) -> Document:
    """The target with the values of pipeline parameters that are paths into the event."""
    parameters = target.get("SageMakerPipelineParameters", {}).get("PipelineParameterList")
    if not parameters:
        return target
    found = [{**each, "Value": _text_at(event, each["Value"])} for each in parameters]
    return {**target, "SageMakerPipelineParameters": {"PipelineParameterList": found}}


def _text_at(event: Document, value: str) -> str:
    if not (value.startswith("$.") and inputs.is_path(value)):
        return value
    found = inputs.at_path(event, value)
    return found if isinstance(found, str) else inputs.written(found)
