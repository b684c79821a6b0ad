"""The targets of rules: where what fits is brought, and what of it."""

from __future__ import annotations

import json

from stepwell.base import arn as arns
from stepwell.base.documents import Document
from stepwell.base.faults import Fault, validation
from stepwell.machines import destinations
from stepwell.machines.destinations import Operation, Queue
from stepwell.services.events import faults, inputs, listing, rule_rows
from stepwell.services.registry import Call, operation
from stepwell.store import resources
from stepwell.store.resources import Resource

MOST_TARGETS = 5
INPUTS = ("Input", "InputPath", "InputTransformer")


@operation
def put_targets(call: Call, request: Document) -> Document:
    """Add targets to the rule; one whose Id stands is replaced. All are added or none."""
    for target in request["Targets"]:
        check_target(call, target)
    with call.site.database.write() as transaction:
        bus = rule_rows.find_bus(transaction.connection, call.scope, request.get("EventBusName"))
        rule = rule_rows.find_rule(transaction.connection, call.scope, bus, request["Rule"])
        standing = {target["Id"] for target in rule_rows.targets_of(transaction.connection, rule)}
        if len(standing | {target["Id"] for target in request["Targets"]}) > MOST_TARGETS:
            raise faults.too_many()
        for target in request["Targets"]:
            key = resources.key(call.scope, rule_rows.TARGET, target["Id"], rule_rows.parent_of_targets(rule))
            resources.remove(transaction, key)
            document = {member: value for member, value in target.items() if member != "Id"}
            resources.add(transaction, Resource(key, "", call.now, call.now, document))
    return {"FailedEntryCount": 0, "FailedEntries": []}


def check_target(call: Call, target: Document) -> None:
    """Raises ValidationException for a target that cannot work, NotImplementedException for one we cannot reach."""
    arn: str = target["Arn"]
    found = destinations.destination(arn)
    if arns.parse(arn) is None or isinstance(found, Operation):
        raise faults.invalid_parameter(arn, "Provided Arn is not in correct format.")
    if found is None:
        raise unreachable(arn)
    if not destinations.is_here(arn, call.scope.account, call.scope.region):
        raise faults.invalid_parameter(arn, "The target is not in the account and region of its rule.")
    if isinstance(found, destinations.NEEDS_ROLE) and not target.get("RoleArn"):
        raise validation(f"RoleArn is required for target {arn}.")
    if isinstance(found, Queue):
        _check_group(found, target)
    _check_input(target)
    check_dead_letters(target)


def unreachable(arn: str) -> Fault:
    """Honest or loud: a kind of target that events cannot be brought to here."""
    return Fault(
        "NotImplementedException",
        f"Stepwell cannot bring events to {arn} yet. Targets can be SageMaker pipelines, Lambda functions, "
        "SQS queues, CloudWatch log groups, CodePipeline pipelines and CodeBuild projects.",
        501,
    )


def check_dead_letters(target: Document) -> None:
    """Raises ValidationException unless the dead-letter queue is a standard queue."""
    arn = target.get("DeadLetterConfig", {}).get("Arn")
    if arn is None:
        return
    queue = destinations.destination(arn)
    if not isinstance(queue, Queue) or queue.name.endswith(".fifo"):
        raise faults.invalid_parameter("DeadLetterConfig", f"{arn} is not the ARN of a standard SQS queue.")


def _check_group(queue: Queue, target: Document) -> None:
    group = target.get("SqsParameters", {}).get("MessageGroupId")
    if queue.name.endswith(".fifo") and not group:
        raise validation(f"Parameter(s) SqsParameters must be specified for target: {target['Id']}.")


def _check_input(target: Document) -> None:
    name = target["Id"]
    given = [member for member in INPUTS if member in target]
    if len(given) > 1:
        raise validation(f"Only one of Input, InputPath, or InputTransformer must be provided for target {name}.")
    if "Input" in target:
        try:
            json.loads(target["Input"])
        except (ValueError, RecursionError):
            raise validation(f"JSON syntax error in input for target {name}.") from None
    paths = [target["InputPath"]] if "InputPath" in target else []
    paths += target.get("InputTransformer", {}).get("InputPathsMap", {}).values()
    for path in paths:
        if not inputs.is_path(path):
            raise validation(f"Invalid InputPath for target {name}: {path!r} is not a JSON path.")


@operation
def remove_targets(call: Call, request: Document) -> Document:
    """Remove targets from the rule; those that do not stand are removed already."""
    with call.site.database.write() as transaction:
        bus = rule_rows.find_bus(transaction.connection, call.scope, request.get("EventBusName"))
        rule = rule_rows.find_rule(transaction.connection, call.scope, bus, request["Rule"])
        for name in request["Ids"]:
            parent = rule_rows.parent_of_targets(rule)
            resources.remove(transaction, resources.key(call.scope, rule_rows.TARGET, name, parent))
    return {"FailedEntryCount": 0, "FailedEntries": []}


@operation
def list_targets_by_rule(call: Call, request: Document) -> Document:
    with call.site.database.read() as connection:
        bus = rule_rows.find_bus(connection, call.scope, request.get("EventBusName"))
        rule = rule_rows.find_rule(connection, call.scope, bus, request["Rule"])
        found = rule_rows.targets_of(connection, rule)
    return listing.page(request, "Targets", found)
