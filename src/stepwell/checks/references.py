"""Room checks: everything that is read exists. Parameters, execution variables, experiment names, steps.

"All parameters used in step definitions must be defined" (SageMaker developer guide, pipeline structure).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from stepwell.checks.running import Subject
from stepwell.definition.expressions import PropertyFileReference
from stepwell.definition.model import Step
from stepwell.definition.paths import Path
from stepwell.definition.problems import Problem, shown, suggestion
from stepwell.definition.references import Reference
from stepwell.steps.registry import TYPES

VARIABLES = frozenset(
    {
        "StartDateTime",
        "CurrentDateTime",
        "PipelineName",
        "PipelineArn",
        "PipelineExecutionId",
        "PipelineExecutionArn",
    }
)
"""Execution variables that stand everywhere; a step that makes a job may also read the name of its own job."""

EXPERIMENT = ("ExperimentName", "TrialName")


def check(subject: Subject) -> Iterator[Problem]:
    """One problem for each reference to something that is not there."""
    steps = {step.pointer: step for step in subject.pipeline.steps}
    parameters = {parameter.name for parameter in subject.pipeline.parameters}
    for pointer, references in subject.references.items():
        for reference in references:
            message = _wrong(reference, steps.get(pointer), subject, parameters)
            if message:
                yield Problem(reference.pointer, message)


def _wrong(reference: Reference, reader: Step | None, subject: Subject, parameters: set[str]) -> str | None:
    match reference.target:
        case PropertyFileReference(step, _) | Path("Steps", step, _):
            return _wrong_step(step, reader, subject.pipeline.named)
        case Path("ForEach" | "IterationOutput"):
            return None
        case Path(_, name, parts) as path if parts:
            return f"'{shown(name)}' is a single value: nothing can stand at '{shown(path)}'."
        case Path("Parameters", name, _):
            return _unknown("parameter", name, parameters)
        case Path("Execution", name, _):
            return _unknown("execution variable", name, VARIABLES | _own_name(reader))
        case Path(_, name, _):
            if not subject.pipeline.experiment:
                return "The pipeline has no PipelineExperimentConfig: there is no name of an experiment to read."
            return _unknown("experiment name", name, EXPERIMENT)


def _own_name(reader: Step | None) -> frozenset[str]:
    type_ = TYPES.get(reader.type) if reader else None
    variable = type_.job.name_variable if type_ and type_.job else None
    return frozenset({variable} if variable else ())


def _wrong_step(name: str, reader: Step | None, named: Mapping[str, Step]) -> str | None:
    if reader is None:
        return f"The pipeline itself cannot read properties of step '{shown(name)}': no step has run yet."
    if name not in named:
        return _unknown("step", name, named)
    type_ = TYPES.get(named[name].type)
    if type_ and not type_.has_properties:
        return f"Step '{name}' of type {type_.name} has no properties."
    return None


def _unknown(noun: str, name: str, known: Collection[str]) -> str | None:
    return None if name in known else f"Unknown {noun} '{shown(name)}'.{suggestion(name, sorted(known))}"
