"""Room definition: any pipeline, written as JSON, reads back as itself."""

from __future__ import annotations

import json
import string

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from stepwell.definition.caching import CacheConfig
from stepwell.definition.conditions import COMPARISONS, Comparison, Condition, In, Not, Or
from stepwell.definition.expressions import Expression, Get, Join, JsonGet, PropertyFileReference, Tree
from stepwell.definition.json_text import JSON
from stepwell.definition.loops import ForEach, Selector
from stepwell.definition.model import Dependency, Parameter, Parent, Pipeline, PropertyFile, Step
from stepwell.definition.outputs import OutputParameter
from stepwell.definition.parse import parse
from stepwell.definition.parse_steps import BRANCHES
from stepwell.definition.paths import ROOTS, Path, parse_json_path, render
from stepwell.definition.problems import below
from stepwell.definition.retries import EXCEPTIONS, RetryPolicy

NAMES = some.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=6)
TEXTS = some.text(max_size=5)
SCALARS = (
    some.none() | some.booleans() | some.integers(-9, 9) | some.floats(allow_nan=False, allow_infinity=False) | TEXTS
)
PARTS = some.lists(NAMES | some.integers(0, 9), max_size=3).map(tuple)
GETS = some.builds(Get, some.builds(Path, some.sampled_from(ROOTS), NAMES, PARTS))


def joins(inner: some.SearchStrategy[Expression]) -> some.SearchStrategy[Expression]:
    return some.builds(Join, TEXTS, some.lists(SCALARS | inner, max_size=3).map(tuple))


@some.composite
def json_gets(draw: some.DrawFn) -> JsonGet:
    text = render(draw(PARTS))
    files = some.builds(PropertyFileReference, NAMES, NAMES)
    return JsonGet(draw(files | GETS | TEXTS | joins(GETS)), parse_json_path(text), text)


EXPRESSIONS = some.recursive(GETS | json_gets(), joins, max_leaves=3)
OPERANDS = SCALARS | EXPRESSIONS
TREES = some.recursive(
    OPERANDS, lambda inner: some.lists(inner, max_size=2) | some.dictionaries(NAMES, inner, max_size=2), max_leaves=6
)
CONDITIONS: some.SearchStrategy[Condition] = some.recursive(
    some.builds(Comparison, some.sampled_from(sorted(COMPARISONS)), OPERANDS, OPERANDS)
    | some.builds(In, OPERANDS, some.lists(OPERANDS, max_size=2).map(tuple), some.booleans()),
    lambda inner: some.builds(Not, inner) | some.builds(Or, some.lists(inner, max_size=2).map(tuple)),
    max_leaves=3,
)
OPTIONAL_TEXTS = some.none() | TEXTS
PREFIXED_NAMES = NAMES.map(lambda name: f"x{name}")
"""Keys that are never the name of an expression or of a member that is read otherwise."""
MEMBERS = some.dictionaries(PREFIXED_NAMES, TREES, max_size=2)


OUTPUTS = some.lists(some.tuples(NAMES, some.sampled_from(["String", "Integer", "Boolean", "Float"])), max_size=1)
CACHES = some.just(CacheConfig(False)) | some.builds(CacheConfig, some.just(True), some.integers(1, 999_999))


@some.composite
def retries(draw: some.DrawFn, pointer: str) -> RetryPolicy:
    attempts = draw(some.none() | some.integers(0, 20))
    expiry = draw(some.integers(0, 14400)) if attempts is None else None
    names = draw(some.lists(some.sampled_from(EXCEPTIONS), min_size=1, max_size=2))
    rate = draw(some.floats(0, 1000))
    return RetryPolicy(tuple(names), pointer, draw(some.integers(0, 43200)), rate, attempts, expiry)


@some.composite
def loops(draw: some.DrawFn, pointer: str) -> ForEach:
    listed = some.lists(SCALARS.filter(lambda item: item is not None) | GETS, min_size=1, max_size=2).map(tuple)
    parts = draw(some.lists(NAMES, min_size=1, max_size=2).map(tuple))
    field = Path("IterationOutput", draw(NAMES), parts)
    selector = Selector(draw(some.sampled_from(["MaxBy", "MinBy"])), field, below(pointer, "Arguments", "Selector"))
    return ForEach(draw(EXPRESSIONS | listed), draw(some.integers(1, 50)), draw(some.sampled_from([None, selector])))


@some.composite
def steps(draw: some.DrawFn, pointer: str, parent: Parent | None, depth: int) -> list[Step]:
    name, type_ = draw(NAMES), draw(some.sampled_from(["Processing", "Condition", "ForEach"] if depth else ["Fail"]))
    dependencies = draw(some.lists(some.tuples(NAMES, some.sampled_from(["Completed", "Failed", "Any"])), max_size=2))
    files = draw(some.lists(some.tuples(NAMES, NAMES, TEXTS), max_size=1))
    step = Step(
        name,
        type_,
        draw(MEMBERS) if type_ != "ForEach" else {},
        pointer,
        tuple(
            Dependency(step, below(pointer, "DependsOn", index), trigger)
            for index, (step, trigger) in enumerate(dependencies)
        ),
        draw(OPTIONAL_TEXTS),
        draw(OPTIONAL_TEXTS),
        tuple(PropertyFile(*file, below(pointer, "PropertyFiles", index)) for index, file in enumerate(files)),
        tuple(draw(some.lists(CONDITIONS, max_size=2))) if type_ == "Condition" else (),
        parent,
        draw(some.none() | CACHES),
        tuple(draw(retries(below(pointer, "RetryPolicies", index))) for index in range(draw(some.integers(0, 1)))),
        tuple(
            OutputParameter(name, output_type, below(pointer, "OutputParameters", index))
            for index, (name, output_type) in enumerate(draw(OUTPUTS))
        ),
        draw(loops(pointer)) if type_ == "ForEach" else None,
        draw(MEMBERS),
    )
    found = [step]
    for branch in BRANCHES.get(type_, ()):
        for index in range(draw(some.integers(1 if type_ == "ForEach" else 0, 2))):
            found += draw(steps(below(pointer, "Arguments", branch, index), Parent(name, branch), depth - 1))
    return found


@some.composite
def pipelines(draw: some.DrawFn) -> Pipeline:
    found = [draw(steps(f"/Steps/{index}", None, 2)) for index in range(draw(some.integers(0, 2)))]
    defaults = {"String": TEXTS, "Integer": some.integers(), "Boolean": some.booleans()}
    parameters = []
    for index in range(draw(some.integers(0, 2))):
        type_ = draw(some.sampled_from(["String", "Integer", "Boolean"]))
        default = draw(some.none() | defaults[type_])
        parameters.append(Parameter(draw(NAMES), type_, default, f"/Parameters/{index}", (), draw(OPTIONAL_TEXTS)))
    experiment = draw(some.none() | some.fixed_dictionaries({"ExperimentName": OPERANDS, "TrialName": OPERANDS}))
    return Pipeline(tuple(step for group in found for step in group), tuple(parameters), experiment)


def tree(value: Tree) -> JSON:
    match value:
        case Get(path):
            return {"Get": str(path)}
        case Join(on, values):
            return {"Std:Join": {"On": on, "Values": [tree(operand) for operand in values]}}
        case JsonGet(PropertyFileReference(step, name), _, text):
            return {"Std:JsonGet": {"PropertyFile": {"Get": f"Steps.{step}.PropertyFiles.{name}"}, "Path": text}}
        case JsonGet(source, _, text):
            return {"Std:JsonGet": {"S3Uri": tree(source), "Path": text}}  # type: ignore[arg-type]
        case dict():
            return {key: tree(child) for key, child in value.items()}
        case list():
            return [tree(child) for child in value]
        case _:
            return value


def condition(value: Condition) -> JSON:
    match value:
        case Comparison(type_, left, right):
            return {"Type": type_, "LeftValue": tree(left), "RightValue": tree(right)}
        case In(query, values, negated):
            items = [tree(item) for item in values]
            return {"Type": "NotIn" if negated else "In", "QueryValue": tree(query), "Values": items}
        case Not(inner):
            return {"Type": "Not", "Condition": condition(inner)}
        case Or(conditions):
            return {"Type": "Or", "Conditions": [condition(inner) for inner in conditions]}


def step_json(step: Step, pipeline: Pipeline) -> JSON:
    arguments = {name: tree(child) for name, child in step.arguments.items()}
    if step.type == "Condition":
        arguments["Conditions"] = [condition(found) for found in step.conditions]
    if step.loop is not None:
        arguments |= loop_json(step.loop)
    for branch in BRANCHES.get(step.type, ()):
        inside = below(step.pointer, "Arguments", branch)
        held = [child for child in pipeline.steps if child.pointer.rpartition("/")[0] == inside]
        arguments[branch] = [step_json(child, pipeline) for child in held]
    return {
        "Name": step.name,
        "Type": step.type,
        "Arguments": arguments,
        "DependsOn": [
            found.step if found.trigger == "Completed" else {"Step": found.step, "Trigger": found.trigger}
            for found in step.depends_on
        ],
        "DisplayName": step.display_name,
        "Description": step.description,
        "PropertyFiles": [
            {"PropertyFileName": file.name, "OutputName": file.output_name, "FilePath": file.file_path}
            for file in step.property_files
        ],
        **({} if step.cache is None else {"CacheConfig": cache_json(step.cache)}),
        "RetryPolicies": [retry_json(policy) for policy in step.retries],
        "OutputParameters": [{"OutputName": output.name, "OutputType": output.type} for output in step.outputs],
        **{name: tree(child) for name, child in step.extra.items()},
    }


def loop_json(loop: ForEach) -> dict[str, JSON]:
    items = [*loop.items] if isinstance(loop.items, tuple) else loop.items
    found: dict[str, JSON] = {"IterableItems": tree(items), "MaxConcurrency": loop.max_concurrency}
    if loop.selector is not None:
        found["Selector"] = {"Pick": loop.selector.pick, "Field": {"Get": str(loop.selector.field)}}
    return found


def cache_json(cache: CacheConfig) -> JSON:
    return {"Enabled": cache.enabled, "ExpireAfter": f"PT{cache.expires_after}S" if cache.enabled else "ignored"}


def retry_json(policy: RetryPolicy) -> JSON:
    return {
        "ExceptionType": list(policy.exceptions),
        "IntervalSeconds": policy.interval_seconds,
        "BackoffRate": policy.backoff_rate,
        "MaxAttempts": policy.max_attempts,
        "ExpireAfterMin": policy.expire_after_minutes,
    }


def text(pipeline: Pipeline) -> str:
    experiment = pipeline.experiment and {name: tree(child) for name, child in pipeline.experiment.items()}
    return json.dumps(
        {
            "Version": "2020-12-01",
            "Parameters": [
                {
                    "Name": found.name,
                    "Type": found.type,
                    "DefaultValue": found.default,
                    "Description": found.description,
                }
                for found in pipeline.parameters
            ],
            "PipelineExperimentConfig": experiment,
            "Steps": [step_json(step, pipeline) for step in pipeline.steps if step.parent is None],
        }
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pipelines())
def test_definitions_read_back(pipeline: Pipeline) -> None:
    assert parse(text(pipeline)) == pipeline
