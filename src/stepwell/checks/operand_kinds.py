"""Room checks: of what kind an expression's value is, as far as that is known before anything runs.

In: a Subject and an operand. Out: "string", "number", "boolean", or the kind of a large shape; None: unknown. Known
are literals, parameters, execution variables, joined texts, and properties whose Describe shape says so. Integers and
floats are one kind. Two rules ask: what conditions compare, and what stands where Arguments want a number.
"""

from __future__ import annotations

from collections.abc import Mapping

from stepwell.checks.property_forms import PathLeadsNowhereError
from stepwell.checks.running import Subject
from stepwell.definition.conditions import kind_of
from stepwell.definition.expressions import Get, Join, JsonGet, Operand
from stepwell.definition.model import Step
from stepwell.definition.paths import Part, Path
from stepwell.definition.problems import among, shown
from stepwell.steps.forms import Form

SCALARS: Mapping[str, str] = {
    "string": "string",
    "integer": "number",
    "long": "number",
    "float": "number",
    "double": "number",
    "boolean": "boolean",
}
"""Kind of a shape -> kind of its values."""

LARGE = frozenset({"structure", "list", "map"})

_PARAMETERS: Mapping[str, str] = {
    "String": "string",
    "Integer": "number",
    "Float": "number",
    "Boolean": "boolean",
}


class OperandKinds:
    """The kinds of the operands of one pipeline."""

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

    def large(self, operand: Operand) -> str | None:
        """What is wrong with `operand` where a scalar must stand: a reference that ends at something larger."""
        if not isinstance(operand, Get) or self.of(operand) not in LARGE:
            return None
        form = self._subject.properties.at(self._subject.pipeline.named[operand.path.name], operand.path.parts)
        assert form is not None, "its kind is known"
        further = {
            "structure": f"one of its members {among(list(form.members))}",
            "list": "one of its elements, such as [0]",
            "map": "one of its entries, such as ['key']",
        }
        return f"Expecting a scalar value, but '{shown(operand.path)}' is a {form.kind}: read {further[form.kind]}."

    def misplaced(self, operand: Operand, form: Form) -> str | None:
        """Why what `operand` comes to cannot stand where `form` does; None: it can, or nothing is known."""
        wanted = SCALARS.get(form.kind)
        found = self.of(operand) if wanted is not None else None
        if found is None:
            return None
        if found in LARGE:
            return self.large(operand)
        if wanted in ("string", found):
            return None
        match operand:
            case Get(Path("Parameters", name)):
                type_ = {"integer": "Integer", "long": "Integer", "boolean": "Boolean"}.get(form.kind, "Float")
                what = f"parameter '{shown(name)}' is of type {self._parameters[name]}: declare it as {type_}"
            case Get(path):
                what = f"'{shown(path)}' is a {found}"
            case _:
                what = "Std:Join makes a string"
        return f"Expecting a {wanted}, but {what}."

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
        return SCALARS.get(form.kind, form.kind if form.kind in LARGE else None)
