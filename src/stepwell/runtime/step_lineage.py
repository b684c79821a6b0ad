"""Room runtime: Lineage steps: artifacts, actions, contexts and what joins them. In: a step. Out: its only change.

All of it, with the row that says so, is one transaction: a crash leaves nothing half-made, and makes nothing twice.
Pipelines run again and again, and there is one artifact for each source and one context of each name: those that
stand are taken. An action is what happened once: a name that is taken fails the step. Spec 01, sections 4 and 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.definition.resolve import ResolutionError, conform, resolve
from stepwell.runtime import step_retries
from stepwell.runtime.pipeline_sessions import Change
from stepwell.runtime.step_contexts import Context, Prepared
from stepwell.services.sagemaker.lineage_rows import ACTION, ARTIFACT, CONTEXT, Noun, artifact_id
from stepwell.spec import models
from stepwell.steps.requests import EXECUTION_TAG, Request
from stepwell.store import resources, steps
from stepwell.store.steps import Step

MADE: Mapping[str, Noun] = {"Artifacts": ARTIFACT, "Actions": ACTION, "Contexts": CONTEXT}
"""Member of the Arguments -> what each of its elements makes."""
KEPT = (ARTIFACT, CONTEXT)
"""What is taken as it stands."""


@dataclass(slots=True)
class _Made:
    """What the step has made so far: ARNs by noun and name."""

    arns: dict[str, dict[str, str]] = field(default_factory=dict)
    associations: list[Document] = field(default_factory=list)

    def shown(self) -> Document:
        """As the step's properties and metadata show it."""
        found: Document = {f"{member}Arns": arns for member, arns in self.arns.items()}
        return {**found, "Associations": self.associations} if self.associations else found


class _Refused(Exception):
    """An operation that the step calls was refused."""

    def __init__(self, operation: str, fault: Fault) -> None:
        super().__init__(str(fault))
        self.operation = operation
        self.fault = fault


class Lineages:
    """Meets step_contexts.Performer."""

    def prepare(self, context: Context, step: Step, now: float) -> Prepared:
        defined, values = context.defined(step), context.values(step, now)
        return Prepared({name: resolve(tree, values) for name, tree in defined.arguments.items()})

    def create(self, context: Context, step: Step, prepared: Prepared, now: float) -> Change:
        try:
            with context.door.site.database.write() as transaction:
                context.require_lease(transaction)
                shown = _make(context, step, prepared.key_source)
                done = replace(step, status="Executing", retry_at=None, metadata={"Lineage": shown})
                steps.save(transaction, done)
        except _Refused as refusal:
            fault, operation = refusal.fault, f"sagemaker:{refusal.operation}"
            return step_retries.refused(context, step, operation, fault.code, fault.message, now)
        return self.observe(context, done, now)

    def observe(self, context: Context, step: Step, now: float) -> Change:
        """It is over as soon as everything is made."""
        del context
        return Change(step.with_end("Succeeded", now, properties=step.metadata["Lineage"]))

    def stop(self, context: Context, step: Step, now: float) -> Change:
        del context
        return Change(step.with_end("Stopped", now))

    def made(self, context: Context, step: Step) -> str | None:
        """Nobody signals anything."""
        del context, step
        return None


def _make(context: Context, step: Step, arguments: Document) -> Document:
    """Everything the step asks for. Raises _Refused and ResolutionError."""
    made, scope = _Made(), context.acting(step)
    for member, noun in MADE.items():
        for request in arguments.get(member) or ():
            name, arn = _entity(context, scope, noun, request)
            made.arns.setdefault(noun.member, {})[name] = arn
    for wanted in arguments.get("Associations") or ():
        ends = {f"{side}Arn": _end(made, wanted[side]) for side in ("Source", "Destination")}
        type_ = {"AssociationType": wanted["AssociationType"]} if wanted.get("AssociationType") else {}
        try:
            _call(context, scope, "AddAssociation", {**ends, **type_})
        except _Refused as refusal:
            if "already exists" not in refusal.fault.message:
                raise
        made.associations.append(ends)
    return made.shown()


def _entity(context: Context, scope: Scope, noun: Noun, request: Document) -> tuple[str, str]:
    """The name and ARN of an entity, which is made unless one that may be taken stands."""
    operation = f"Create{noun.member}"
    shape = models.operation("sagemaker", operation).input_shape
    assert shape is not None
    params = cast("Document", conform({name: value for name, value in request.items() if value is not None}, shape))
    own_name = artifact_id(scope, params["Source"]) if noun is ARTIFACT else params[f"{noun.member}Name"]
    name = str(params.get(f"{noun.member}Name") or own_name)
    with context.door.site.database.read() as connection:
        standing = resources.find(connection, resources.key(scope, noun.kind, own_name))
    if standing is not None and noun in KEPT:
        return name, noun.arn(scope, standing.name)
    execution = context.session.arn
    params["Tags"] = [*params.get("Tags", ()), {"Key": EXECUTION_TAG, "Value": execution}]
    if noun is not CONTEXT:
        params["MetadataProperties"] = {"GeneratedBy": execution, **params.get("MetadataProperties", {})}
    return name, str(_call(context, scope, operation, params)[f"{noun.member}Arn"])


def _end(made: _Made, end: Document) -> str:
    """The ARN of one end of an association. Raises ResolutionError."""
    if end.get("Arn"):
        return str(end["Arn"])
    arn = made.arns.get(str(end.get("Type")), {}).get(str(end.get("Name")))
    if arn is None:
        raise ResolutionError(f"This step makes no {end.get('Type')} named '{end.get('Name')}'.")
    return arn


def _call(context: Context, scope: Scope, operation: str, params: Document) -> Document:
    try:
        return context.call(Request("sagemaker", operation, params), scope)
    except Fault as fault:
        raise _Refused(operation, fault) from fault
