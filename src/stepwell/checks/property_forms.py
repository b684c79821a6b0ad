"""Room checks: what the properties of each step are, and where paths lead in them.

In: a pipeline, whose steps have a say: what a Lambda declares, what a loop holds. Out: forms, and the form at the end
of a path. Two rules ask: paths must exist, and what a condition compares must be comparable. Spec 01, section 4.
"""

from __future__ import annotations

from collections.abc import Mapping

from stepwell.definition.model import Pipeline, Step
from stepwell.definition.paths import NATURAL_KEYS, Part, render
from stepwell.definition.problems import shown, suggestion
from stepwell.steps import forms
from stepwell.steps.forms import Form, Models
from stepwell.steps.registry import TYPES

_DECLARED: Mapping[str, Form] = {
    "String": forms.TEXT,
    "Integer": forms.WHOLE,
    "Float": Form("double"),
    "Boolean": forms.FLAG,
}


class PathLeadsNowhereError(Exception):
    """Nothing can stand at `parts`; its text says where the way ends: behind `position` parts, at `form`.

    The text is made when it is asked for: not everybody who tries a path wants to know what was meant instead.
    """

    def __init__(self, parts: tuple[Part, ...], position: int, form: Form) -> None:
        super().__init__(parts)
        self.parts = parts
        self.position = position
        self.form = form

    def __str__(self) -> str:
        if not self.parts:
            return f"it names no property of the step.{_example(self.form)}"
        return _absent(self.parts, self.position, self.form)


class PropertyForms:
    """The properties of the steps of one pipeline. Forms are made when asked for, and kept by type and by step."""

    def __init__(self, pipeline: Pipeline, models: Models) -> None:
        self._pipeline = pipeline
        self._models = models
        self._by_type: dict[str, Form] = {}
        self._by_step: dict[str, Form] = {}

    def of(self, step: Step) -> Form | None:
        """The properties of `step`; None when its type is unknown or has none."""
        type_ = TYPES.get(step.type)
        if type_ is None or not type_.has_properties:
            return None
        if step.type not in self._by_type:
            self._by_type[step.type] = type_.property_form(self._models)
        form = self._by_type[step.type]
        has_own = "OutputParameters" in type_.members or step.loop is not None
        if has_own and step.pointer not in self._by_step:
            self._by_step[step.pointer] = self._of_step(step, form)
        return self._by_step[step.pointer] if has_own else form

    def at(self, step: Step, parts: tuple[Part, ...]) -> Form | None:
        """What stands at `parts` of the properties of `step`; None when that cannot be known.

        Raises PathLeadsNowhereError.
        """
        form = self.of(step)
        if form is None:
            return None
        if not parts:
            raise PathLeadsNowhereError(parts, 0, form)
        return walk(form, parts)

    def _of_step(self, step: Step, form: Form) -> Form:
        """Properties in which the step has a say: what it declares, or those of the steps of its body.

        The latter must not be loops again.
        """
        if step.loop is None:
            return forms.changed(form, {"OutputParameters": _declared(step)})
        body = {
            inner.name: forms.FREE if inner.loop is not None else self.of(inner) or forms.structure({})
            for inner in self._pipeline.held.get(step.name, ())
        }
        more = {"IterationOutputs": forms.listing(forms.structure(body))}
        selector = step.loop.selector
        if selector is None:
            return forms.changed(form, more, without=("Selected",))
        return forms.changed(form, {**more, "Selected": body.get(selector.field.name, forms.FREE)})


def _declared(step: Step) -> Form:
    return forms.structure({output.name: _DECLARED[output.type] for output in step.outputs})


def walk(form: Form, parts: tuple[Part, ...]) -> Form:
    """The form at the end of `parts`. Raises PathLeadsNowhereError."""
    for position, part in enumerate(parts):
        match form.kind, part:
            case forms.FREE_KIND, _:
                return form
            case "structure", str() if part in form.members:
                form = form.members[part]
            case "map", str():
                form = form.inner
            case "list", _ if isinstance(part, int) or _is_named(form.inner):
                form = form.inner
            case _:
                raise PathLeadsNowhereError(parts, position, form)
    return form


def _example(form: Form) -> str:
    first = next(iter(form.members), None)
    return f" One is '{first}'." if first is not None else ""


def _is_named(element: Form) -> bool:
    return any(key in element.members for key in NATURAL_KEYS)


def _absent(parts: tuple[Part, ...], position: int, form: Form) -> str:
    place = shown(render(parts[: position + 1]).lstrip("."))
    if form.kind == "list":
        return f"nothing can stand at {place}: a list is read by position, such as [0]."
    return f"nothing can stand at {place}.{suggestion(str(parts[position]), form.members)}"
