"""Room checks: property files are declared where they are read, in an output their step has."""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.checks.running import Subject
from stepwell.definition.expressions import PropertyFileReference
from stepwell.definition.model import PropertyFile, Step
from stepwell.definition.problems import Problem, below, shown, suggestion
from stepwell.steps.registry import TYPES


def check(subject: Subject) -> Iterator[Problem]:
    """Declared files name outputs of their step, each name once; JsonGet reads only declared files."""
    for step in subject.pipeline.steps:
        yield from _declared(step)
    for references in subject.references.values():
        for reference in references:
            if isinstance(reference.target, PropertyFileReference):
                yield from _read(reference.target, reference.pointer, subject)


def _declared(step: Step) -> Iterator[Problem]:
    outputs = _outputs(step)
    names: set[str] = set()
    for file in step.property_files:
        if file.name in names:
            yield Problem(below(file.pointer, "PropertyFileName"), f"Duplicate property file '{shown(file.name)}'.")
        if outputs is not None and file.output_name not in outputs:
            yield Problem(below(file.pointer, "OutputName"), _no_output(step, file, outputs))
        names.add(file.name)


def _no_output(step: Step, file: PropertyFile, outputs: set[str]) -> str:
    hint = suggestion(file.output_name, sorted(outputs))
    found = f"step '{shown(step.name)}' has no output '{shown(file.output_name)}'."
    return f"Property file '{shown(file.name)}': {found}{hint}"


def _outputs(step: Step) -> set[str] | None:
    """Names of the outputs; None when some are known only at run time, or when the arguments are malformed."""
    config = step.arguments.get("ProcessingOutputConfig")
    outputs = config.get("Outputs") if isinstance(config, dict) else []
    if not isinstance(outputs, list):
        return None
    names = [output.get("OutputName") if isinstance(output, dict) else None for output in outputs]
    texts = {name for name in names if isinstance(name, str)}
    return texts if len(texts) == len(names) else None


def _read(target: PropertyFileReference, pointer: str, subject: Subject) -> Iterator[Problem]:
    step = subject.pipeline.named.get(target.step)
    if step is not None and subject.pipeline.property_file(target.step, target.name) is None:
        words = f"Step '{step.name}' declares no property file '{shown(target.name)}'."
        yield Problem(pointer, f"{words}{_advice(step, target)}")


def _advice(step: Step, target: PropertyFileReference) -> str:
    """What to do about a file that is not declared."""
    if step.type in TYPES and not TYPES[step.type].has_property_files:
        return f" Only Processing steps declare any; a JSON file of a {step.type} step is read by its S3Uri."
    if not step.property_files:
        return " Its PropertyFiles must name the file and the output that holds it."
    return suggestion(target.name, [file.name for file in step.property_files])
