"""How an execution, a job, a tuning job or this machine stands: gathers rows for who watches. Reads only.

In: what a person calls it. Out: a Sight. No operation of AWS answers this at once, so none is registered here: a
program with only AWS's API asks Describe and List; `stepwell watch` reads the database of its data folder, which
costs the server nothing and also works when it is stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, TypeAlias

from stepwell.base import arn as arns
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault, not_found
from stepwell.definition.model import Pipeline
from stepwell.machines import job_progress
from stepwell.machines.job_queue import Room
from stepwell.machines.tuning_settings import definitions_of, objective_of
from stepwell.services.sagemaker import definitions, job_lines, job_sights, pipeline_executions
from stepwell.services.sagemaker import hyper_parameter_tuning_jobs_rows as tuning
from stepwell.services.sagemaker.job_lines import Line
from stepwell.services.sagemaker.job_sights import JobSight
from stepwell.services.sagemaker.pipelines import EXECUTION
from stepwell.store import resources, steps
from stepwell.store.database import Connection
from stepwell.store.resources import Query, Resource
from stepwell.store.steps import Step

JOBS = ("training-job", "processing-job")
EXECUTES = ("Starting", "Executing", "Stopping")
"""Statuses of steps, and of executions, that have not ended."""
MOST = 200
"""So many executions are looked through for those that run, so many trials are shown, and among so many names of
each kind is one looked for that is like a wrong one."""


@dataclass(frozen=True, slots=True)
class TuningSight:
    """A tuning job. `best`: training job, value. `running`: its training jobs that have not ended."""

    arn: str
    name: str
    status: str
    created: float
    ended: float | None
    reason: str
    strategy: str
    objective: str
    most: int | None
    counters: dict[str, int]
    best: tuple[str, float] | None
    best_parameters: dict[str, str]
    running: tuple[JobSight, ...]
    kind: Literal["hyper-parameter-tuning-job"] = "hyper-parameter-tuning-job"

    @property
    def has_ended(self) -> bool:
        return self.status not in tuning.ACTIVE


@dataclass(frozen=True, slots=True)
class StepSight:
    """A step that has begun. `made`: the ARN of what it made. `loop`: the ForEach that made it."""

    name: str
    type: str
    status: str
    started: float
    ended: float | None
    reason: str
    attempt: int
    is_cached: bool
    outcome: bool | None
    made: str
    loop: str
    job: JobSight | TuningSight | None

    @property
    def has_ended(self) -> bool:
        return self.status not in EXECUTES


@dataclass(frozen=True, slots=True)
class ExecutionSight:
    """A pipeline execution. `left`: name and type of the steps that have not begun."""

    arn: str
    pipeline: str
    name: str
    status: str
    started: float
    ended: float | None
    reason: str
    steps: tuple[StepSight, ...]
    left: tuple[tuple[str, str], ...]
    kind: Literal["execution"] = "execution"

    @property
    def has_ended(self) -> bool:
        return self.status not in EXECUTES


@dataclass(frozen=True, slots=True)
class MachineSight:
    """This machine. `room`: what it has for jobs; None: nobody waits. `waiting` in the order of the line."""

    room: Room | None
    taken: Room
    running: tuple[JobSight, ...]
    waiting: tuple[JobSight, ...]
    executions: tuple[str, ...]
    """PIPELINE/ID of those that execute, the newest first."""
    owners: dict[str, str]
    """Job's ARN -> PIPELINE/ID of the execution that it belongs to."""
    kind: Literal["machine"] = "machine"

    @property
    def has_ended(self) -> bool:
        return not (self.running or self.waiting or self.executions)


Sight: TypeAlias = ExecutionSight | JobSight | TuningSight | MachineSight


def resolve(connection: Connection, scope: Scope, text: str) -> str:
    """The ARN of what is called that: an ARN, PIPELINE/ID, a job's name, or PIPELINE for its latest execution.

    Raises Fault when there is no such thing.
    """
    parsed = arns.parse(text)
    kinds: tuple[str, ...] = (*JOBS, tuning.KIND)
    if parsed is not None:
        kinds = (parsed.kind,) if parsed.kind in kinds else ()
        text = parsed.name if kinds or parsed.kind == "pipeline" else text
    pipeline, _, execution = text.replace("/execution/", "/").partition("/")
    if execution:
        row = resources.find(connection, resources.key(scope, EXECUTION, execution, pipeline))
    else:
        row = _job(connection, scope, kinds, text) or _latest(connection, scope, text)
    if row is None:
        raise _nothing(connection, scope, text)
    if row.key.kind == EXECUTION:
        return pipeline_executions.execution_arn(scope, row)
    return scope.arn("sagemaker", f"{row.key.kind}/{row.name}")


def see(connection: Connection, arn: str) -> Sight:
    """How the thing of that ARN stands; raises Fault when it is gone."""
    parsed = arns.parse(arn)
    assert parsed is not None
    scope = Scope(parsed.account, parsed.region)
    if parsed.kind == "pipeline":
        return _execution(connection, scope, pipeline_executions.find(connection, scope, arn))
    row = resources.find(connection, resources.key(scope, parsed.kind, parsed.name))
    if row is None:
        raise _nothing(connection, scope, parsed.name)
    if parsed.kind == tuning.KIND:
        return _tuning(connection, scope, row, _Lines(connection))
    return _job_sight(connection, arn, row, _Lines(connection))


def machine(connection: Connection, scope: Scope) -> MachineSight:
    """What runs on this machine, and what waits."""
    line = job_lines.read(connection)
    seen = {
        arn: job_sights.see(connection, arn, row, line)
        for arn, (row, job) in line.jobs.items()
        if job.verdict is None
    }
    waiting = [seen.pop(arn) for arn in line.standings if arn in seen]
    claims = {arn: job.claim for arn, (_row, job) in line.jobs.items() if job.claim is not None}
    owners = {arn: _execution_name(claim.owner) for arn, claim in claims.items() if claim.owner}
    running = sorted(seen.values(), key=lambda job: (job.started or job.created, job.name))
    executions = [
        f"{row.key.parent}/{row.name}"
        for row in resources.page(connection, Query(EXECUTION, scope, limit=MOST))[0]
        if row.status in EXECUTES
    ]
    return MachineSight(line.room, line.queue.taken, tuple(running), tuple(waiting), tuple(executions), owners)


class _Lines:
    """The line of jobs, read when somebody waits in it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._line: Line | None = None

    def read(self) -> Line:
        self._line = self._line or job_lines.read(self._connection)
        return self._line


def _execution(connection: Connection, scope: Scope, row: Resource) -> ExecutionSight:
    arn, lines = pipeline_executions.execution_arn(scope, row), _Lines(connection)
    pipeline = definitions.parsed(pipeline_executions.definition_text(connection, scope, row))
    begun = steps.of(connection, arn)
    names = {step.name for step in begun}
    chosen = pipeline_executions.chosen(row)
    left = [
        (step.name, step.type)
        for step in pipeline.steps
        if step.name not in names
        and (chosen is None or step.name in chosen)
        and not (step.parent is not None and step.parent.branch == "ForEachBody")
    ]
    has_ended = row.status not in EXECUTES
    return ExecutionSight(
        arn,
        row.key.parent,
        f"{row.key.parent}/{row.name}",
        row.status,
        row.created,
        row.modified if has_ended else None,
        row.document.get("FailureReason", ""),
        tuple(_step(connection, step, pipeline, lines) for step in begun),
        tuple(left),
    )


def _step(connection: Connection, step: Step, pipeline: Pipeline, lines: _Lines) -> StepSight:
    body = step.turn["Body"] if step.turn is not None else step.name
    made = next((str(each["Arn"]) for each in step.metadata.values() if isinstance(each, dict) and "Arn" in each), "")
    return StepSight(
        step.name,
        pipeline.named[body].type if body in pipeline.named else "",
        step.status,
        step.started,
        step.ended,
        step.failure_reason or "",
        step.attempt,
        step.source is not None,
        step.outcome,
        made,
        step.turn["ParentStepName"] if step.turn is not None else "",
        _made(connection, made, lines) if step.status in EXECUTES and made else None,
    )


def _made(connection: Connection, arn: str, lines: _Lines) -> JobSight | TuningSight | None:
    parsed = arns.parse(arn)
    if parsed is None or parsed.kind not in (*JOBS, tuning.KIND):
        return None
    scope = Scope(parsed.account, parsed.region)
    row = resources.find(connection, resources.key(scope, parsed.kind, parsed.name))
    if row is None:
        return None
    if parsed.kind == tuning.KIND:
        return _tuning(connection, scope, row, lines)
    return _job_sight(connection, arn, row, lines)


def _job_sight(connection: Connection, arn: str, row: Resource, lines: _Lines) -> JobSight:
    job = job_progress.read(job_lines.KINDS[row.key.kind], row.status, row.document)
    return job_sights.see(connection, arn, row, lines.read() if job.phase == "Queued" else None)


def _tuning(connection: Connection, scope: Scope, row: Resource, lines: _Lines) -> TuningSight:
    document, config = row.document, row.document["HyperParameterTuningJobConfig"]
    best = document.get("BestTrainingJob", {})
    value = best.get("FinalHyperParameterTuningJobObjectiveMetric", {}).get("Value")
    return TuningSight(
        tuning.arn_of(scope, row.name),
        row.name,
        row.status,
        row.created,
        document.get("HyperParameterTuningEndTime"),
        document.get("FailureReason", ""),
        config["Strategy"],
        _objective(document),
        config["ResourceLimits"].get("MaxNumberOfTrainingJobs"),
        dict(document.get("TrainingJobStatusCounters", {})),
        (best["TrainingJobName"], float(value)) if value is not None else None,
        dict(best.get("TunedHyperParameters", {})),
        tuple(_trials(connection, scope, row.name, lines)),
    )


def _trials(connection: Connection, scope: Scope, name: str, lines: _Lines) -> Iterator[JobSight]:
    """Its training jobs that have not ended."""
    for status in tuning.ACTIVE:
        query = Query(tuning.TRIAL, scope, name, status=status, sort_by="created", descending=False, limit=MOST)
        for trial in resources.page(connection, query)[0]:
            seen = _made(connection, scope.arn("sagemaker", f"training-job/{trial.name}"), lines)
            if isinstance(seen, JobSight):
                yield seen


def _objective(document: Document) -> str:
    """`Minimize validation:rmse`."""
    found = objective_of(document, definitions_of(document)[0])
    return f"{found['Type']} {found['MetricName']}" if found is not None else ""


def _job(connection: Connection, scope: Scope, kinds: tuple[str, ...], name: str) -> Resource | None:
    for kind in kinds:
        row = resources.find(connection, resources.key(scope, kind, name))
        if row is not None and not (kind in JOBS and job_progress.is_deleted(row.document)):
            return row
    return None


def _latest(connection: Connection, scope: Scope, pipeline: str) -> Resource | None:
    found, _ = resources.page(connection, Query(EXECUTION, scope, pipeline, limit=1))
    return next(iter(found), None)


def _nothing(connection: Connection, scope: Scope, text: str) -> Fault:
    kinds = ("pipeline", *JOBS, tuning.KIND)
    known = [row.name for kind in kinds for row in resources.page(connection, Query(kind, scope, limit=MOST))[0]]
    near = get_close_matches(text.partition("/")[0], known, 1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return not_found(f"There is no execution, pipeline with executions, or job '{text}' in {scope.region}.{hint}")


def _execution_name(arn: str) -> str:
    parsed = arns.parse(arn)
    return parsed.name.replace("/execution/", "/") if parsed is not None else arn
