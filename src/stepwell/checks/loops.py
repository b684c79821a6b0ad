"""Room checks: what holds around ForEach steps and the steps of their bodies. Spec 01, section 6.

The steps of a body run once per item, as <body>-<index>: nobody outside can mean one of them by its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stepwell.checks.running import Subject
from stepwell.definition.model import Pipeline, Step
from stepwell.definition.paths import Path
from stepwell.definition.problems import Problem, below, did_you_mean, shown, suggestion
from stepwell.definition.references import Reference

NOT_IN_BODIES = ("Condition", "Fail", "ForEach")

_CHILD = re.compile(r"(?P<body>.+)-[0-9]+")


def check(subject: Subject) -> Iterator[Problem]:
    """Types and names of steps in bodies, selectors, and references into and inside bodies."""
    pipeline = subject.pipeline
    loops = loop_of(pipeline)
    steps = {step.pointer: step for step in pipeline.steps}
    for step in pipeline.steps:
        yield from _placed(step)
        yield from _selected(step, pipeline)
        yield from _waiting(step, loops)
        if loops:
            yield from _named(step, loops)
    for pointer, references in subject.references.items():
        for reference in references:
            yield from _read(reference, steps.get(pointer), loops)


def loop_of(pipeline: Pipeline) -> dict[str, str]:
    """Step -> the loop in whose body it stands, for those that stand in one, at any depth."""
    found: dict[str, str] = {}
    for step in pipeline.steps:
        if step.parent is not None:
            inside = step.parent.step if step.parent.branch == "ForEachBody" else found.get(step.parent.step)
            if inside is not None:
                found[step.name] = inside
    return found


def _placed(step: Step) -> Iterator[Problem]:
    if step.parent is not None and step.parent.branch == "ForEachBody" and step.type in NOT_IN_BODIES:
        allowed = f"not {', '.join(NOT_IN_BODIES)}"
        message = f"A step of type {step.type} cannot stand in the body of a ForEach step ({allowed})."
        yield Problem(below(step.pointer, "Type"), message)


def _selected(step: Step, pipeline: Pipeline) -> Iterator[Problem]:
    selector = step.loop.selector if step.loop is not None else None
    if selector is None:
        return
    body = [inner.name for inner in pipeline.held.get(step.name, ())]
    if selector.field.name not in body:
        hint = suggestion(selector.field.name, body)
        message = f"'{shown(selector.field.name)}' is no step in the body of '{step.name}'.{hint}"
        yield Problem(below(selector.pointer, "Field", "Get"), message)


def _named(step: Step, loops: dict[str, str]) -> Iterator[Problem]:
    found = _CHILD.fullmatch(step.name)
    if found is not None and found["body"] in loops and step.name not in loops:
        loop = loops[found["body"]]
        message = f"Step name '{step.name}' is kept for what step '{found['body']}' becomes in the loop '{loop}'."
        yield Problem(below(step.pointer, "Name"), message)


def _waiting(step: Step, loops: dict[str, str]) -> Iterator[Problem]:
    for dependency in step.depends_on:
        wrong = _wrong(dependency.step, step, loops)
        if wrong is not None:
            yield Problem(dependency.pointer, wrong)


def _read(reference: Reference, reader: Step | None, loops: dict[str, str]) -> Iterator[Problem]:
    inside = reader is not None and reader.name in loops
    match reference.target:
        case Path("ForEach", "CurrentItem"):
            wrong = None if inside else "'ForEach.CurrentItem' can be read only in the body of a ForEach step."
        case Path("ForEach", name):
            wrong = f"Unknown reference 'ForEach.{shown(name)}'.{did_you_mean(name, ['CurrentItem'])}"
        case Path("IterationOutput"):
            selector = reader.loop.selector if reader is not None and reader.loop is not None else None
            own = selector is not None and reference.pointer.startswith(selector.pointer)
            wrong = None if own else "'IterationOutput' can be read only as the Field of a Selector."
        case _:
            step = reference.step
            wrong = _wrong(step, reader, loops) if step is not None and reader is not None else None
    if wrong is not None:
        yield Problem(reference.pointer, wrong)


def _wrong(target: str, reader: Step, loops: dict[str, str]) -> str | None:
    own, theirs = loops.get(reader.name), loops.get(target)
    if own is not None and target == own:
        return f"'{reader.name}' stands in the body of '{own}' and cannot wait for its end."
    if theirs is not None and theirs != own:
        instead = f"Steps.{theirs}.IterationOutputs[<index>].{target}"
        return f"'{target}' stands in the body of '{theirs}': wait for '{theirs}', or read {instead}."
    return None
