"""Room checks: property paths exist in what describes the step they read. Spec 01, section 4.

The Describe operation's output says which members there are, so a wrong path is refused before anything runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stepwell.checks.running import Models, Subject
from stepwell.definition.paths import NATURAL_KEYS, Part, Path, render
from stepwell.definition.problems import Problem, did_you_mean, shown
from stepwell.spec.models import Shape
from stepwell.steps.kinds import StepType
from stepwell.steps.registry import TYPES


def check(subject: Subject) -> Iterator[Problem]:
    """One problem for each path that leads nowhere. Types that cannot run yet are not looked into."""
    named = subject.pipeline.named
    for references in subject.references.values():
        for reference in references:
            match reference.target:
                case Path("Steps", name, parts) if name in named and named[name].type in TYPES:
                    wrong = _wrong(TYPES[named[name].type], parts, subject.models)
                    if wrong:
                        message = f"Invalid property '{shown(reference.target)}': {wrong}"
                        yield Problem(reference.pointer, message)
                case _:
                    pass


def _wrong(type_: StepType, parts: tuple[Part, ...], models: Models) -> str | None:
    if not type_.has_properties or type_.kind == "unbuilt":
        return None
    if not parts:
        return "it names no property of the step."
    if type_.job is None:
        return _made_up(type_.synthetic, parts)
    shape = models(type_.job.service, type_.job.describe).output_shape
    assert shape is not None
    return _walk(shape, parts)


def _made_up(known: Mapping[str, str], parts: tuple[Part, ...]) -> str | None:
    """The same for properties that the engine makes up, which are scalars."""
    if parts[0] not in known:
        return _absent(parts, 0, known)
    return _absent(parts, 1, {}) if parts[1:] else None


def _walk(shape: Shape, parts: tuple[Part, ...]) -> str | None:
    """What is wrong with `parts` below `shape`, if anything."""
    for position, part in enumerate(parts):
        match shape.kind, part:
            case "structure", str() if part in shape.members:
                shape = shape.members[part].shape
            case "map", str():
                shape = shape.value.shape
            case "list", _ if isinstance(part, int) or _is_named(shape.element.shape):
                shape = shape.element.shape
            case _:
                return _absent(parts, position, shape.members)
    return None


def _is_named(element: Shape) -> bool:
    return any(key in element.members for key in NATURAL_KEYS)


def _absent(parts: tuple[Part, ...], position: int, known: Mapping[str, object]) -> str:
    hint = did_you_mean(str(parts[position]), known)
    return f"nothing can stand at {shown(render(parts[: position + 1]).lstrip('.'))}.{hint}"
