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
        walk = _Walk(below(step.pointer, "Arguments"))
        walk.tree(dict(step.arguments), known[step.type])
        yield from walk.found


class _Walk:
    """One pass over the Arguments at `start`. The way to the present place is written out only where it is told."""

    def __init__(self, start: str) -> None:
        self.found: list[Problem] = []
        self._start = start
        self._way: list[str | int] = []

    def tree(self, tree: Tree, form: Form) -> None:
        match form.kind, tree:
            case (_, None) | (forms.FREE_KIND, _) | (_, Get() | Join() | JsonGet()) if form.kind not in _LARGE:
                return
            case _, None:
                return
            case "structure", dict():
                self._structure(tree, form)
            case "map", dict():
                self._sized(len(tree), form.shape)
                for key, child in tree.items():
                    self._inside(key, child, form.inner)
            case "list", list():
                self._sized(len(tree), form.shape)
                for index, child in enumerate(tree):
                    self._inside(index, child, form.inner)
            case "structure" | "map", _:
                self._tell("Expecting start of Json Object.")
            case "list", _:
                self._tell("Expecting start of Json Array.")
            case _, list() | dict():
                self._tell("Expecting a scalar value or an expression.")
            case _, str() | int() | float():
                self._scalar(tree, form)

    def _structure(self, tree: Mapping[str, Tree], form: Form) -> None:
        for name in form.required:
            if tree.get(name) is None:
                self._tell(f"Missing required member '{name}'")
        for name, child in tree.items():
            if name in form.members:
                self._inside(name, child, form.members[name])
            else:
                hint = did_you_mean(name, form.members)
                words = f"Unknown Argument member '{shown(name)}'"
                self._tell(f"{words}.{hint}" if hint else words, name)

    def _inside(self, part: str | int, tree: Tree, form: Form) -> None:
        self._way.append(part)
        self.tree(tree, form)
        self._way.pop()

    def _sized(self, length: int, shape: Shape | None) -> None:
        low, high = (shape.traits.get("min", 0), shape.traits.get("max")) if shape else (0, None)
        if high is not None and length > high:
            self._invalid(f"There are {length} elements: {wording.length_at_most(high)}")
        elif length < low:
            self._invalid(f"There are {length} elements: {wording.length_at_least(low)}")

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
            validation.checker(shape)(sent, None, violations)
        except validation.WrongTypeError as wrong:
            violations.append(wrong.problem)
        except re.error:
            # EMR's model writes surrogate pairs into its patterns, which Python cannot read: nothing is known then.
            return
        for violation in violations:
            if wording.is_pattern(violation):
                # AWS takes these when the pipeline is created (its SDK's own tests rely on it: '*' as a response
                # type, a local path as model data) and refuses them, if at all, when the step starts.
                continue
            self._invalid(violation.replace("at ''", f"for '{form.name}'", 1))

    def _invalid(self, text: str) -> None:
        self._tell(f"Model Validation failed: {text}")

    def _tell(self, message: str, *further: str) -> None:
        self.found.append(Problem(below(self._start, *self._way, *further), message))


_LARGE = frozenset({"structure", "list", "map"})


def not_among(value: object, name: str, allowed: Sequence[str]) -> str:
    """AWS's words for a value outside an enumeration; of a long one only the beginning, and the nearest value."""
    listed = ", ".join(allowed[:_LISTED]) + (f", … {len(allowed)} in all" if len(allowed) > _LISTED else "")
    nearest = did_you_mean(str(value), allowed) if len(allowed) > _LISTED else ""
    return (
        f"Value '{shown(value)}' for '{name}' failed to satisfy enum value set: [{listed}]{nearest and '.'}{nearest}"
    )


_LISTED = 12
"""How many values of an enumeration a message lists; instance types have hundreds."""
