"""Room steps: the requests that make, describe and stop what a step is.

In: a step, who starts it and why (Origin), and the Values its expressions read. Out: Request values for
`call(service, operation, params)`. Injected: the derived name, tag or GeneratedBy, default role, experiment
(spec 02, sections 1 and 13).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from stepwell.base.documents import Document
from stepwell.definition.json_text import JSON
from stepwell.definition.model import Step
from stepwell.definition.resolve import ResolutionError, conform, resolve
from stepwell.definition.values import StoredValues
from stepwell.spec.models import Shape
from stepwell.steps.kinds import Job, Need
from stepwell.steps.names import client_token, job_name

EXECUTION_TAG = "sagemaker:pipeline-execution-arn"


@dataclass(frozen=True, slots=True)
class Origin:
    """Why something is made: the execution, its role, and which attempt at the step it is (1 is the first)."""

    execution_arn: str
    role_arn: str
    attempt: int
    experiment: Document | None = None
    """ExperimentName and TrialName of the execution, if its pipeline has an experiment."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call. `name` is what a creation will be called; "" where the service chooses."""

    service: str
    operation: str
    params: Document
    name: str = ""
    need: Need | None = None
    """What must stand before this creation."""


def create(step: Step, job: Job, origin: Origin, values: StoredValues, shape: Shape) -> Request:
    """The creation of what `step` makes; `shape` is that operation's input. Raises ResolutionError."""
    name = name_of(step, job, origin, values)
    if job.name_variable:
        values = values.with_execution(**{job.name_variable: name})
    resolved = {member: resolve(tree, values) for member, tree in step.arguments.items()}
    request: Document = _conformed(resolved, shape)
    if name:
        request[job.name_member] = name
    if job.role_member:
        request.setdefault(job.role_member, origin.role_arn)
    if job.tagged:
        request["Tags"] = [*_other_tags(request), {"Key": EXECUTION_TAG, "Value": origin.execution_arn}]
    if job.takes_experiment:
        request = _with_experiment(request, step, origin)
    token = client_token(origin.execution_arn, step.name, origin.attempt)
    extended = job.extend(request, origin.execution_arn, token)
    return Request(job.service, job.create, extended, name, job.needs(request))


def name_of(step: Step, job: Job, origin: Origin, values: StoredValues) -> str:
    """The derived name of what `step` makes, "" for what has none; a name in the arguments is its prefix.

    Raises ResolutionError.
    """
    prefix = resolve(step.arguments.get(job.name_member), values)
    if prefix is not None and not isinstance(prefix, str):
        raise ResolutionError(f"{job.name_member} must be a string.")
    if not prefix and not job.named:
        return ""
    return job_name(origin.execution_arn, step.name, origin.attempt, prefix or None, job.name_length)


def describe(job: Job, name: str, arn: str) -> Request:
    """The description of what was created under `name`, which answered `arn`."""
    by = arn if job.describe_by_arn and arn else name
    return Request(job.service, job.describe, {job.name_member: by}, name)


def stop(job: Job, name: str) -> Request | None:
    """What ends it early; None when it cannot be stopped."""
    return Request(job.service, job.stop, {job.name_member: name}, name) if job.stop else None


def metadata(job: Job, arn: str) -> Document:
    """The step's Metadata once it has been created."""
    return {job.metadata_key: {"Arn": arn}}


def _conformed(arguments: Mapping[str, JSON], shape: Shape) -> Document:
    """Arguments as the operation's input takes them, without nulls, which mean "not given"."""
    members = {name: member.shape for name, member in shape.members.items()}
    return {
        name: conform(value, members[name]) if name in members else value
        for name, value in arguments.items()
        if value is not None
    }


def _other_tags(request: Document) -> list[Document]:
    return [tag for tag in request.get("Tags", []) if tag.get("Key") != EXECUTION_TAG]


def _with_experiment(request: Document, step: Step, origin: Origin) -> Document:
    """Experiment and trial come from the execution; the SDK leaves only the display name in the arguments."""
    if origin.experiment is None:
        return request
    display = _fitting(step.display_name) or _fitting(step.name)
    return {
        **request,
        "ExperimentConfig": {
            **({"TrialComponentDisplayName": display} if display else {}),
            **(request.get("ExperimentConfig") or {}),
            **origin.experiment,
        },
    }


def _fitting(shown: str | None) -> str:
    """A display name may be any text, such as a function's `__main__.train`; that of a trial component may not."""
    return re.sub(r"[^A-Za-z0-9-]+", "-", shown or "").strip("-")[:120].rstrip("-")
