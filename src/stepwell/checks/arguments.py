"""Room checks: Arguments are what the operation that makes the step takes: members, kinds of JSON, bounds.

The words are AWS's where they are known: "Unknown Argument member 'X'", "Expecting start of Json Array.". Lists,
maps and structures must stand there in full; their scalars may be expressions. Spec 01, section 5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from stepwell.checks.running import Subject
from stepwell.definition.expressions import Get, Join, JsonGet, Scalar, Tree
from stepwell.definition.problems import Problem, below, did_you_mean, shown
from stepwell.definition.resolve import as_text
from stepwell.spec import validation, wording
from stepwell.spec.models import Shape
from stepwell.steps import forms
from stepwell.steps.forms import Form
from stepwell.steps.registry import TYPES


def check(subject: Subject) -> Iterator[Problem]:
    """Unknown and missing members at any depth, wrong kinds of JSON, and literals that break a bound."""
    known: dict[str, Form] = {}
    for step in subject.pipeline.steps:
        if step.type not in TYPES:
            continue
        if step.type not in known:
            known[step.type] = TYPES[step.type].argument_form(subject.models)
        yield from _tree(dict(step.arguments), known[step.type], below(step.pointer, "Arguments"))


def _tree(tree: Tree, form: Form, pointer: str) -> Iterator[Problem]:
    match form.kind, tree:
        case (_, None) | (forms.FREE_KIND, _):
            return
        case "structure", dict():
            yield from _structure(tree, form, pointer)
        case "map", dict():
            yield from _sized(len(tree), form.shape, pointer)
            for key, child in tree.items():
                yield from _tree(child, form.inner, below(pointer, key))
        case "list", list():
            yield from _sized(len(tree), form.shape, pointer)
            for index, child in enumerate(tree):
                yield from _tree(child, form.inner, below(pointer, index))
        case "structure" | "map", _:
            yield Problem(pointer, "Expecting start of Json Object.")
        case "list", _:
            yield Problem(pointer, "Expecting start of Json Array.")
        case _, list() | dict():
            yield Problem(pointer, "Expecting a scalar value or an expression.")
        case _, Get() | Join() | JsonGet():
            return
        case _:
            yield from _scalar(tree, form, pointer)


def _structure(tree: Mapping[str, Tree], form: Form, pointer: str) -> Iterator[Problem]:
    for name in form.required:
        if tree.get(name) is None:
            yield Problem(pointer, f"Missing required member '{name}'")
    for name, child in tree.items():
        if name in form.members:
            yield from _tree(child, form.members[name], below(pointer, name))
        else:
            hint = did_you_mean(name, form.members)
            words = f"Unknown Argument member '{shown(name)}'"
            yield Problem(below(pointer, name), f"{words}.{hint}" if hint else words)


def _sized(length: int, shape: Shape | None, pointer: str) -> Iterator[Problem]:
    low, high = (shape.traits.get("min", 0), shape.traits.get("max")) if shape else (0, None)
    if high is not None and length > high:
        yield _invalid(pointer, f"There are {length} elements: {wording.length_at_most(high)}")
    elif length < low:
        yield _invalid(pointer, f"There are {length} elements: {wording.length_at_least(low)}")


def _scalar(value: Scalar, form: Form, pointer: str) -> Iterator[Problem]:
    """A literal, as the engine will send it: numbers and booleans become text where text is wanted."""
    shape = form.shape
    if shape is None:
        return
    sent = as_text(value) if form.kind == "string" else value
    if shape.enum and sent not in shape.enum:
        yield _invalid(pointer, not_among(sent, form.name, shape.enum))
        return
    found: list[str] = []
    try:
        validation.checker(shape)(sent, None, found)
    except validation.WrongTypeError as wrong:
        found.append(wrong.problem)
    except re.error:
        # EMR's model writes surrogate pairs into its patterns, which Python cannot read: nothing is known then.
        return
    for violation in found:
        yield _invalid(pointer, violation.replace("at ''", f"for '{form.name}'", 1))


def not_among(value: object, name: str, allowed: Sequence[str]) -> str:
    """AWS's words for a value outside an enumeration; of a long one only the beginning, and the nearest value."""
    listed = ", ".join(allowed[:_LISTED]) + (f", … {len(allowed)} in all" if len(allowed) > _LISTED else "")
    nearest = did_you_mean(str(value), allowed) if len(allowed) > _LISTED else ""
    return (
        f"Value '{shown(value)}' for '{name}' failed to satisfy enum value set: [{listed}]{nearest and '.'}{nearest}"
    )


_LISTED = 12
"""How many values of an enumeration a message lists; instance types have hundreds."""


def _invalid(pointer: str, text: str) -> Problem:
    return Problem(pointer, f"Model Validation failed: {text}")
