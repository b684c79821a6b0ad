"""Room checks: every step has a type that AWS has, and the members of this type. Spec 01, section 5."""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.checks.arguments import not_among
from stepwell.checks.running import Subject
from stepwell.definition.model import Step
from stepwell.definition.parse_steps import COMMON
from stepwell.definition.problems import Problem, below, missing, shown, suggestion
from stepwell.steps.kinds import StepType
from stepwell.steps.registry import TYPES

UNPUBLISHED = frozenset({"Athena", "HubContent"})
"""Types that AWS's API mentions in answers only: nobody outside knows their arguments."""


def check(subject: Subject) -> Iterator[Problem]:
    """Unknown types, members of steps that their type does not have, and missing ones."""
    for step in subject.pipeline.steps:
        if step.type in TYPES:
            yield from _unknown_members(step, TYPES[step.type])
            yield from _wrong_members(step, TYPES[step.type])
        else:
            yield Problem(below(step.pointer, "Type"), _unknown_type(step.type))


def _unknown_type(name: str) -> str:
    if name in UNPUBLISHED:
        return f"Steps of type '{name}' are not supported: AWS has not published their arguments."
    return f"Unknown step type '{shown(name)}'.{suggestion(name, sorted(TYPES), most=len(TYPES))}"


def _unknown_members(step: Step, type_: StepType) -> Iterator[Problem]:
    for member in _members(step):
        if member not in type_.members:
            hint = suggestion(member, sorted(COMMON | type_.members))
            message = f"Unknown member '{shown(member)}' of a step of type {type_.name}.{hint}"
            yield Problem(below(step.pointer, member), message)
    if step.property_files and not type_.has_property_files:
        message = f"A step of type {type_.name} cannot have PropertyFiles."
        yield Problem(below(step.pointer, "PropertyFiles"), message)


def _members(step: Step) -> Iterator[str]:
    """The members of `step` that not every type has, those that have become fields too."""
    yield from step.extra
    fields = {"CacheConfig": step.cache, "RetryPolicies": step.retries, "OutputParameters": step.outputs}
    yield from (name for name, value in fields.items() if value)


def _wrong_members(step: Step, type_: StepType) -> Iterator[Problem]:
    for member in type_.required:
        if step.extra.get(member) is None:
            yield missing(step.pointer, member)
    for member, allowed in type_.enums.items():
        value = step.extra.get(member)
        if isinstance(value, str) and value not in allowed:
            text = f"Model Validation failed: {not_among(value, member, allowed)}"
            yield Problem(below(step.pointer, member), text)
