"""Room checks: texts that were meant to be expressions, and would be taken literally.

They come from Python: an f-string or str() of a pipeline variable, or one used as the key of a dict, leaves its
representation behind. AWS would run the step with that text. Spec 01, section 3: "static literal strings are never
interpolated"; user reports T2 of the public issue trackers of the SDK.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from stepwell.checks.running import Subject
from stepwell.definition.conditions import operands
from stepwell.definition.expressions import Get, Join, JsonGet, Operand, Tree
from stepwell.definition.model import Step
from stepwell.definition.paths import ROOTS
from stepwell.definition.problems import Problem, below, shown

_OBJECT = re.compile(r"<sagemaker\.[\w.]+(?: object)? at 0x[0-9a-fA-F]+>")
_VARIABLE = re.compile(
    r"\b(?:Parameter(?:String|Integer|Float|Boolean)\(name=|ExecutionVariable\(|Properties(?:List|Map)?\(|"
    r"JsonGet\(step_name=|Join\(on=|PropertyFile\(name=)"
)
_ROOTS = rf"(?:{'|'.join(ROOTS)})"
_EXPRESSION = re.compile(rf"\{{\s*'(?:Get'\s*:\s*'{_ROOTS}\.|Std:(?:Join|JsonGet)'\s*:)")
_WHOLE_GET = re.compile(rf'\s*\{{\s*"Get"\s*:\s*"{_ROOTS}\.[^"]*"\s*\}}\s*')
_FUNCTION = re.compile(r'\s*\{\s*"Std:(?:Join|JsonGet)"\s*:')
"""The beginning of one; where it ends is looked up in the text, as a pattern would try every place."""
_DOLLAR = re.compile(r"\$\{(?P<path>(?:Parameters|Steps|Execution)\.[^{}]{1,200})\}")


def check(subject: Subject) -> Iterator[Problem]:
    """One problem for each text, and each key of an object, that is what is left of an expression."""
    names = frozenset(subject.pipeline.named)
    for step in subject.pipeline.steps:
        for pointer, trees in _trees(step):
            if _any_suspicious(dict(trees)):
                yield from _children(trees, pointer, names)
        for pointer, operand in _operands(step):
            yield from _tree(operand, pointer, names)
    yield from _children(subject.pipeline.experiment or {}, "/PipelineExperimentConfig", names)


def _trees(step: Step) -> Iterator[tuple[str, Mapping[str, Tree]]]:
    yield below(step.pointer, "Arguments"), step.arguments
    yield step.pointer, step.extra


def _operands(step: Step) -> Iterator[tuple[str, Operand]]:
    """What conditions compare, and what a loop goes through."""
    inside = below(step.pointer, "Arguments")
    for index, condition in enumerate(step.conditions):
        yield from operands(condition, below(inside, "Conditions", index))
    items = step.loop.items if step.loop is not None else ()
    for index, item in enumerate(items if isinstance(items, tuple) else ()):
        yield below(inside, "IterableItems", index), item


def _children(trees: Mapping[str, Tree], pointer: str, names: frozenset[str]) -> Iterator[Problem]:
    for key, child in trees.items():
        wrong = _wrong(key, names)
        if wrong:
            message = f"The key '{shown(key)}' {wrong}; keys cannot be expressions: write the name itself."
            yield Problem(below(pointer, key), message)
        yield from _tree(child, below(pointer, key), names)


def _tree(tree: Tree, pointer: str, names: frozenset[str]) -> Iterator[Problem]:
    match tree:
        case str():
            wrong = _wrong(tree, names)
            if wrong:
                yield Problem(pointer, f"The text '{shown(tree)}' {wrong}: {_instead(tree, names)}.")
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
    if _EXPRESSION.search(text) or _is_expression(text):
        return "is an expression written as text, and would be taken literally"
    if (found := _DOLLAR.search(text)) is not None:
        return f"holds '${{{shown(found['path'])}}}', which is never interpolated"
    if (property_ := _property(text, names)) is not None:
        return f"names a property of step '{property_['step']}', but is a text"
    return None


def _instead(text: str, names: frozenset[str]) -> str:
    """What to write in the place of `text`, of which _wrong has something to say."""
    path = "..."
    if (property_ := _property(text, names)) is not None:
        path = shown(f"Steps.{property_['step']}.{property_['path']}")
    elif (found := _DOLLAR.search(text)) is not None:
        path = shown(found["path"])
    get = f'{{"Get": "{path}"}}'
    return (
        f"give the variable itself, as {get}, or put texts together with Join, "
        f'as {{"Std:Join": {{"On": "", "Values": ["...", {get}]}}}}'
    )


def _is_expression(text: str) -> bool:
    """Whether all of `text` is the JSON of an expression."""
    return bool(_WHOLE_GET.fullmatch(text) or (_FUNCTION.match(text) and text.rstrip().endswith("}")))


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


_PROPERTY = re.compile(r"(?:Steps\.)?(?P<step>[A-Za-z0-9\-_]{1,64})\.properties\.(?P<path>[A-Z][\w.\[\]']*)")


def _property(text: str, names: frozenset[str]) -> re.Match[str] | None:
    """The step and the property that `text` names as Python code would, when there is that step."""
    found = _PROPERTY.fullmatch(text) if ".properties." in text else None
    return found if found is not None and found["step"] in names else None
