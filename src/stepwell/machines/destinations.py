"""Room machines: what the ARN of a target means. In: an ARN. Out: a Destination, or nothing when it is no target.

Rules of EventBridge and schedules share them; only schedules have operations as targets ("universal targets"). To
add one: a dataclass, a line in `destination`, and a case in `runtime/destinations.py`. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from stepwell.base import arn as arns
from stepwell.base.arn import Arn

READS = ("get", "describe", "list", "poll", "receive", "search", "scan", "query", "select", "read", "batchGet")
"""How operations begin that a schedule may not call: they answer, and nobody would hear it."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A SageMaker pipeline: it is started."""

    name: str


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function, version or alias: it is invoked asynchronously."""

    arn: str


@dataclass(frozen=True, slots=True)
class Queue:
    """An SQS queue: a message is sent."""

    name: str


@dataclass(frozen=True, slots=True)
class LogGroup:
    """A CloudWatch log group: an event is written to a stream of its own."""

    name: str


@dataclass(frozen=True, slots=True)
class CodePipeline:
    """A CodePipeline pipeline: it is started."""

    name: str


@dataclass(frozen=True, slots=True)
class CodeProject:
    """A CodeBuild project: a build is started."""

    name: str


@dataclass(frozen=True, slots=True)
class Operation:
    """Any operation, with the input as its request. `action` is written as in the ARN: startPipelineExecution."""

    service: str
    action: str

    @property
    def name(self) -> str:
        """The operation's own name: StartPipelineExecution."""
        return self.action[:1].upper() + self.action[1:]


Destination: TypeAlias = Pipeline | Function | Queue | LogGroup | CodePipeline | CodeProject | Operation
NEEDS_ROLE = (Pipeline, CodePipeline, CodeProject)
"""Destinations that a rule reaches only with a role; the others say themselves who may call them."""


def destination(text: str) -> Destination | None:
    """What the ARN leads to; None when nothing can be brought there."""
    parsed = arns.parse(text)
    if parsed is None:
        return None
    if parsed.service == "scheduler":
        return _operation(parsed)
    match parsed.service, parsed.kind:
        case "sagemaker", "pipeline" if parsed.name and "/" not in parsed.name:
            return Pipeline(parsed.name)
        case "lambda", resource if resource.startswith("function:") and resource != "function:":
            return Function(text)
        case "sqs", name if name == parsed.resource:
            return Queue(name)
        case "logs", _ if parsed.resource.startswith("log-group:") and parsed.resource != "log-group:":
            return LogGroup(parsed.resource.removeprefix("log-group:").removesuffix(":*"))
        case "codepipeline", name if name == parsed.resource:
            return CodePipeline(name)
        case "codebuild", "project" if parsed.name:
            return CodeProject(parsed.name)
    return None


def is_here(text: str, account: str, region: str) -> bool:
    """Whether a target lies in that account and region. Operations lie wherever they are called."""
    parsed = arns.parse(text)
    if parsed is None:
        return False
    return parsed.service == "scheduler" or (parsed.account, parsed.region) == (account, region)


def _operation(parsed: Arn) -> Operation | None:
    """arn:aws:scheduler:::aws-sdk:sagemaker:startPipelineExecution"""
    parts = parsed.resource.split(":")
    if len(parts) != 3 or parts[0] != "aws-sdk" or not (parts[1] and parts[2]) or parts[2].startswith(READS):
        return None
    return Operation(parts[1], parts[2])
