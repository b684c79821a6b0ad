"""Room runtime: Lambda steps. In: a step. Out: its changes. The invocation runs by itself, exactly once for each
attempt, because its name derives from execution, step and attempt. A stop waits for the function (spec 02, 5 and 11).
"""

from __future__ import annotations

import json
from dataclasses import replace

from stepwell.base.faults import Fault
from stepwell.definition.resolve import resolve
from stepwell.machines import pipeline_retries
from stepwell.runtime import step_retries
from stepwell.runtime.pipeline_sessions import Change
from stepwell.runtime.step_contexts import Context, Prepared
from stepwell.services.lambda_ import invocations
from stepwell.services.lambda_.invocations import Invocation
from stepwell.services.sagemaker.pipeline_executions import MACHINE
from stepwell.steps import names, output_parameters, reasons
from stepwell.store.steps import Step

TIMED_OUT = "Sandbox.Timedout"


class Lambdas:
    """Meets step_contexts.Performer."""

    def prepare(self, context: Context, step: Step, now: float) -> Prepared:
        defined, values = context.defined(step), context.values(step, now)
        payload = {name: resolve(tree, values) for name, tree in defined.arguments.items()}
        return Prepared({"FunctionArn": resolve(defined.extra["FunctionArn"], values), "Arguments": payload})

    def create(self, context: Context, step: Step, prepared: Prepared, now: float) -> Change:
        function, payload = str(prepared.key_source["FunctionArn"]), json.dumps(prepared.key_source["Arguments"])
        site, session = context.door.site, context.session
        name = names.job_name(session.arn, step.name, step.attempt)
        try:
            with site.database.write() as transaction:
                context.require_lease(transaction)
                waiter = (MACHINE, session.arn)
                scope = context.acting(step)
                invocations.begin(transaction, site, scope, function, payload, name, now, waiter)
        except Fault as fault:
            return step_retries.refused(context, step, "lambda:InvokeFunction", fault.code, fault.message, now)
        return Change(replace(step, status="Executing", retry_at=None, metadata={"Lambda": {"Arn": function}}))

    def observe(self, context: Context, step: Step, now: float) -> Change | None:
        subject = self.made(context, step)
        assert subject is not None
        with context.door.site.database.read() as connection:
            invocation = invocations.find(connection, subject)
        if invocation is None:
            return Change(step.with_end("Failed", now, reason=reasons.job_failed("The invocation was removed.")))
        if invocation.status == "InProgress":
            return None
        ended = _ended(context, step, invocation, now)
        return replace(ended, writes=(lambda transaction: invocations.forget(transaction, subject),))

    def stop(self, context: Context, step: Step, now: float) -> Change:
        if step.status == "Starting":
            subject = _subject(context, step)
            with context.door.site.database.read() as connection:
                if invocations.find(connection, subject) is None:
                    return Change(step.with_end("Stopped", now))
        return Change(replace(step, status="Stopping", retry_at=None))

    def made(self, context: Context, step: Step) -> str | None:
        return _subject(context, step) if step.metadata or step.status == "Stopping" else None


def _subject(context: Context, step: Step) -> str:
    name = names.job_name(context.session.arn, step.name, step.attempt)
    return invocations.subject_of(context.session.scope, name)


def _ended(context: Context, step: Step, invocation: Invocation, now: float) -> Change:
    if step.status == "Stopping" and invocation.error_type != TIMED_OUT:
        return Change(step.with_end("Stopped", now))
    if invocation.status == "Failed":
        exception = pipeline_retries.SERVICE_FAULT if invocation.is_platform_failure else None
        text = reasons.job_failed(f"The Lambda function failed: {invocation.error_type}: {invocation.error_message}")
        return step_retries.ended_badly(context, step, exception, text, now)
    result = invocation.result
    if not isinstance(result, dict):
        text = "The Lambda function answered no JSON object."
        declared = context.defined(step).outputs
        if declared:
            return Change(step.with_end("Failed", now, reason=reasons.job_failed(text)))
        result = {}
    found = output_parameters.outputs(context.defined(step).outputs, result)
    if isinstance(found, str):
        return Change(step.with_end("Failed", now, reason=reasons.job_failed(f"The Lambda function: {found}")))
    metadata = {"Lambda": {**step.metadata.get("Lambda", {}), "OutputParameters": found.metadata}}
    return Change(replace(step, metadata=metadata).with_end("Succeeded", now, properties=found.properties))
