"""Room machines: what a run was made of and what came of it, as values that two runs can be compared by. Pure.

In: nothing, these are only values and small functions over them; services/sagemaker/run_records gathers them from
rows. Out: a Run with its StepRuns, in which the names that every run gets anew (its id, those of its jobs) stand as
`<execution>` and `<job of Train>`, so that only what really differs does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from stepwell.base.documents import Document
from stepwell.definition.json_text import JSON
from stepwell.definition.paths import NATURAL_KEYS

Names: TypeAlias = Sequence[tuple[str, str]]
"""A run's own names and what they are replaced by, in the order in which that is done; `names_of` makes it."""

PASSING = frozenset(
    {
        "BestTrainingJob",
        "BillableTimeInSeconds",
        "ClientToken",
        "ConsumedResources",
        "CreatedBy",
        "ExitMessage",
        "ExperimentConfig",
        "FailureReason",
        "FinalMetricDataList",
        "HyperParameterTuningEndTime",
        "LastModifiedBy",
        "ModelArtifacts",
        "ModelPackageStatusDetails",
        "ModelPackageVersion",
        "ObjectiveStatusCounters",
        "OverallBestTrainingJob",
        "ProcessingEndTime",
        "ProcessingStartTime",
        "SecondaryStatus",
        "SecondaryStatusTransitions",
        "TrainingEndTime",
        "TrainingJobStatusCounters",
        "TrainingStartTime",
        "TrainingTimeInSeconds",
        "TuningJobCompletionDetails",
        "WarmPoolStatus",
    }
)
"""Members of a description that say when, by whom and with what result, not what was asked for."""

_BRANCHES = ("IfSteps", "ElseSteps", "ForEachBody")
_ARGUMENTS = "Arguments"


@dataclass(frozen=True, slots=True)
class Held:
    """An object that a job read or wrote. `name` is its channel and where it lay in there; `blob` names its bytes."""

    name: str
    uri: str
    size: int
    blob: str
    is_code: bool = False
    is_made: bool = False
    """By a step of the same run."""


@dataclass(frozen=True, slots=True)
class StepRun:
    """How one step ran. `request` is what its job was asked; `result` what it answered besides objects."""

    name: str
    type: str
    status: str
    seconds: float | None = None
    cache: str = ""
    """`hit`, `reused`, or empty for what really ran."""
    reason: str = ""
    request: Document = field(default_factory=dict)
    environment: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    """What the environment holds: name -> version."""
    inputs: Sequence[Held] = ()
    outputs: Sequence[Held] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    result: Document = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """An execution; or a job or package of its own, which has no definition, as a run of one step."""

    arn: str
    title: str
    """How a person would call it."""
    status: str
    started: float
    seconds: float | None
    definition: Document | None = None
    parameters: Mapping[str, JSON] = field(default_factory=dict)
    steps: Mapping[str, StepRun] = field(default_factory=dict)
    """In the order of the definition; those that have begun."""


def names_of(replacements: Mapping[str, str]) -> Names:
    """Pairs of what is replaced and by what: a name that holds another one goes first."""
    return tuple(sorted(((old, new) for old, new in replacements.items() if old), key=lambda pair: -len(pair[0])))


def renamed(value: JSON, names: Names) -> JSON:
    """`value` with every name of the run replaced in all its texts."""
    whole = json.dumps(value, ensure_ascii=False)
    present = [pair for pair in names if pair[0] in whole]  # of thousands few
    return _renamed(value, present) if present else value


def renamed_text(text: str, names: Names) -> str:
    """The same for a text."""
    for old, new in names:
        text = text.replace(old, new)
    return text


def _renamed(value: JSON, names: Names) -> JSON:
    match value:
        case str():
            return renamed_text(value, names)
        case dict():
            return {renamed_text(key, names): _renamed(child, names) for key, child in value.items()}
        case list():
            return [_renamed(child, names) for child in value]
        case _:
            return value


def asked(document: Document) -> Document:
    """What of a description says what was asked for."""
    return {name: value for name, value in document.items() if name not in PASSING}


def keyed(value: JSON) -> JSON:
    """`value` with lists of named things as objects by their names: an element more does not shift the others."""
    match value:
        case dict():
            return {name: keyed(child) for name, child in value.items()}
        case list():
            names = _names(value)
            children = [keyed(child) for child in value]
            return dict(zip(names, children, strict=True)) if names else list(children)
        case _:
            return value


def _names(elements: Sequence[JSON]) -> list[str]:
    """The names of the elements, if each has one of its own."""
    for key in NATURAL_KEYS:
        found = [element.get(key) for element in elements if isinstance(element, dict)]
        texts = [name for name in found if isinstance(name, str)]
        if texts and len(texts) == len(elements) == len(set(texts)):
            return texts
    return []


def defined_steps(definition: Document) -> dict[str, Document]:
    """Every step of a definition by its name. Of a step that holds others only their names stay in it."""
    found: dict[str, Document] = {}
    _collect(definition.get("Steps"), found)
    return found


def _collect(steps: object, found: dict[str, Document]) -> list[str]:
    """Note these steps and those within them; their names."""
    names = []
    for step in steps if isinstance(steps, list) else ():
        if not isinstance(step, dict) or not isinstance(step.get("Name"), str):
            continue
        names.append(step["Name"])
        arguments = step.get(_ARGUMENTS)
        found[step["Name"]] = kept = dict(step)
        if isinstance(arguments, dict):
            branches = [branch for branch in _BRANCHES if isinstance(arguments.get(branch), list)]
            kept[_ARGUMENTS] = {**arguments, **{branch: _collect(arguments[branch], found) for branch in branches}}
    return names


def content(uri: str, held: Iterable[Held]) -> tuple[tuple[str, str], ...]:
    """What lay at `uri` as far as these objects say: names below it, and bytes."""
    return tuple(
        sorted(
            (each.uri[len(uri) :].lstrip("/"), each.blob)
            for each in held
            if each.uri == uri or each.uri.startswith(uri.rstrip("/") + "/")
        )
    )
