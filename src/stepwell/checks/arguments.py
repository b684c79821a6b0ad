"""Room checks: Arguments are members of the operation that makes the step, and of the right JSON kind.

The words are AWS's where they are known: "Unknown Argument member 'X'", "Expecting start of Json Array.". Lists,
maps and structures must stand there in full; their scalars may be expressions. Spec 01, section 5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stepwell.checks.running import Models, Subject
from stepwell.definition.expressions import Get, Join, JsonGet, Tree
from stepwell.definition.model import Step
from stepwell.definition.problems import Problem, below, did_you_mean, shown
from stepwell.spec.models import Shape
from stepwell.steps.registry import TYPES

_ARGUMENTS: Mapping[str, frozenset[str]] = {"Fail": frozenset({"ErrorMessage"}), "Condition": frozenset()}
"""The Arguments of types that call no operation. What a Condition holds has been taken out by the parser."""


def check(subject: Subject) -> Iterator[Problem]:
    """Unknown members at any depth, wrong kinds of JSON, and literals outside an enumeration."""
    for step in subject.pipeline.steps:
        pointer = below(step.pointer, "Arguments")
        shape = _input_shape(step, subject.models)
        if shape is not None:
            yield from _structure(step.arguments, shape, pointer)
        elif step.type in _ARGUMENTS:
            yield from _members(step.arguments, _ARGUMENTS[step.type], pointer)
        if step.type == "Fail" and "ErrorMessage" not in step.arguments:
            yield Problem(pointer, "Missing required member 'ErrorMessage'")


def _input_shape(step: Step, models: Models) -> Shape | None:
    type_ = TYPES.get(step.type)
    return models(type_.job.service, type_.job.create).input_shape if type_ and type_.job else None


def _tree(tree: Tree, shape: Shape, pointer: str) -> Iterator[Problem]:
    match shape.kind, tree:
        case _, None:
            return
        case "structure", dict():
            yield from _structure(tree, shape, pointer)
        case "map", dict():
            for key, child in tree.items():
                yield from _tree(child, shape.value.shape, below(pointer, key))
        case "list", list():
            for index, child in enumerate(tree):
                yield from _tree(child, shape.element.shape, below(pointer, index))
        case "structure" | "map", _:
            yield Problem(pointer, "Expecting start of Json Object.")
        case "list", _:
            yield Problem(pointer, "Expecting start of Json Array.")
        case _, list() | dict():
            yield Problem(pointer, "Expecting a scalar value or an expression.")
        case _:
            yield from _scalar(tree, shape, pointer)


def _structure(tree: Mapping[str, Tree], shape: Shape, pointer: str) -> Iterator[Problem]:
    yield from _members(tree, shape.members, pointer)
    for name, child in tree.items():
        if name in shape.members:
            yield from _tree(child, shape.members[name].shape, below(pointer, name))


def _members(
    tree: Mapping[str, Tree], known: Mapping[str, object] | frozenset[str], pointer: str
) -> Iterator[Problem]:
    for name in tree:
        if name not in known:
            hint = did_you_mean(name, known)
            words = f"Unknown Argument member '{shown(name)}'"
            yield Problem(below(pointer, name), f"{words}.{hint}" if hint else words)


def _scalar(tree: Tree, shape: Shape, pointer: str) -> Iterator[Problem]:
    if isinstance(tree, Get | Join | JsonGet):
        return
    if shape.enum and tree not in shape.enum:
        allowed = ", ".join(shape.enum)
        message = f"Value '{shown(tree)}' for '{shape.name}' failed to satisfy enum value set: [{allowed}]"
        yield Problem(pointer, f"Model Validation failed: {message}")
