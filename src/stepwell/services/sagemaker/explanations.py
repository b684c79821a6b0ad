"""Why the steps of an execution ran: gathers the rows that machines/pipeline_explanations judges.

No operation of AWS answers this, so none is registered here: `stepwell explain` reads the database of its data
folder, which also works when the server is stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from stepwell.base.arn import Scope
from stepwell.base.faults import not_found, validation
from stepwell.definition.model import Pipeline
from stepwell.definition.model import Step as DefinedStep
from stepwell.machines.pipeline_explanations import Explanation, Question, Run, explained
from stepwell.services.sagemaker import definitions, pipeline_executions
from stepwell.services.sagemaker.pipelines import EXECUTION
from stepwell.store import resources, step_history
from stepwell.store.database import Connection
from stepwell.store.resources import Resource
from stepwell.store.steps import Step

MOST_EXECUTIONS = 100
"""So many earlier executions are compared, the newest first."""
MOST_RUNS = 20_000
"""So many runs of steps are compared: of a pipeline with thousands of steps, fewer executions."""


@dataclass(frozen=True, slots=True)
class Report:
    """An execution, and what is to be said of its steps, in the order of the definition."""

    arn: str
    status: str
    started: float
    steps: list[Explanation]


@dataclass(slots=True)
class _Told:
    """What was read: runs by step, those of earlier executions from the newest on."""

    now: dict[str, Step] = field(default_factory=dict)
    earlier: dict[str, list[Run]] = field(default_factory=dict)

    def add(self, rows: Iterator[Step]) -> int:
        """Note one earlier execution; how many runs that were."""
        count = 0
        for row in rows:
            self.earlier.setdefault(row.name, []).append(_run(row))
            count += 1
        return count


def report(connection: Connection, scope: Scope, execution: str, step: str | None = None) -> Report:
    """Every step of the execution, or one. `execution` is an ARN, or a pipeline's name: then its latest.

    Raises Fault when there is no such execution or step.
    """
    found = _execution(connection, scope, execution)
    arn = pipeline_executions.execution_arn(scope, found)
    pipeline = definitions.parsed(pipeline_executions.definition_text(connection, scope, found))
    chosen = _chosen(connection, arn, pipeline, step)
    told = _read(connection, scope, found, [name for name, _ in chosen])
    explanations = [explained(_question(name, defined, pipeline, told)) for name, defined in chosen]
    return Report(arn, found.status, found.created, explanations)


def _execution(connection: Connection, scope: Scope, text: str) -> Resource:
    if text.startswith("arn:"):
        return pipeline_executions.find(connection, scope, text)
    pipeline, _, execution = text.replace("/execution/", "/").partition("/")
    if execution:
        found = resources.find(connection, resources.key(scope, EXECUTION, execution, pipeline))
    else:
        found = next(iter(_newest_first(connection, scope, pipeline, None, 1)), None)
    if found is None:
        raise not_found(f"There is no execution '{text}' in {scope.region}.")
    return found


def _newest_first(
    connection: Connection, scope: Scope, pipeline: str, before: float | None, limit: int
) -> Sequence[Resource]:
    query = resources.Query(
        EXECUTION, scope, pipeline, created_before=before, sort_by="created", descending=True, limit=limit
    )
    return resources.page(connection, query)[0]


def _chosen(
    connection: Connection, arn: str, pipeline: Pipeline, step: str | None
) -> Sequence[tuple[str, DefinedStep]]:
    """Names and definitions; a step that a loop has made goes by the definition of its pattern."""
    if step is None:
        return [(defined.name, defined) for defined in pipeline.steps]
    if step in pipeline.named:
        return [(step, pipeline.named[step])]
    made = next(step_history.runs(connection, arn, [step]), None)
    if made is not None and made.turn is not None:
        return [(step, pipeline.named[made.turn["Body"]])]
    near = get_close_matches(step, pipeline.named, 1)
    hint = f"Did you mean '{near[0]}'?" if near else f"It has: {', '.join(pipeline.named)}."
    raise validation(f"The pipeline has no step '{step}'. {hint}")


def _read(connection: Connection, scope: Scope, execution: Resource, names: Sequence[str]) -> _Told:
    arn = pipeline_executions.execution_arn(scope, execution)
    told = _Told({row.name: row for row in step_history.runs(connection, arn, names)})
    sources = {row.source: None for row in told.now.values() if row.source is not None}
    count = 0
    # not before the execution, but before its last step began: others may have run beside it
    last = max((row.started for row in told.now.values()), default=execution.created)
    for one in _newest_first(connection, scope, execution.key.parent, last, MOST_EXECUTIONS + 1):
        if count >= MOST_RUNS:
            break
        earlier = pipeline_executions.execution_arn(scope, one)
        if earlier == arn:
            continue
        sources.pop(earlier, None)
        count += told.add(step_history.runs(connection, earlier, names))
    for source in sources:
        if source != arn:
            told.add(step_history.runs(connection, source, names))
    return told


def _question(name: str, defined: DefinedStep, pipeline: Pipeline, told: _Told) -> Question:
    row = told.now.get(name)
    return Question(
        name,
        defined.type,
        defined.cache,
        _is_in_loop(defined, pipeline),
        None if row is None else _run(row),
        told.earlier.get(name, ()),
    )


def _is_in_loop(defined: DefinedStep, pipeline: Pipeline) -> bool:
    parent = defined.parent
    while parent is not None:
        if parent.branch == "ForEachBody":
            return True
        parent = pipeline.named[parent.step].parent
    return False


def _run(row: Step) -> Run:
    return Run(
        row.execution,
        row.status,
        row.started,
        row.ended,
        row.cache_key,
        row.attributes or {},
        row.source,
        row.is_reused,
    )
