"""Room checks: all rules over one pipeline.

In: a pipeline and a way to the service models. Out: its problems, in the order of the definition. Rules are the
other modules of this folder; see its docstring.
"""

from __future__ import annotations

import importlib
import itertools
import pkgutil
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from stepwell import checks
from stepwell.checks.property_forms import PropertyForms
from stepwell.definition.graph import Graph, graph_of
from stepwell.definition.model import Pipeline
from stepwell.definition.parse import read
from stepwell.definition.problems import DefinitionError, Problem
from stepwell.definition.references import Reference, of_pipeline, of_step
from stepwell.steps.forms import Models


@dataclass(frozen=True, slots=True)
class Subject:
    """What rules look at: the pipeline, and facts about it that several rules need."""

    pipeline: Pipeline
    models: Models
    graph: Graph = field(init=False)
    references: Mapping[str, tuple[Reference, ...]] = field(init=False)
    """Pointer of a step -> what it reads; "" -> what the pipeline reads outside its steps."""
    properties: PropertyForms = field(init=False)

    def __post_init__(self) -> None:
        by_step = {step.pointer: tuple(of_step(step)) for step in self.pipeline.steps}
        object.__setattr__(self, "graph", graph_of(self.pipeline))
        object.__setattr__(self, "properties", PropertyForms(self.pipeline, self.models))
        object.__setattr__(self, "references", {**by_step, "": tuple(of_pipeline(self.pipeline))})


PER_RULE = 50
"""How many problems of one rule are looked for; more would be told to nobody."""

Check: TypeAlias = Callable[[Subject], Iterable[Problem]]


def rules() -> dict[str, Check]:
    """The name of each rule -> its function."""
    modules = (importlib.import_module(f"{checks.__name__}.{found.name}") for found in _files())
    return {module.__name__: module.check for module in modules if hasattr(module, "check")}


def _files() -> list[pkgutil.ModuleInfo]:
    return [found for found in pkgutil.iter_modules(checks.__path__) if found.name != "running"]


def run(pipeline: Pipeline, models: Models) -> list[Problem]:
    """The problems of `pipeline` in the order of the definition; empty when it may be stored."""
    subject = Subject(pipeline, models)
    found = {problem for check in rules().values() for problem in itertools.islice(check(subject), PER_RULE)}
    return sorted(found, key=_place)


def findings(text: str, models: Models) -> tuple[Pipeline, list[Problem]]:
    """What can be read of `text`, and everything that is wrong with it: its structure, and what the rules say.

    Rules are not heard about a place that could not be read, or is missing, which would only repeat it in other
    words, nor about what is around it up to its step. Raises DefinitionError for what is no JSON, or too long.
    """
    pipeline, unread = read(text)
    steps = {step.pointer for step in pipeline.steps}
    places = {problem.place for problem in unread}
    around = {place for unreadable in places for place in _up(unreadable, steps)}
    ruled = (
        problem
        for problem in run(pipeline, models)
        if problem.place not in around and places.isdisjoint(_up(problem.place, ()))
    )
    return pipeline, sorted({*unread, *ruled}, key=_place)


def _up(pointer: str, stops: Collection[str]) -> Iterator[str]:
    """`pointer` and what is around it, from the inside out, up to the whole or one of `stops`, which is left out."""
    while pointer and pointer not in stops:
        yield pointer
        pointer = pointer.rpartition("/")[0]


def require(pipeline: Pipeline, models: Models) -> None:
    """Raise DefinitionError when `pipeline` has any problem."""
    problems = run(pipeline, models)
    if problems:
        raise DefinitionError(problems)


def _place(problem: Problem) -> tuple[list[tuple[int, str]], str]:
    """Sort key of a pointer: positions as numbers, so that /Steps/10 comes behind /Steps/9."""
    parts = re.split("/", problem.pointer)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], problem.message
