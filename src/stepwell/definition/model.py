"""Room definition: a pipeline as typed values.

In: nothing, these are only values; parse.py makes them. Out: Pipeline, its parameters and its steps, in the order
of the definition, each with the JSON pointer of where it stands. Spec 01, sections 1, 2 and 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from stepwell.definition.caching import CacheConfig
from stepwell.definition.conditions import Condition
from stepwell.definition.expressions import Scalar, Tree
from stepwell.definition.json_text import JSON
from stepwell.definition.loops import ForEach
from stepwell.definition.outputs import OutputParameter
from stepwell.definition.retries import RetryPolicy

if TYPE_CHECKING:
    from stepwell.definition.references import Reference

ParameterType: TypeAlias = Literal["String", "Integer", "Float", "Boolean"]
Trigger: TypeAlias = Literal["Completed", "Failed", "Stopped", "Any"]
Branch: TypeAlias = Literal["IfSteps", "ElseSteps", "ForEachBody"]

CONDITION_BRANCHES: Mapping[bool, Branch] = {True: "IfSteps", False: "ElseSteps"}
"""Which branch the outcome of a Condition takes."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that may differ between executions. `default` None: it must be given at the start."""

    name: str
    type: ParameterType
    default: Scalar
    pointer: str
    enum: tuple[str, ...] = ()
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Dependency:
    """An element of DependsOn: the step it names, and the end of that step it waits for."""

    step: str
    pointer: str
    trigger: Trigger = "Completed"


@dataclass(frozen=True, slots=True)
class PropertyFile:
    """A JSON file in an output of a Processing step that JsonGet may read."""

    name: str
    output_name: str
    file_path: str
    pointer: str


@dataclass(frozen=True, slots=True)
class Parent:
    """The step whose `branch` holds a step."""

    step: str
    branch: Branch


@dataclass(frozen=True, slots=True)
class Step:
    """One step. Of a Condition, `conditions` are its question, and the steps of its branches name it as parent.

    Of a ForEach, `loop` says what it goes through, and the steps of its body name it as parent. Neither stands in
    `arguments` any more.
    """

    name: str
    type: str
    arguments: Mapping[str, Tree]
    pointer: str
    depends_on: tuple[Dependency, ...] = ()
    display_name: str | None = None
    description: str | None = None
    property_files: tuple[PropertyFile, ...] = ()
    conditions: tuple[Condition, ...] = ()
    parent: Parent | None = None
    cache: CacheConfig | None = None
    retries: tuple[RetryPolicy, ...] = ()
    outputs: tuple[OutputParameter, ...] = ()
    """What a Lambda or Callback step promises to answer."""
    loop: ForEach | None = None
    extra: Mapping[str, Tree] = field(default_factory=dict)
    """Further members, such as FunctionArn and CheckType; the step's type says which it knows."""
    references: tuple[Reference, ...] | None = field(default=None, init=False, repr=False, compare=False)
    """What it reads; None until `references.of_step` has looked for the first time."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A definition. `steps` holds every step, those of branches too, each behind the step that holds it."""

    steps: tuple[Step, ...]
    parameters: tuple[Parameter, ...] = ()
    experiment: Mapping[str, Tree] | None = None
    """ExperimentName and TrialName; None: no experiment."""
    mlflow: Mapping[str, Tree] | None = None
    metadata: Mapping[str, JSON] = field(default_factory=dict)
    named: Mapping[str, Step] = field(init=False, repr=False, compare=False)
    """The steps by name."""
    held: Mapping[str, tuple[Step, ...]] = field(init=False, repr=False, compare=False)
    """Step -> the steps directly in its branches or its body, for those that have any."""

    def __post_init__(self) -> None:
        held: dict[str, list[Step]] = {}
        for step in self.steps:
            if step.parent is not None:
                held.setdefault(step.parent.step, []).append(step)
        object.__setattr__(self, "named", {step.name: step for step in self.steps})
        object.__setattr__(self, "held", {name: tuple(steps) for name, steps in held.items()})

    def property_file(self, step: str, name: str) -> PropertyFile | None:
        """The file that `step` declares under `name`, if it does."""
        declared = self.named[step].property_files if step in self.named else ()
        return next((file for file in declared if file.name == name), None)
