"""Room runtime: steps that one operation makes and another describes: jobs, models, model packages.

In: a step of kind job. Out: its changes. The name of what is made derives from execution, step and attempt: whoever
comes back after a crash creates it again and is told that it exists.
"""

from __future__ import annotations

from dataclasses import replace

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.definition.model import Step as DefinedStep
from stepwell.runtime import step_retries
from stepwell.runtime.pipeline_sessions import Change
from stepwell.runtime.step_contexts import Context, Prepared
from stepwell.spec import models
from stepwell.steps import outcomes, reasons, registry, requests
from stepwell.steps.kinds import Job
from stepwell.steps.requests import Origin, Request
from stepwell.store.steps import Step


class Jobs:
    """Meets step_contexts.Performer."""

    def prepare(self, context: Context, step: Step, now: float) -> Prepared:
        defined = context.defined(step)
        job = _job(defined)
        document = context.session.row.document
        experiment = document.get("PipelineExperimentConfig")
        origin = Origin(context.session.arn, context.role, step.attempt, experiment)
        shape = models.operation(job.service, job.create).input_shape
        assert shape is not None, f"{job.create} takes no input"
        request = requests.create(defined, job, origin, context.values(step, now), shape)
        return Prepared(request.params, request)

    def create(self, context: Context, step: Step, prepared: Prepared, now: float) -> Change:
        job, request = _job(context.defined(step)), prepared.request
        assert request is not None
        scope = context.acting(step)
        try:
            _make_needed(context, scope, request)
            arn = str(context.call(request, scope)[job.arn_member])
        except Fault as fault:
            standing = _standing(context, job, request)
            if standing is None:
                operation = f"{request.service}:{request.operation}"
                return step_retries.refused(context, step, operation, fault.code, fault.message, now)
            arn = str(standing[job.arn_member])
            created = _created(step, job, arn)
            return _ended(context, created, job, standing, now) or Change(created)
        created = _created(step, job, arn)
        return (self.observe(context, created, now) if job.stop is None else None) or Change(created)

    def observe(self, context: Context, step: Step, now: float) -> Change | None:
        job = _job(context.defined(step))
        arn = self.made(context, step) or ""
        try:
            response = context.call(requests.describe(job, arn.rpartition("/")[2], arn))
        except Fault as fault:
            return Change(step.with_end("Failed", now, reason=reasons.job_failed(fault.message)))
        return _ended(context, step, job, response, now)

    def stop(self, context: Context, step: Step, now: float) -> Change:
        job, arn = _job(context.defined(step)), self.made(context, step) or ""
        request = self.prepare(context, step, now).request if not arn else None
        name = request.name if request else arn.rpartition("/")[2]
        stop = requests.stop(job, name)
        if stop is None:
            return Change(step.with_end("Stopped", now))
        try:
            response = context.call(requests.describe(job, name, arn))
        except Fault:
            return Change(step.with_end("Stopped", now))
        if job.outcome(response) is None:
            try:
                context.call(stop)
            except Fault:
                pass  # it ended in between; the next look tells how
        metadata = step.metadata or requests.metadata(job, str(response[job.arn_member]))
        stopping = replace(step, status="Stopping", metadata=metadata, retry_at=None)
        return _ended(context, stopping, job, response, now) or Change(stopping)

    def made(self, context: Context, step: Step) -> str | None:
        described = step.metadata.get(_job(context.defined(step)).metadata_key)
        return str(described["Arn"]) if described else None


def _ended(context: Context, step: Step, job: Job, response: Document, now: float) -> Change | None:
    match job.outcome(response):
        case outcomes.Succeeded():
            return Change(step.with_end("Succeeded", now, properties=_completed(context, job, response)))
        case outcomes.Failed(reason):
            return step_retries.failed(context, step, reason, now)
        case outcomes.Stopped():
            return Change(step.with_end("Stopped", now))
        case _:
            return None


def _completed(context: Context, job: Job, response: Document) -> Document:
    """The properties of a step: the Describe response, and what else this noun is asked."""
    if job.addition is None:
        return response
    addition = job.addition(response)
    answer = context.call(Request(job.service, addition.operation, addition.params))
    return {**response, addition.member: answer[addition.member]}


def _created(step: Step, job: Job, arn: str) -> Step:
    return replace(step, status="Executing", retry_at=None, metadata=requests.metadata(job, arn))


def _standing(context: Context, job: Job, request: Request) -> Document | None:
    """What was made under that name before a crash."""
    if not request.name:
        return None
    try:
        return context.call(requests.describe(job, request.name, ""))
    except Fault:
        return None


def _make_needed(context: Context, scope: Scope, request: Request) -> None:
    """What must stand before the creation: a pipeline makes a missing model package group (spec 04, 1)."""
    need = request.need
    if need is None:
        return
    try:
        context.call(Request(request.service, need.describe, need.named), scope)
    except Fault:
        context.call(Request(request.service, need.create, {**need.named, **need.more}), scope)


def _job(defined: DefinedStep) -> Job:
    job = registry.of(defined.type).job
    if job is None:
        raise ValueError(f"a step of type {defined.type} makes nothing")
    return job
