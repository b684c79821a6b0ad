"""Room runtime: bringing something to a target, through the door. In: a Destination and a payload. Out: nothing.

Each call carries the delivery's id where the target takes such a thing, so that a repeat after a crash is known as
one: a pipeline is started once, a FIFO queue keeps one message. Raises Fault when the target does not take it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.machines.destinations import (
    CodePipeline,
    CodeProject,
    Destination,
    Function,
    LogGroup,
    Operation,
    Pipeline,
    Queue,
)
from stepwell.services.registry import Door
from stepwell.spec import models
from stepwell.spec.models import Shape, UnknownOperationError, UnknownServiceError


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is brought: the target's own settings, the payload's text, and a name that is always the same for it."""

    scope: Scope
    target: Document
    payload: str
    token: str
    now: float


def bring(door: Door, destination: Destination, parcel: Parcel) -> None:
    """Bring the parcel to its destination as the target's role. Raises Fault."""
    acting = replace(parcel, scope=_acting(parcel))
    match destination:
        case Queue(name):
            _send(door, name, acting)
        case LogGroup(name):
            _log(door, name, acting)
        case Operation():
            _operate(door, destination, acting)
        case _:
            service, operation, params = _request(destination, acting)
            door.call(acting.scope, service, operation, params)


def send_message(door: Door, scope: Scope, queue: str, message: Document) -> None:
    """Send a message to the queue of that name. Raises Fault."""
    url = door.call(scope, "sqs", "GetQueueUrl", {"QueueName": queue})["QueueUrl"]
    door.call(scope, "sqs", "SendMessage", {"QueueUrl": url, **message})


def _request(destination: Destination, parcel: Parcel) -> tuple[str, str, Document]:
    match destination:
        case Pipeline(name):
            given = parcel.target.get("SageMakerPipelineParameters", {}).get("PipelineParameterList", [])
            start: Document = {"PipelineName": name, "ClientRequestToken": parcel.token}
            if given:
                start["PipelineParameters"] = [{"Name": each["Name"], "Value": each["Value"]} for each in given]
            return "sagemaker", "StartPipelineExecution", start
        case Function(arn):
            invoke: Document = {"FunctionName": arn, "InvocationType": "Event", "Payload": parcel.payload.encode()}
            return "lambda", "Invoke", invoke
        case CodePipeline(name):
            return "codepipeline", "StartPipelineExecution", {"name": name, "clientRequestToken": parcel.token}
        case CodeProject(name):
            return "codebuild", "StartBuild", {"projectName": name, "idempotencyToken": parcel.token}
    raise ValueError(f"{destination} is not reached by one call")


def _send(door: Door, queue: str, parcel: Parcel) -> None:
    message: Document = {"MessageBody": parcel.payload}
    if queue.endswith(".fifo"):
        message["MessageDeduplicationId"] = parcel.token
        message["MessageGroupId"] = parcel.target.get("SqsParameters", {}).get("MessageGroupId", "")
    send_message(door, parcel.scope, queue, message)


def _log(door: Door, group: str, parcel: Parcel) -> None:
    stream = {"logGroupName": group, "logStreamName": parcel.token}
    try:
        door.call(parcel.scope, "logs", "CreateLogStream", stream)
    except Fault as fault:
        if fault.code != "ResourceAlreadyExistsException":
            raise
    events = [{"timestamp": int(parcel.now * 1000), "message": parcel.payload}]
    door.call(parcel.scope, "logs", "PutLogEvents", {**stream, "logEvents": events})


def _operate(door: Door, operation: Operation, parcel: Parcel) -> None:
    try:
        shape = models.operation(operation.service, operation.name).input_shape
        request = json.loads(parcel.payload)
    except (UnknownServiceError, UnknownOperationError, json.JSONDecodeError) as error:
        raise Fault("ValidationException", str(error)) from error
    if not isinstance(request, dict):
        raise Fault("ValidationException", "The input of the target is no JSON object.")
    door.call(parcel.scope, operation.service, operation.name, _completed(request, shape, parcel.token))


def _completed(request: Document, shape: Shape | None, token: str) -> Document:
    """The request as clients send it: with its idempotency token, and bytes where the model wants bytes."""
    members = shape.members if shape else {}
    tokens = {name: token for name, member in members.items() if member.trait("idempotencyToken")}
    encode: Callable[[object], object] = lambda value: value.encode() if isinstance(value, str) else value  # noqa: E731
    blobs = {n: encode(v) for n, v in request.items() if n in members and members[n].shape.kind == "blob"}
    return {**tokens, **request, **blobs}


def _acting(parcel: Parcel) -> Scope:
    """The role of the target in a session of ours; without one, the service itself."""
    role = str(parcel.target.get("RoleArn", "")).rpartition("/")[2]
    principal = f"arn:aws:sts::{parcel.scope.account}:assumed-role/{role}/{parcel.token[:32]}" if role else ""
    return replace(parcel.scope, principal=principal)
