"""How `stepwell spin` performs a step: a job through the API, a function by its invocation, a condition by itself.

In: a Spin, the account to do it in. Out: an Outcome. Requests are resolved by the functions that the engine uses.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stepwell.base import clock
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.cli.watch_words import duration
from stepwell.client.environment import Access
from stepwell.definition import conditions
from stepwell.definition.model import CONDITION_BRANCHES
from stepwell.definition.resolve import ResolutionError, resolve, resolve_operand
from stepwell.machines import spins
from stepwell.services.sagemaker.spins import Spin
from stepwell.spec import models
from stepwell.steps import outcomes, output_parameters, registry, requests
from stepwell.steps.kinds import Job
from stepwell.steps.requests import Origin, Request

LOOK_SECONDS = 0.2
LONGEST_ANSWER_SECONDS = 1000
"""A function runs for 900 s at most."""
LARGEST_FILE = 2 << 20
"""Bytes of a file that JsonGet reads, as in an execution."""


class Refused(Exception):
    """The step cannot be run; the message says why."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a spun step ended. `outputs` are names and URIs, or what it answered."""

    status: str
    is_good: bool
    name: str = ""
    arn: str = ""
    reason: str = ""
    outputs: tuple[tuple[str, str], ...] = ()
    metrics: dict[str, float] = field(default_factory=dict)


class Account:
    """The API of a server, as a client sees it. Nothing is sent twice: a repeated invocation would run again."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._session = botocore.session.Session()
        self._session.set_credentials(access.access_key_id, access.secret_access_key)
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """A client of that service."""
        if service not in self._clients:
            config = Config(retries={"total_max_attempts": 1}, read_timeout=LONGEST_ANSWER_SECONDS)
            self._clients[service] = self._session.create_client(
                service, region_name=self._access.region, endpoint_url=self._access.endpoint, config=config
            )
        return self._clients[service]

    def ask(self, service: str, operation: str, params: Document) -> Document:
        """The answer of an operation. Raises Refused."""
        try:
            answer: Document = getattr(self.client(service), xform_name(operation))(**params)
        except (ClientError, BotoCoreError) as error:
            raise Refused(str(error)) from error
        return answer

    def read(self, uri: str) -> str:
        """The text of an object. Raises Fault, as the expressions that read it expect."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        try:
            return str(self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read(LARGEST_FILE).decode())
        except ClientError as error:
            raise Fault(error.response["Error"]["Code"], error.response["Error"]["Message"]) from error
        except (BotoCoreError, UnicodeDecodeError) as error:
            raise Fault("InvalidObject", str(error)) from error


def perform(account: Account, spin: Spin, tell: Callable[[str], None]) -> Outcome:
    """Run the step and wait for its end; `tell` hears how it goes. Raises Refused."""
    spin = replace(spin, values=replace(spin.values, read_text=account.read))
    try:
        match registry.of(spin.step.type).kind:
            case "condition":
                return _condition(spin, tell)
            case "lambda":
                return _function(account, spin, tell)
            case _:
                return _job(account, spin, tell)
    except ResolutionError as error:
        raise Refused(f"{spin.step.name} cannot be resolved: {error}") from error


def _condition(spin: Spin, tell: Callable[[str], None]) -> Outcome:
    for condition in spin.step.conditions:
        for pointer, operand in conditions.operands(condition, ""):
            tell(f"  {pointer.removeprefix('/')} = {json.dumps(resolve_operand(operand, spin.values))}")
    outcome = conditions.evaluate_all(spin.step.conditions, spin.values)
    tell(f"{spin.step.name} is {outcome}")
    branch = CONDITION_BRANCHES[outcome]
    held = spin.pipeline.held.get(spin.step.name, ())
    taken = [step.name for step in held if step.parent is not None and step.parent.branch == branch]
    return Outcome(str(outcome), True, outputs=(("goes on with", ", ".join(taken) or "nothing"),))


def _function(account: Account, spin: Spin, tell: Callable[[str], None]) -> Outcome:
    step = spin.step
    arn = str(resolve(step.extra["FunctionArn"], spin.values))
    payload = {name: resolve(tree, spin.values) for name, tree in step.arguments.items()}
    tell(f"{step.name} invokes {arn}")
    answer = account.ask("lambda", "Invoke", {"FunctionName": arn, "Payload": json.dumps(payload)})
    text = answer["Payload"].read().decode()
    if answer.get("FunctionError"):
        return Outcome("Failed", False, arn=arn, reason=f"The Lambda function failed: {text}")
    result = json.loads(text)
    found = output_parameters.outputs(step.outputs, result if isinstance(result, dict) else {})
    if isinstance(found, str):
        return Outcome("Failed", False, arn=arn, reason=f"The Lambda function: {found}")
    tell(f"{step.name} Succeeded")
    outputs = tuple((each["Name"], each["Value"]) for each in found.metadata)
    return Outcome("Succeeded", True, arn=arn, outputs=outputs or (("answered", text),))


def _job(account: Account, spin: Spin, tell: Callable[[str], None]) -> Outcome:
    job = registry.of(spin.step.type).job
    assert job is not None
    request = requested(spin, job)
    _make_needed(account, request)
    began = clock.monotonic()
    arn = str(account.ask(request.service, request.operation, request.params)[job.arn_member])
    name = request.name or arn.rpartition("/")[2]
    tell(f"{spin.step.name} runs as {name}")
    tell(f"  derived from {spin.origin.derived_from}")
    described: Document = {}
    for described in _descriptions(account, job, name, arn, tell):
        outcome = job.outcome(described)
    status = {outcomes.Succeeded: "Succeeded", outcomes.Stopped: "Stopped"}.get(type(outcome), "Failed")
    tell(f"{spin.step.name} {status} after {duration(clock.monotonic() - began)}")
    return Outcome(
        status,
        isinstance(outcome, outcomes.Succeeded),
        name if job.stop is not None else "",
        arn,
        outcome.reason if isinstance(outcome, outcomes.Failed) else "",
        tuple(spins.results(described)) if job.stop is not None else ((job.noun, arn),),
        spins.metrics(described),
    )


def requested(spin: Spin, job: Job) -> Request:
    """What the engine would ask for in an execution, written to a place of its own. Raises ResolutionError."""
    shape = models.operation(job.service, job.create).input_shape
    assert shape is not None
    origin = Origin(spin.execution, spin.role, 1)
    request = requests.create(spin.step, job, origin, spin.values, shape)
    params = spins.derived(request.params, spin.origin, spin.execution)
    return Request(request.service, request.operation, params, request.name, request.need)


def _make_needed(account: Account, request: Request) -> None:
    if request.need is None:
        return
    try:
        account.ask(request.service, request.need.describe, request.need.named)
    except Refused:
        account.ask(request.service, request.need.create, {**request.need.named, **request.need.more})


def _descriptions(account: Account, job: Job, name: str, arn: str, tell: Callable[[str], None]) -> Iterator[Document]:
    """What the job's description says, until it has ended. Changes of its status are told."""
    describe, said = requests.describe(job, name, arn), ""
    while True:
        described = account.ask(describe.service, describe.operation, describe.params)
        now = str(described.get("SecondaryStatus") or described.get(f"{job.noun}Status") or "")
        if now != said and job.outcome(described) is None:
            tell(f"  {now}")
            said = now
        yield described
        if job.outcome(described) is not None:
            return
        clock.sleep(LOOK_SECONDS)
