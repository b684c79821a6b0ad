"""Room checks: Arguments are what the operation that makes the step takes: members, kinds of values, bounds.

The words are AWS's where they are known: "Unknown Argument member 'X'", "Expecting start of Json Array.". Lists,
maps and structures must stand there in full; their scalars may be expressions. Spec 01, section 5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TypeVar

from stepwell.checks.operand_kinds import OperandKinds
from stepwell.checks.running import PER_RULE, Subject
from stepwell.definition.expressions import Expression, Get, Join, JsonGet, Scalar, Tree
from stepwell.definition.problems import (
    LISTED,
    Problem,
    among,
    below,
    did_you_mean,
    expecting,
    expecting_scalar,
    missing,
    shown,
    suggestion,
)
from stepwell.definition.resolve import as_text
from stepwell.spec import validation, wording
from stepwell.spec.models import Shape
from stepwell.steps import forms
from stepwell.steps.forms import Form
from stepwell.steps.registry import TYPES

Part = TypeVar("Part", str, int)


def check(subject: Subject) -> Iterator[Problem]:
    """Unknown and missing members at any depth, wrong kinds of values, and literals that break a bound."""
    known: dict[str, Form] = {}
    kinds = OperandKinds(subject)
    for step in subject.pipeline.steps:
        if step.type not in TYPES:
            continue
        if step.type not in known:
            known[step.type] = TYPES[step.type].argument_form(subject.models)
        walk = _Walk(below(step.pointer, "Arguments"), kinds)
        walk.tree(dict(step.arguments), known[step.type])
        yield from walk.found


class _Walk:
    """One pass over the Arguments at `start`. The way to the present place is written out only where it is told."""

    def __init__(self, start: str, kinds: OperandKinds) -> None:
        self.found: list[Problem] = []
        self._start = start
        self._kinds = kinds
        self._way: list[str | int] = []

    def tree(self, tree: Tree, form: Form) -> None:
        match form.kind, tree:
            case _, None:
                return
            case "structure" | "map", Get() | Join() | JsonGet():
                self._tell(expecting("object", tree, is_expression=True))
            case "list", Get() | Join() | JsonGet():
                self._tell(expecting("array", tree, is_expression=True))
            case _, Get() | Join() | JsonGet():
                self._expression(tree, form)
            case "structure", dict():
                self._structure(tree, form)
            case "map", dict():
                self._sized(len(tree), form.shape)
                self._each(tree.items(), lambda _: form.inner)
            case "list", list():
                self._sized(len(tree), form.shape)
                self._each(enumerate(tree), lambda _: form.inner)
            case forms.FREE_KIND, dict():
                self._each(tree.items(), lambda _: form)
            case forms.FREE_KIND, list():
                self._each(enumerate(tree), lambda _: form)
            case forms.FREE_KIND, _:
                return
            case "structure" | "map", _:
                self._tell(expecting("object", tree))
            case "list", _:
                self._tell(expecting("array", tree))
            case _, list() | dict():
                self._tell(expecting_scalar(tree))
            case _, str() | int() | float():
                self._scalar(tree, form)

    def _structure(self, tree: Mapping[str, Tree], form: Form) -> None:
        for name in form.required:
            if tree.get(name) is None:
                self.found.append(missing(below(self._start, *self._way), name))
        for name in tree:
            if name not in form.members and len(self.found) < PER_RULE:
                self._tell(_unknown(name, form), name)
        self._each(((name, child) for name, child in tree.items() if name in form.members), form.members.__getitem__)

    def _each(self, children: Iterable[tuple[Part, Tree]], form: Callable[[Part], Form], *way: str) -> None:
        """Every child, unless as much has been found as anybody will be told; `way` leads to where they stand."""
        for part, child in children:
            if len(self.found) >= PER_RULE:
                return
            length = len(self._way)
            self._way += [*way, part]
            self.tree(child, form(part))
            del self._way[length:]

    def _sized(self, length: int, shape: Shape | None) -> None:
        low, high = (shape.traits.get("min", 0), shape.traits.get("max")) if shape else (0, None)
        if high is not None and length > high:
            self._invalid(f"There are {length} elements: {wording.length_at_most(high)}")
        elif length < low:
            self._invalid(f"There are {length} elements: {wording.length_at_least(low)}")

    def _expression(self, tree: Expression, form: Form) -> None:
        """An expression comes to a scalar that can stand here, as far as its kind is known; text takes any."""
        if isinstance(tree, Join):
            inner = ((index, value) for index, value in enumerate(tree.values) if isinstance(value, Get | Join))
            self._each(inner, lambda _: forms.TEXT, "Std:Join", "Values")
        wrong = self._kinds.misplaced(tree, form)
        if wrong is not None:
            self._tell(wrong)

    def _scalar(self, value: Scalar, form: Form) -> None:
        """A literal, as the engine will send it: numbers and booleans become text where text is wanted."""
        shape = form.shape
        if shape is None:
            return
        sent = as_text(value) if form.kind == "string" else value
        if shape.enum and sent not in shape.enum:
            self._invalid(not_among(sent, form.name, shape.enum))
            return
        violations: list[str] = []
        try:
            validation.checker(_without_pattern(shape))(sent, None, violations)
        except validation.WrongTypeError as wrong:
            self._invalid(f"{wrong.problem}, found '{shown(value)}'")
        for violation in violations:
            self._invalid(violation.replace("at ''", f"for '{form.name}'", 1))

    def _invalid(self, text: str) -> None:
        self._tell(f"Model Validation failed: {text}")

    def _tell(self, message: str, *further: str) -> None:
        self.found.append(Problem(below(self._start, *self._way, *further), message))


def _unknown(name: str, form: Form) -> str:
    words = f"Unknown Argument member '{shown(name)}'"
    if name in form.refused:
        return f"{words}: the operation has it, but pipelines do not take it."
    hint = suggestion(name, form.members)
    return f"{words}.{hint}" if hint else words


@cache
def _without_pattern(shape: Shape) -> Shape:
    """What a literal is checked against when a pipeline is created: bounds and kind, but no regular expression.

    AWS takes values there that break a pattern (its SDK's own tests rely on it: '*' as a response type, a local path
    as model data) and refuses them, if at all, when the step starts. Nor could any pattern of any service be trusted
    to end: those of Bedrock's job names take centuries for 60 characters.
    """
    return Shape(
        shape.service, shape.name, {name: trait for name, trait in shape.traits.items() if name != "pattern"}
    )


def not_among(value: object, name: str, allowed: Sequence[str]) -> str:
    """AWS's words for a value outside an enumeration; of a long one only the beginning, and the nearest value."""
    nearest = did_you_mean(str(value), allowed) if len(allowed) > LISTED else ""
    return (
        f"Value '{shown(value)}' for '{name}' failed to satisfy enum value set: {among(allowed)}"
        f"{nearest and '.'}{nearest}"
    )
