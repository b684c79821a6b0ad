"""What a run was made of, read from its rows: an execution with its steps, or a job or package of its own.

In: an ARN, a name. Out: a Run (machines/runs.py). No operation of AWS answers this: `stepwell diff` reads the
database of its data folder, which also works when the server is stopped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from stepwell.base import arn as arns
from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault, not_found, validation
from stepwell.machines import job_lineage, job_progress, package_lineage, runs
from stepwell.machines.runs import Held, Names, Run, StepRun
from stepwell.services.sagemaker import definitions, model_registry, pipeline_executions, progress
from stepwell.services.sagemaker.model_registry import PACKAGE
from stepwell.services.sagemaker.pipelines import EXECUTION
from stepwell.store import job_manifests, resources, steps
from stepwell.store.database import Connection
from stepwell.store.job_manifests import Manifest, Piece
from stepwell.store.resources import Query, Resource
from stepwell.store.steps import Step

Packages = Callable[[str], Mapping[str, str]]
"""The name of an environment -> its packages and their versions; nothing when it is not known any more."""

_STEP_JOB = re.compile(r"(pipelines-)?(?P<id>[a-z0-9]{12})-")
ALONE = "job"
"""What the one step of a run is called that is no execution."""
CODE = frozenset({job_lineage.FETCHED_CODE, job_lineage.CODE, "entrypoint", "sm_code", "sm_drivers"})
"""Inputs by which the SDKs hand in code."""
CODE_FILES = (".py", ".sh", ".ipynb", ".R", "/sourcedir.tar.gz")


def named(connection: Connection, scope: Scope, text: str, packages: Packages) -> Run:
    """The run of that ARN or name: PIPELINE/ID, PIPELINE for its latest, GROUP/VERSION, a package, a job.

    Raises Fault when there is no such thing.
    """
    parsed = arns.parse(text)
    if parsed is not None and parsed.kind == PACKAGE:
        return _package(connection, scope, model_registry.find_package(connection, scope, text), packages)
    try:
        arn = progress.resolve(connection, scope, text)
    except Fault as fault:
        found = resources.find(connection, model_registry.package_key(scope, text)) if parsed is None else None
        if found is None:
            raise not_found(f"{fault.message} Nor a model package of that name.") from None
        return _package(connection, scope, found, packages)
    return of_arn(connection, scope, arn, packages)


def latest_two(connection: Connection, scope: Scope, pipeline: str) -> tuple[str, str]:
    """The ARNs of the last two executions of a pipeline, given by name or ARN, the older first. Raises Fault."""
    parsed = arns.parse(pipeline)
    name = parsed.name if parsed is not None and parsed.kind == "pipeline" else pipeline
    if "/" in name or ":" in name:
        raise validation(f"'{pipeline}' is one thing. Name another to compare it with.")
    rows, _ = resources.page(connection, Query(EXECUTION, scope, name, limit=2))
    if len(rows) < 2:
        progress.resolve(connection, scope, name)  # says what there is instead
        raise validation(f"'{name}' has no two executions. Name two things to compare.")
    newer, older = (pipeline_executions.execution_arn(scope, row) for row in rows)
    return older, newer


def of_arn(connection: Connection, scope: Scope, arn: str, packages: Packages) -> Run:
    """The run of an execution or job that is there. Raises Fault when it is not."""
    parsed = arns.parse(arn)
    if parsed is not None and parsed.kind != "pipeline":
        return _job_alone(connection, scope, arn, packages)
    return _execution(connection, scope, pipeline_executions.find(connection, scope, arn), packages)


def _execution(connection: Connection, scope: Scope, row: Resource, packages: Packages) -> Run:
    arn = pipeline_executions.execution_arn(scope, row)
    text = pipeline_executions.definition_text(connection, scope, row)
    types = {step.name: step.type for step in definitions.parsed(text).steps}
    begun = {step.name: step for step in steps.of(connection, arn)}
    order = [name for name in types if name in begun] + [name for name in begun if name not in types]
    sources = [step.source for step in begun.values() if step.source is not None]
    ids = {name.rpartition("/")[2]: "<execution>" for name in (arn, *sources)}
    names = runs.names_of(ids | _made(begun.values()))
    found = [_step(connection, scope, begun[name], _type(begun[name], types), names, packages) for name in order]
    ended = [step.ended for step in begun.values() if step.ended is not None]
    seconds = max(ended) - row.created if ended else None
    parameters = row.document.get("Parameters", {})
    title = f"{row.key.parent}/{row.name}"
    by_name = {step.name: step for step in _with_makers(found)}
    return Run(arn, title, row.status, row.created, seconds, json.loads(text), parameters, by_name)


def _type(step: Step, types: Mapping[str, str]) -> str:
    return types.get(step.turn["Body"] if step.turn else step.name, "")


def _made(begun: Iterable[Step]) -> dict[str, str]:
    """The names of what the steps made, and what each is replaced by."""
    found = {}
    for step in begun:
        arn = made_by(step)
        parsed = arns.parse(arn) if arn else None
        if parsed is not None and parsed.kind == PACKAGE:
            found[f"{PACKAGE}/{parsed.name}"] = f"{PACKAGE}/<package of {step.name}>"
        elif parsed is not None and parsed.service == "sagemaker":
            found[parsed.name] = f"<job of {step.name}>"
    return found


def made_by(step: Step) -> str:
    """The ARN of what a step made; empty for one that makes nothing."""
    found = next((each for each in step.metadata.values() if isinstance(each, dict) and "Arn" in each), {})
    return str(found.get("Arn", ""))


def _step(connection: Connection, scope: Scope, step: Step, type_: str, names: Names, packages: Packages) -> StepRun:
    arn = made_by(step)
    job = _resource(connection, scope, arn)
    cache = "" if step.source is None else "reused" if step.is_reused else "hit"
    seconds = step.ended - step.started if step.ended is not None and not cache else None
    reason = runs.renamed_text(step.failure_reason or "", names)
    run = StepRun(step.name, type_, step.status, seconds, cache, reason)
    if job is None:
        return replace(run, result=_result(connection, step, names))
    return _with_job(run, job, job_manifests.find(connection, arn), names, packages)


def _resource(connection: Connection, scope: Scope, arn: str) -> Resource | None:
    parsed = arns.parse(arn)
    if parsed is None:
        return None
    if parsed.kind == PACKAGE:
        return resources.find(connection, model_registry.package_key(scope, parsed.name))
    return resources.find(connection, resources.key(scope, parsed.kind, parsed.name))


def _result(connection: Connection, step: Step, names: Names) -> Document:
    """What a step answered that has no job: an outcome, output parameters."""
    found = steps.properties(connection, step.execution, step.name) or {}
    renamed = runs.renamed(found, names)
    assert isinstance(renamed, dict)
    return renamed


def _with_job(run: StepRun, job: Resource, manifest: Manifest | None, names: Names, packages: Packages) -> StepRun:
    document = job_progress.public(job.document)
    request = runs.renamed(runs.asked(document), names)
    assert isinstance(request, dict)
    metrics = {each["MetricName"]: each["Value"] for each in document.get("FinalMetricDataList", ())}
    best = document.get("BestTrainingJob", {}).get("FinalHyperParameterTuningJobObjectiveMetric")
    if best:
        metrics[f"best {best['MetricName']}"] = best["Value"]
    run = replace(run, request=request, metrics=metrics)
    if manifest is None:
        return run
    places = _places(document)
    return replace(
        run,
        environment=manifest.environment,
        packages=packages(manifest.environment) if manifest.environment else {},
        inputs=tuple(_held(piece, places, names) for piece in manifest.inputs),
        outputs=tuple(_held(piece, places, names) for piece in manifest.outputs),
    )


def _places(document: Document) -> dict[str, str]:
    """Input or output -> the URI at which it was to be found."""
    found = {
        channel["ChannelName"]: channel["DataSource"]["S3DataSource"]["S3Uri"]
        for channel in document.get("InputDataConfig", ())
        if "S3DataSource" in channel.get("DataSource", {})
    }
    for each in document.get("ProcessingInputs", ()):
        found[each["InputName"]] = each.get("S3Input", {}).get("S3Uri", "")
    for each in document.get("ProcessingOutputConfig", {}).get("Outputs", ()):
        found[each["OutputName"]] = each.get("S3Output", {}).get("S3Uri", "")
    return found


def _held(piece: Piece, places: Mapping[str, str], names: Names) -> Held:
    place = places.get(piece.channel, "")
    inside = piece.uri[len(place) :].lstrip("/") if place and piece.uri.startswith(place) else ""
    name = f"{piece.channel}/{inside or piece.key.rpartition('/')[2]}"
    is_code = piece.channel in CODE or piece.key.endswith(CODE_FILES)
    return Held(runs.renamed_text(name, names), runs.renamed_text(piece.uri, names), piece.size, piece.blob, is_code)


def _with_makers(found: Sequence[StepRun]) -> Iterator[StepRun]:
    """The steps, knowing of each input whether a step of the run wrote it."""
    written = {(each.uri, each.blob) for step in found for each in step.outputs}
    for step in found:
        inputs = tuple(replace(each, is_made=(each.uri, each.blob) in written) for each in step.inputs)
        yield replace(step, inputs=inputs)


def _job_alone(connection: Connection, scope: Scope, arn: str, packages: Packages) -> Run:
    job = _resource(connection, scope, arn)
    if job is None:
        raise validation(f"{arn} does not exist.")
    names = runs.names_of(_names_of(job.name))
    one = StepRun(ALONE, job.key.kind, job.status, _took(job), reason=job.document.get("FailureReason", ""))
    one = _with_job(one, job, job_manifests.find(connection, arn), names, packages)
    return Run(arn, job.name, job.status, job.created, _took(job), steps={ALONE: one})


def _names_of(job: str) -> dict[str, str]:
    """The name of a job, and the id of the execution, or the spin, in the name of one that a step has made."""
    found = _STEP_JOB.match(job)
    return {job: "<job>"} | ({found["id"]: "<execution>"} if found else {})


def _took(job: Resource) -> float | None:
    """How long a job ran, as its description says."""
    for kind in ("Training", "Processing"):
        begin, end = job.document.get(f"{kind}StartTime"), job.document.get(f"{kind}EndTime")
        if begin is not None and end is not None:
            return float(end) - float(begin)
    return None


def _package(connection: Connection, scope: Scope, row: Resource, packages: Packages) -> Run:
    """The run that made a package: its execution, else the training job that wrote its model, and the package."""
    arn = model_registry.package_arn(scope, row.name)
    generated = str(row.document.get("MetadataProperties", {}).get("GeneratedBy", ""))
    if "/execution/" in generated:
        try:
            made = _execution(connection, scope, pipeline_executions.find(connection, scope, generated), packages)
        except Fault:
            pass  # the pipeline was deleted
        else:
            return replace(made, title=f"{row.name} of {made.title}")
    maker = _maker(connection, scope, row)
    alone = Run(arn, row.name, row.status, row.created, None)
    run = _job_alone(connection, scope, maker, packages) if maker else alone
    own = {f"{PACKAGE}/{row.name}": f"{PACKAGE}/<package>"}
    names = runs.names_of(own | _names_of(maker.rpartition("/")[2]))
    package = _with_job(StepRun("package", PACKAGE, row.status), row, None, names, packages)
    return replace(run, arn=arn, title=row.name, steps={**run.steps, "package": package})


def _maker(connection: Connection, scope: Scope, package: Resource) -> str:
    """The ARN of the training job that wrote the model of a package; empty when none is known."""
    for part in _models(package.document):
        query = Query("training-job", scope, members=(("ModelArtifacts/S3ModelArtifacts", part),), limit=1)
        for row in resources.page(connection, query)[0]:
            return scope.arn("sagemaker", f"{row.key.kind}/{row.name}")
    return ""


def _models(document: Document) -> Iterator[str]:
    return (part.uri for part in package_lineage.parts(document) if part.type == "Model")
