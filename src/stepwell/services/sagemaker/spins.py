"""Running one step alone: gathers what it needs from rows, and checks the values that a user gives instead.

No operation of AWS does this, so none is registered here: `stepwell spin` reads the pipeline and what earlier steps
left from the database, and makes the job through the API like any client.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault, validation
from stepwell.checks.property_forms import PathLeadsNowhereError, PropertyForms
from stepwell.definition.json_text import JSON
from stepwell.definition.model import Pipeline, Step
from stepwell.definition.parameters import resolve_parameters
from stepwell.definition.paths import Path, PathError, parse_path
from stepwell.definition.problems import did_you_mean, shown
from stepwell.machines import spins
from stepwell.machines.spins import Origin, SpunValues
from stepwell.services.sagemaker import definitions, pipeline_executions, pipelines, progress
from stepwell.services.sagemaker.pipelines import pipeline_arn
from stepwell.spec import models
from stepwell.steps.forms import Form
from stepwell.store import steps
from stepwell.store.database import Connection
from stepwell.store.resources import Resource

_NUMBERS = ("integer", "long", "float", "double")
_WRITTEN: Mapping[str, str] = {
    "boolean": "true or false",
    "list": "a JSON array",
    "structure": "a JSON object",
    "map": "a JSON object",
}


@dataclass(frozen=True, slots=True)
class Spin:
    """One step with all it needs. `execution` is the ARN that its expressions read: there is no such execution."""

    pipeline: Pipeline
    step: Step
    values: SpunValues
    origin: Origin
    execution: str
    role: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user asks for. `given` are the texts PATH=VALUE; `source` names the execution that has the rest."""

    pipeline: str
    step: str
    given: Sequence[str] = ()
    source: str | None = None


def gathered(connection: Connection, scope: Scope, wish: Wish, spin: str, now: float) -> Spin:
    """The step of the pipeline's latest version. Raises one Fault with everything that is wrong or missing.

    Its values cannot read objects yet: who performs the step says how.
    """
    row = pipelines.find(connection, scope, wish.pipeline)
    version = pipelines.find_version(connection, scope, row)
    pipeline = definitions.parsed(version.document["PipelineDefinition"])
    step = _step(pipeline, row.name, wish.step)
    source = _source(connection, scope, wish.source) if wish.source else None
    read = spins.reads(pipeline, step)
    problems: list[str] = []
    given = _given(pipeline, step, read, wish.given, problems)
    arn = pipeline_arn(scope, row.name)
    execution = f"{arn}/execution/{spin}"
    parameters = _parameters(pipeline, given, source)
    variables = definitions.execution_variables(row.name, arn, spin, execution, now)
    values = SpunValues(
        pipeline,
        parameters,
        variables,
        _properties(connection, scope, source, read).get,
        _read_later,
        _experiment(pipeline, parameters, variables),
        given={path: value for path, value in given.items() if path.root != "Parameters"},
    )
    unknown = spins.missing(read, values)
    if unknown:
        problems.append(_told_missing(pipeline, step, unknown, source is not None))
    if problems:
        raise validation("\n".join(problems))
    derived_from = pipeline_executions.execution_arn(scope, source) if source is not None else arn
    return Spin(pipeline, step, values, Origin(spin, derived_from), execution, str(row.document.get("RoleArn", "")))


def _step(pipeline: Pipeline, name: str, step: str) -> Step:
    found = pipeline.named.get(step)
    if found is None:
        known = did_you_mean(step, pipeline.named) or f" It has: {', '.join(map(shown, pipeline.named))}."
        raise validation(f"The pipeline '{name}' has no step '{shown(step)}'.{known}")
    return found


def _source(connection: Connection, scope: Scope, text: str) -> Resource:
    arn = progress.resolve(connection, scope, text)
    return pipeline_executions.find(connection, scope, arn)


def _given(
    pipeline: Pipeline, step: Step, read: list[Path], texts: Sequence[str], problems: list[str]
) -> dict[Path, JSON]:
    """The given values, typed as the definition says; what is wrong with them goes to `problems`."""
    property_forms = PropertyForms(pipeline, models.operation)
    found: dict[Path, JSON] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        try:
            path = parse_path(name.strip())
        except PathError as error:
            problems.append(f"--set {shown(text)}: {shown(name)} {error}.")
            continue
        if not equals:
            problems.append(f"--set {shown(text)}: a value is missing. Say --set {shown(name)}=VALUE.")
            found[path] = ""  # named once is enough
            continue
        try:
            found[path] = _value(pipeline, step, property_forms, read, path, value)
        except ValueError as error:
            problems.append(f"--set {shown(path)}: {error}")
            found[path] = text  # it is wrong, not missing
    return found


def _value(
    pipeline: Pipeline, step: Step, property_forms: PropertyForms, read: list[Path], path: Path, text: str
) -> JSON:
    """`text` as what may stand at `path`. Raises ValueError."""
    if path.root == "Parameters":
        return _parameter(pipeline, path, text)
    if path.root == "Steps" and path.name not in pipeline.named:
        raise ValueError(f"the pipeline has no step '{shown(path.name)}'.{did_you_mean(path.name, pipeline.named)}")
    if not spins.is_read(path, read):
        names = [str(each) for each in read if each.root != "Execution"]
        nothing = " It reads nothing of the kind." if not names else f" It reads: {', '.join(names)}."
        raise ValueError(f"{step.name} does not read it.{did_you_mean(str(path), names) or nothing}")
    if path.root != "Steps":
        return _as_json(text)
    try:
        form = property_forms.at(pipeline.named[path.name], path.parts)
    except PathLeadsNowhereError as error:
        raise ValueError(str(error)) from error
    return _typed(form, text) if form is not None else _as_json(text)


def _parameter(pipeline: Pipeline, path: Path, text: str) -> JSON:
    declared = [each for each in pipeline.parameters if each.name == path.name]
    if not declared:
        known = did_you_mean(path.name, [each.name for each in pipeline.parameters])
        raise ValueError(f"the pipeline has no parameter '{shown(path.name)}'.{known}")
    try:
        return resolve_parameters(replace(pipeline, parameters=tuple(declared)), {path.name: text})[path.name]
    except Fault as fault:
        raise ValueError(fault.message) from fault


def _typed(form: Form, text: str) -> JSON:
    """`text` as a value of that form. Raises ValueError."""
    match form.kind:
        case "string":
            allowed = form.shape.enum if form.shape is not None else ()
            if allowed and text not in allowed:
                raise ValueError(f"'{shown(text)}' is none of its values.{did_you_mean(text, allowed)}")
            return text
        case kind if kind in _NUMBERS:
            number = _as_json(text)
            wanted = int if kind in ("integer", "long") else (int, float)
            if isinstance(number, bool) or not isinstance(number, wanted):
                raise ValueError(f"'{shown(text)}' is no {'whole number' if wanted is int else 'number'}.")
            return number
        case "boolean" | "list" | "structure" | "map" as kind:
            value = _as_json(text.lower() if kind == "boolean" else text)
            if not isinstance(value, {"boolean": bool, "list": list}.get(kind, dict)):
                raise ValueError(f"'{shown(text)}' is not {_WRITTEN[kind]}.")
            return value
        case "free":
            return _as_json(text)
        case _:
            return text


def _as_json(text: str) -> JSON:
    """What the text says as JSON; other text is itself."""
    try:
        value: JSON = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value


def _parameters(pipeline: Pipeline, given: Mapping[Path, JSON], source: Resource | None) -> dict[str, JSON]:
    """Every parameter that has a value: what is given, else that of the source, else its default."""
    stored = source.document.get("Parameters", {}) if source is not None else {}
    found: dict[str, JSON] = {}
    for parameter in pipeline.parameters:
        path = Path("Parameters", parameter.name)
        value = given.get(path, stored.get(parameter.name, parameter.default))
        if value is not None:
            found[parameter.name] = value
    return found


def _properties(connection: Connection, scope: Scope, source: Resource | None, read: list[Path]) -> dict[str, JSON]:
    """What the steps that are read left in the source, of those that succeeded."""
    if source is None:
        return {}
    arn = pipeline_executions.execution_arn(scope, source)
    found: dict[str, JSON] = {}
    for name in dict.fromkeys(path.name for path in read if path.root == "Steps"):
        step = steps.find(connection, arn, name)
        if step is not None and step.status == "Succeeded" and step.properties is not None:
            found[name] = step.properties
    return found


def _read_later(uri: str) -> str:
    raise Fault("AccessDenied", f"{uri} cannot be read before the step runs.")


def _experiment(pipeline: Pipeline, parameters: Mapping[str, JSON], variables: Mapping[str, JSON]) -> Document:
    try:
        return definitions.experiment_config(pipeline, parameters, variables) or {}
    except Fault:
        return {}  # a parameter has no value: that is told where the step reads it


def _told_missing(pipeline: Pipeline, step: Step, unknown: list[Path], has_source: bool) -> str:
    """Everything that is missing, as it would be given."""
    property_forms = PropertyForms(pipeline, models.operation)
    wide = max(len(str(path)) for path in unknown)
    rows = [
        f"  --set {str(path) + '=':{wide + 1}} {_kind(pipeline, property_forms, path)}".rstrip() for path in unknown
    ]
    where = "in that execution they have no value either" if has_source else "or take them all: --from EXECUTION"
    return "\n".join([f"{step.name} reads what has no value yet ({where}):", *rows])


def _kind(pipeline: Pipeline, property_forms: PropertyForms, path: Path) -> str:
    """Of which type a value would be."""
    if path.root == "Parameters":
        return next((f"({each.type})" for each in pipeline.parameters if each.name == path.name), "")
    if path.root != "Steps" or path.name not in pipeline.named:
        return ""
    try:
        form = property_forms.at(pipeline.named[path.name], path.parts)
    except PathLeadsNowhereError:
        return ""
    return f"({form.kind})" if form is not None and form.kind != "free" else ""
