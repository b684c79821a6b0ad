"""Room definition: what a tree, a step or a pipeline reads.

In: values of the model. Out: Reference values, each with the JSON pointer of where it stands. The graph is built
from them, and the checks look at each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import NoneType

from stepwell.definition.conditions import operands
from stepwell.definition.expressions import Get, Join, JsonGet, PropertyFileReference, Tree
from stepwell.definition.loops import ForEach
from stepwell.definition.model import Pipeline, Step
from stepwell.definition.paths import Path
from stepwell.definition.problems import below


@dataclass(frozen=True, slots=True)
class Reference:
    """At `pointer` stands an expression that reads `target`."""

    pointer: str
    target: Path | PropertyFileReference

    @property
    def step(self) -> str | None:
        """The step whose success this reference needs, if it needs one."""
        match self.target:
            case PropertyFileReference(step, _):
                return step
            case Path("Steps", name, _):
                return name
            case _:
                return None


_SCALARS = (str, int, float, NoneType)


def of_tree(tree: Tree, pointer: str) -> Iterator[Reference]:
    """Every reference inside `tree`, which stands at `pointer`."""
    match tree:
        case Get(path):
            yield Reference(below(pointer, "Get"), path)
        case Join(_, values):
            for index, value in enumerate(values):
                yield from of_tree(value, below(pointer, "Std:Join", "Values", index))
        case JsonGet(source):
            yield from _of_source(source, below(pointer, "Std:JsonGet"))
        case dict():
            for key, child in tree.items():
                if not isinstance(child, _SCALARS):
                    yield from of_tree(child, below(pointer, key))
        case list():
            for index, child in enumerate(tree):
                if not isinstance(child, _SCALARS):
                    yield from of_tree(child, below(pointer, index))
        case _:
            return


def _of_source(source: PropertyFileReference | str | Get | Join, pointer: str) -> Iterator[Reference]:
    if isinstance(source, PropertyFileReference):
        yield Reference(below(pointer, "PropertyFile"), source)
    else:
        yield from of_tree(source, below(pointer, "S3Uri"))


def of_step(step: Step) -> tuple[Reference, ...]:
    """Every reference of `step` itself; the steps inside its branches have their own. Found once, kept with it."""
    if step.references is None:
        object.__setattr__(step, "references", tuple(_of_step(step)))
    assert step.references is not None
    return step.references


def _of_step(step: Step) -> Iterator[Reference]:
    inside = below(step.pointer, "Arguments")
    for name, tree in step.arguments.items():
        yield from of_tree(tree, below(inside, name))
    for index, condition in enumerate(step.conditions):
        for pointer, operand in operands(condition, below(inside, "Conditions", index)):
            yield from of_tree(operand, pointer)
    if step.loop is not None:
        yield from _of_loop(step.loop, inside)
    for name, tree in step.extra.items():
        yield from of_tree(tree, below(step.pointer, name))


def _of_loop(loop: ForEach, pointer: str) -> Iterator[Reference]:
    items: Tree = [*loop.items] if isinstance(loop.items, tuple) else loop.items
    yield from of_tree(items, below(pointer, "IterableItems"))
    if loop.selector is not None:
        yield Reference(below(loop.selector.pointer, "Field", "Get"), loop.selector.field)


def of_pipeline(pipeline: Pipeline) -> Iterator[Reference]:
    """Every reference of `pipeline` outside its steps."""
    for member, trees in (("PipelineExperimentConfig", pipeline.experiment), ("MlflowConfig", pipeline.mlflow)):
        for name, tree in (trees or {}).items():
            yield from of_tree(tree, below("", member, name))
