"""Room machines: how two runs differ: what was changed between them, and what followed from that. Pure.

In: two Runs. Out: Rows, one for each thing that can be compared, each with what it is before and after. Whoever
shows them leaves out what is the same. What cannot follow from anything else is a cause: the definition, a
parameter, bytes that no step of the run made, an environment that is another although the image is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from stepwell.definition.json_text import JSON
from stepwell.machines import pipeline_cache, runs
from stepwell.machines.runs import Held, Run, StepRun

Aspect: TypeAlias = Literal[
    "parameter",
    "definition",
    "image",
    "instances",
    "hyperparameter",
    "variable",
    "request",
    "code",
    "input",
    "environment",
    "package",
    "status",
    "result",
    "metric",
    "output",
    "cache",
    "seconds",
]
"""What is compared. `package` is one of an environment; `cache` and `seconds` say how it went."""

PASSING: frozenset[Aspect] = frozenset({"cache", "seconds"})
"""Aspects in which two runs may differ and still be the same."""

MADE = "from a step before"
"""The note of an input that differs because the output of another step does."""

UNKNOWN = "what is in them is not known here"
"""The note of environments of which one is not on this machine."""

_PLACES: tuple[tuple[str, Aspect], ...] = (
    ("/AlgorithmSpecification/TrainingImage", "image"),
    ("/AppSpecification/ImageUri", "image"),
    ("/PrimaryContainer/Image", "image"),
    ("/ResourceConfig/", "instances"),
    ("/ProcessingResources/ClusterConfig/", "instances"),
    ("/HyperParameters/", "hyperparameter"),
    ("/StaticHyperParameters/", "hyperparameter"),
    ("/Environment/", "variable"),
)
"""Where in a request what stands."""
_WITHIN = re.compile(r"^/TrainingJobDefinition(s/[^/]+)?(?=/)")


@dataclass(frozen=True, slots=True)
class Row:
    """One thing of both runs. None: it is not there. `steps`: whose it is; empty: the run's."""

    aspect: Aspect
    name: str
    before: JSON
    after: JSON
    steps: tuple[str, ...] = ()
    is_cause: bool = False
    note: str = ""
    """What is to be said besides, such as that the bytes at two URIs are the same."""
    details: tuple[str, ...] = ()
    """Lines that say where two objects differ; `-` and `+` begin those of one of them."""
    is_same: bool = False

    @property
    def delta(self) -> float | None:
        """By how much a number grew."""
        if _is_number(self.before) and _is_number(self.after):
            return self.after - self.before  # type: ignore[operator]
        return None


def compared(before: Run, after: Run) -> list[Row]:
    """Every row: causes first, then what followed, step by step."""
    rows = [*_parameters(before, after), *_definition(before, after)]
    literal = {(row.steps, row.name, _text(row.before), _text(row.after)) for row in rows if not row.is_same}
    for name in _step_names(before, after):
        one, other = before.steps.get(name), after.steps.get(name)
        for row in _step(one, other, has_definition=before.definition is not None):
            place = (row.steps, f"/Arguments{row.name}", _text(row.before), _text(row.after))
            if place not in literal:  # else the definition says the same
                rows.append(row)
    merged = _merged(row for row in rows if row.before is not None or row.after is not None)
    return [row for row in merged if row.is_cause] + [row for row in merged if not row.is_cause]


def is_same(rows: Iterable[Row]) -> bool:
    """Whether nothing differs but how long things took, and where results were taken from."""
    return all(row.is_same or row.aspect in PASSING for row in rows)


def _step_names(before: Run, after: Run) -> list[str]:
    return list(dict.fromkeys((*after.steps, *before.steps)))


def _parameters(before: Run, after: Run) -> Iterator[Row]:
    for name in dict.fromkeys((*after.parameters, *before.parameters)):
        yield _row("parameter", name, before.parameters.get(name), after.parameters.get(name), is_cause=True)


def _definition(before: Run, after: Run) -> Iterator[Row]:
    """What differs in the definition, by step; and one row that says whether anything does."""
    if before.definition is None or after.definition is None:
        return
    old, new = runs.defined_steps(before.definition), runs.defined_steps(after.definition)
    outside = [{name: value for name, value in each.items() if name != "Steps"} for each in _both(before, after)]
    found = list(_pointers(outside[0], outside[1], "definition", (), is_cause=True))
    for step in dict.fromkeys((*new, *old)):
        if step not in old or step not in new:
            found.append(Row("definition", "", _type(old.get(step)), _type(new.get(step)), (step,), is_cause=True))
        else:
            found += _pointers(old[step], new[step], "definition", (step,), is_cause=True)
    held = [*_all_held(before), *_all_held(after)]
    yield from (_with_content(row, held, held) for row in found)


def _both(before: Run, after: Run) -> tuple[Mapping[str, JSON], Mapping[str, JSON]]:
    return before.definition or {}, after.definition or {}


def _type(step: Mapping[str, JSON] | None) -> JSON:
    return None if step is None else step.get("Type")


def _all_held(run: Run) -> Iterator[Held]:
    for step in run.steps.values():
        yield from step.inputs


def _step(before: StepRun | None, after: StepRun | None, *, has_definition: bool) -> Iterator[Row]:
    present = after or before
    assert present is not None
    steps = (present.name,)
    yield _row("status", "", before.status if before else None, after.status if after else None, steps)
    if before is None or after is None:
        return
    yield _row("status", "reason", before.reason or None, after.reason or None, steps)
    yield from _pointers(before.result, after.result, "result", steps)
    asked = list(_pointers(before.request, after.request, "request", steps, is_cause=not has_definition))
    yield from (_with_content(row, before.inputs, after.inputs) for row in asked)
    is_other_image = any(row.aspect == "image" and not row.is_same for row in asked)
    yield from _objects(before.inputs, after.inputs, "input", steps)
    yield from _environment(before, after, is_cause=not is_other_image)
    for name in dict.fromkeys((*after.metrics, *before.metrics)):
        yield _row("metric", name, before.metrics.get(name), after.metrics.get(name), steps)
    yield from _objects(before.outputs, after.outputs, "output", steps)
    yield _row("cache", "", before.cache or "ran", after.cache or "ran", steps)
    yield _row("seconds", "", before.seconds, after.seconds, steps)


def _pointers(
    before: Mapping[str, JSON],
    after: Mapping[str, JSON],
    aspect: Aspect,
    steps: tuple[str, ...],
    *,
    is_cause: bool = False,
) -> Iterator[Row]:
    """A row for each value that either has, by JSON pointer, lists of named things by their names."""
    old, new = runs.keyed(dict(before)), runs.keyed(dict(after))
    differing = dict.fromkeys(pipeline_cache.differences(old, new))
    for pointer in dict.fromkeys((*_leaves(new), *_leaves(old), *differing)):
        if pointer not in differing and any(pointer.startswith(f"{outer}/") for outer in differing):
            continue  # the whole that it is part of is new or gone
        one, other = value_at(old, pointer), value_at(new, pointer)
        kind = _aspect(pointer) if aspect == "request" else aspect
        yield Row(kind, pointer, one, other, steps, is_cause, is_same=pointer not in differing)


def _leaves(value: JSON, pointer: str = "") -> Iterator[str]:
    match value:
        case dict() if value:
            for name, child in value.items():
                yield from _leaves(child, f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}")
        case list() if value:
            for index, child in enumerate(value):
                yield from _leaves(child, f"{pointer}/{index}")
        case _:
            if pointer:
                yield pointer


def value_at(document: JSON, pointer: str) -> JSON:
    """What stands at the JSON pointer; None: nothing."""
    for escaped in pointer.split("/")[1:]:
        name = escaped.replace("~1", "/").replace("~0", "~")
        match document:
            case dict():
                document = document.get(name)
            case list():
                document = document[int(name)] if int(name) < len(document) else None
            case _:
                return None
    return document


def _aspect(pointer: str) -> Aspect:
    """What stands at a pointer of a request; a tuning job asks for training jobs further within."""
    pointer = _WITHIN.sub("", pointer)
    return next((aspect for place, aspect in _PLACES if pointer.startswith(place)), "request")


def _with_content(row: Row, before: Iterable[Held], after: Iterable[Held]) -> Row:
    """The row, with what the bytes say where two URIs differ."""
    old, new = pipeline_cache.data_uri(row.before), pipeline_cache.data_uri(row.after)
    if row.is_same or old is None or new is None:
        return row
    one, other = runs.content(old, before), runs.content(new, after)
    if not one or not other:
        return row
    return replace(row, note="the same bytes" if one == other else "other bytes")


def _objects(before: Iterable[Held], after: Iterable[Held], aspect: Aspect, steps: tuple[str, ...]) -> Iterator[Row]:
    """A row for each object by its name. What no step of the run made is a cause."""
    old, new = {each.name: each for each in before}, {each.name: each for each in after}
    for name in dict.fromkeys((*new, *old)):
        one, other = old.get(name), new.get(name)
        present = other or one
        assert present is not None
        is_cause = aspect == "input" and not any(each is not None and each.is_made for each in (one, other))
        kind: Aspect = "code" if present.is_code and aspect == "input" else aspect
        is_equal = one is not None and other is not None and one.blob == other.blob
        note = MADE if aspect == "input" and not is_cause and not is_equal else ""
        yield Row(kind, name, _object(one), _object(other), steps, is_cause, note, is_same=is_equal)


def _object(held: Held | None) -> JSON:
    return None if held is None else {"uri": held.uri, "size": held.size, "hash": held.blob}


def _environment(before: StepRun, after: StepRun, *, is_cause: bool) -> Iterator[Row]:
    steps = (after.name,)
    row = _row("environment", "", before.environment or None, after.environment or None, steps, is_cause=is_cause)
    is_known = bool(before.packages and after.packages)
    yield row if row.is_same or is_known else replace(row, note=UNKNOWN)
    if not is_known:
        return
    for name in sorted({*before.packages, *after.packages}):
        one, other = before.packages.get(name), after.packages.get(name)
        yield _row("package", name, one, other, steps, is_cause=is_cause)


def _row(
    aspect: Aspect, name: str, before: JSON, after: JSON, steps: tuple[str, ...] = (), *, is_cause: bool = False
) -> Row:
    same = before == after and isinstance(before, bool) == isinstance(after, bool)
    return Row(aspect, name, before, after, steps, is_cause, is_same=same)


def _merged(rows: Iterable[Row]) -> list[Row]:
    """The same cause in several steps as one row: an object that two read, an environment that three run in."""
    found: dict[tuple[object, ...], Row] = {}
    for row in rows:
        whose = () if row.is_cause else row.steps
        key = (row.aspect, row.name, _text(row.before), _text(row.after), row.is_cause, whose)
        standing = found.get(key)
        found[key] = row if standing is None else replace(standing, steps=(*standing.steps, *row.steps))
    return list(found.values())


def _text(value: JSON) -> str:
    return repr(value)


def _is_number(value: JSON) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
