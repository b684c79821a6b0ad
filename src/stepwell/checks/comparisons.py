"""Room checks: what a condition compares can be compared, as far as the types are known before anything runs.

Known are literals, parameters, execution variables, joined texts, and properties whose Describe shape says so.
Integers and floats are one kind. Spec 01, section 5 (Conditions); the words are those of the run-time failure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stepwell.checks.property_forms import PathLeadsNowhereError
from stepwell.checks.running import Subject
from stepwell.definition.conditions import ORDERED_KINDS, Comparison, Condition, In, Not, Or, kind_of
from stepwell.definition.expressions import Get, Join, JsonGet, Operand
from stepwell.definition.model import Step
from stepwell.definition.paths import Part, Path
from stepwell.definition.problems import Problem, below

_PARAMETERS: Mapping[str, str] = {
    "String": "string",
    "Integer": "number",
    "Float": "number",
    "Boolean": "boolean",
}
_SHAPES: Mapping[str, str] = {
    "string": "string",
    "integer": "number",
    "long": "number",
    "float": "number",
    "double": "number",
    "boolean": "boolean",
}
_LARGE = frozenset({"structure", "list", "map"})


def check(subject: Subject) -> Iterator[Problem]:
    """One problem for each comparison that would fail whatever the values are."""
    kinds = _Kinds(subject)
    for step in subject.pipeline.steps:
        for index, condition in enumerate(step.conditions):
            yield from _conditions(condition, below(step.pointer, "Arguments", "Conditions", index), kinds)


def _conditions(condition: Condition, pointer: str, kinds: _Kinds) -> Iterator[Problem]:
    match condition:
        case Comparison():
            yield from _comparison(condition, pointer, kinds)
        case In(query, values):
            wanted, found = kinds.of(query), {kinds.of(value) for value in values}
            if wanted and found and None not in found and wanted not in found:
                listed = ", ".join(sorted(filter(None, found)))
                message = (
                    f"QueryValue is of type {wanted}, and all Values are of type {listed}: none is ever the same."
                )
                yield Problem(pointer, message)
        case Not(inner):
            yield from _conditions(inner, below(pointer, "Condition"), kinds)
        case Or(inner):
            for index, one in enumerate(inner):
                yield from _conditions(one, below(pointer, "Conditions", index), kinds)


def _comparison(condition: Comparison, pointer: str, kinds: _Kinds) -> Iterator[Problem]:
    left, right = kinds.of(condition.left), kinds.of(condition.right)
    unsupported = f"Condition of type {condition.type} not supported between"
    for member, kind in (("LeftValue", left), ("RightValue", right)):
        if kind in _LARGE:
            yield Problem(below(pointer, member), f"Expecting a scalar value, but a {kind} stands there.")
            return
    if left and right and left != right:
        yield Problem(pointer, f"{unsupported} LeftValue of type {left} and RightValue of type {right}.")
    elif condition.type not in ("Equals", "NotEquals") and (left or right) not in (None, *ORDERED_KINDS):
        yield Problem(pointer, f"{unsupported} values of type {left or right}.")


class _Kinds:
    """The kinds of operands, as far as they are known; a number is one kind, however it is written."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._parameters = {parameter.name: parameter.type for parameter in subject.pipeline.parameters}

    def of(self, operand: Operand) -> str | None:
        match operand:
            case Join():
                return "string"
            case JsonGet():
                return None
            case Get(path):
                return self._at(path)
            case _:
                return kind_of(operand)

    def _at(self, path: Path) -> str | None:
        named = self._subject.pipeline.named
        match path:
            case Path("Parameters", name, ()) if name in self._parameters:
                return _PARAMETERS[self._parameters[name]]
            case Path("Execution", _, ()):
                return "string"
            case Path("Steps", name, parts) if name in named:
                return self._property(named[name], parts)
            case _:
                return None

    def _property(self, step: Step, parts: tuple[Part, ...]) -> str | None:
        """Entries of HyperParameters and Environment are text that may hold a number: nothing is known of them."""
        try:
            form = self._subject.properties.at(step, parts)
            holder = self._subject.properties.at(step, parts[:-1]) if len(parts) > 1 else None
        except PathLeadsNowhereError:
            return None
        if form is None or (holder is not None and holder.kind == "map"):
            return None
        return _SHAPES.get(form.kind, form.kind if form.kind in _LARGE else None)
