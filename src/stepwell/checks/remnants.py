"""Room checks: texts that were meant to be expressions, and would be taken literally.

They come from Python: an f-string or str() of a pipeline variable, or one used as the key of a dict, leaves its
representation behind. AWS would run the step with that text. Spec 01, section 3: "static literal strings are never
interpolated"; user reports T2 of the public issue trackers of the SDK.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from stepwell.checks.running import Subject
from stepwell.definition.expressions import Get, Join, JsonGet, Operand, Tree
from stepwell.definition.model import Step
from stepwell.definition.paths import ROOTS
from stepwell.definition.problems import Problem, below, shown

_OBJECT = re.compile(r"<sagemaker\.[\w.]+(?: object)? at 0x[0-9a-fA-F]+>")
_VARIABLE = re.compile(
    r"\b(?:Parameter(?:String|Integer|Float|Boolean)\(name=|ExecutionVariable\(|Properties\(|JsonGet\(step_name=|"
    r"Join\(on=|PropertyFile\(name=)"
)
_ROOTS = rf"(?:{'|'.join(ROOTS)})"
_EXPRESSION = re.compile(rf"\{{\s*'(?:Get'\s*:\s*'{_ROOTS}\.|Std:(?:Join|JsonGet)'\s*:)")
_WHOLE_EXPRESSION = re.compile(
    rf'\s*\{{\s*"(?:Get"\s*:\s*"{_ROOTS}\.[^"]*"|Std:(?:Join|JsonGet)"\s*:.*)\s*\}}\s*', re.DOTALL
)
_DOLLAR = re.compile(r"\$\{(?P<path>(?:Parameters|Steps|Execution)\.[^{}]{1,200})\}")

_INSTEAD = 'write {"Get": "..."} as the value, or join texts with {"Std:Join": {"On": "", "Values": [...]}}'


def check(subject: Subject) -> Iterator[Problem]:
    """One problem for each text, and each key of an object, that is what is left of an expression."""
    names = frozenset(subject.pipeline.named)
    for step in subject.pipeline.steps:
        for pointer, trees in _trees(step):
            if _any_suspicious(dict(trees)):
                yield from _children(trees, pointer, names)


def _trees(step: Step) -> Iterator[tuple[str, Mapping[str, Tree]]]:
    yield below(step.pointer, "Arguments"), step.arguments
    yield step.pointer, step.extra


def _children(trees: Mapping[str, Tree], pointer: str, names: frozenset[str]) -> Iterator[Problem]:
    for key, child in trees.items():
        wrong = _wrong(key, names)
        if wrong:
            yield Problem(below(pointer, key), f"The key '{shown(key)}' {wrong}; keys cannot be expressions.")
        yield from _tree(child, below(pointer, key), names)


def _tree(tree: Tree, pointer: str, names: frozenset[str]) -> Iterator[Problem]:
    match tree:
        case str():
            wrong = _wrong(tree, names)
            if wrong:
                yield Problem(pointer, f"The text '{shown(tree)}' {wrong}: {_INSTEAD}.")
        case Join(_, values):
            for index, value in enumerate(values):
                yield from _tree(value, below(pointer, "Std:Join", "Values", index), names)
        case JsonGet(source):
            if isinstance(source, str | Join):
                yield from _tree(source, below(pointer, "Std:JsonGet", "S3Uri"), names)
        case Get():
            return
        case dict():
            yield from _children(tree, pointer, names)
        case list():
            for index, child in enumerate(tree):
                yield from _tree(child, below(pointer, index), names)
        case _:
            return


def _wrong(text: str, names: frozenset[str]) -> str | None:
    """What `text` is left of, if it is."""
    if not _suspicious(text):
        return None
    if _OBJECT.search(text) or _VARIABLE.search(text):
        return "is the Python representation of a pipeline variable, not its value"
    if _EXPRESSION.search(text) or _WHOLE_EXPRESSION.fullmatch(text):
        return "is an expression written as text, and would be taken literally"
    if (found := _DOLLAR.search(text)) is not None:
        return f"holds '${{{shown(found['path'])}}}', which is never interpolated"
    return _path(text, names)


def _any_suspicious(tree: Tree | tuple[Operand, ...]) -> bool:
    """Whether a text in `tree` could be a remnant: most definitions hold none and need no closer look."""
    match tree:
        case str():
            return _suspicious(tree)
        case dict():
            return any(_suspicious(key) or _any_suspicious(child) for key, child in tree.items())
        case list() | tuple():
            return any(_any_suspicious(child) for child in tree)
        case Join(_, values):
            return _any_suspicious(values)
        case JsonGet(source):
            return isinstance(source, str | Join) and _any_suspicious(source)
        case _:
            return False


def _suspicious(text: str) -> bool:
    """Whether `text` holds what every remnant holds at least one of; the other texts shall cost little."""
    return "{" in text or "(" in text or "<" in text or ".properties." in text


_PATH = re.compile(r"(?:Steps\.)?(?P<step>[A-Za-z0-9\-_]{1,64})\.properties\.[A-Z][\w.\[\]']*")


def _path(text: str, names: frozenset[str]) -> str | None:
    found = _PATH.fullmatch(text) if ".properties." in text else None
    if found is None or found["step"] not in names:
        return None
    return f"names a property of step '{found['step']}', but is a text"
