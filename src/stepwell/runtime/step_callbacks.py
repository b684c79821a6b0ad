"""Room runtime: Callback steps. In: a step. Out: its changes, and messages to its queue.

The message, its token and the row that says so are one transaction, so no crash sends twice or waits for a message
that was never sent. When the execution is stopped the queue is told, and the step waits for its answer all the same
(spec 02, sections 5 and 12).
"""

from __future__ import annotations

import json
from dataclasses import replace

from stepwell.base import ids
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.definition.json_text import JSON
from stepwell.definition.resolve import ResolutionError, resolve
from stepwell.runtime import step_retries
from stepwell.runtime.pipeline_sessions import Change
from stepwell.runtime.step_contexts import Context, Prepared
from stepwell.services.sqs import messages
from stepwell.steps import output_parameters, reasons
from stepwell.store import callbacks, steps
from stepwell.store.callbacks import Callback
from stepwell.store.steps import Step

TOKEN_LENGTH = 10
TIMEOUT_SECONDS = 7 * 86_400.0
"""How long AWS waits for an answer."""


class Callbacks:
    """Meets step_contexts.Performer."""

    def prepare(self, context: Context, step: Step, now: float) -> Prepared:
        defined, values = context.defined(step), context.values(step, now)
        arguments = {name: resolve(tree, values) for name, tree in defined.arguments.items()}
        return Prepared({"SqsQueueUrl": resolve(defined.extra["SqsQueueUrl"], values), "Arguments": arguments})

    def create(self, context: Context, step: Step, prepared: Prepared, now: float) -> Change:
        token = ids.derived(TOKEN_LENGTH, context.session.arn, step.name, str(step.attempt), "CallbackToken")
        queue = str(prepared.key_source["SqsQueueUrl"])
        shown = {"Callback": {"CallbackToken": token, "SqsQueueUrl": queue}}
        waiting = replace(step, status="Executing", retry_at=None, metadata=shown)
        callback = Callback(token, context.session.arn, step.name, now + TIMEOUT_SECONDS)
        body = _body(context, token, prepared.key_source["Arguments"])
        try:
            with context.door.site.database.write() as transaction:
                context.require_lease(transaction)
                messages.send(transaction, context.session.scope, queue, json.dumps(body), now)
                callbacks.save(transaction, callback)
                steps.save(transaction, waiting)
        except Fault as fault:
            return step_retries.refused(context, step, "sqs:SendMessage", fault.code, fault.message, now)
        return Change(waiting)

    def observe(self, context: Context, step: Step, now: float) -> Change | None:
        with context.door.site.database.read() as connection:
            callback = callbacks.find(connection, self.made(context, step) or "")
        if callback is None:
            return Change(step.with_end("Failed", now, reason=reasons.job_failed("The callback token is gone.")))
        if callback.status != callbacks.WAITING:
            return _answered(context, step, callback, now)
        if now < callback.expires:
            return None
        closed = replace(callback, status="Closed")
        reason = reasons.job_failed(f"Nobody answered the callback within {TIMEOUT_SECONDS / 86_400:g} days.")
        failed = step.with_end("Failed", now, reason=reason)
        return Change(failed, (lambda transaction: callbacks.save(transaction, closed),))

    def stop(self, context: Context, step: Step, now: float) -> Change:
        token = self.made(context, step)
        if token is None:
            return Change(step.with_end("Stopped", now))
        try:
            arguments = self.prepare(context, step, now).key_source["Arguments"]
        except ResolutionError:
            arguments = {}
        stopping = replace(step, status="Stopping")
        body = {**_body(context, token, arguments), "status": "Stopping"}
        queue = step.metadata["Callback"]["SqsQueueUrl"]
        try:
            with context.door.site.database.write() as transaction:
                context.require_lease(transaction)
                messages.send(transaction, context.session.scope, queue, json.dumps(body), now)
                steps.save(transaction, stopping)
        except Fault:
            return Change(step.with_end("Stopped", now))  # the queue is gone, and with it whoever would answer
        return Change(stopping)

    def made(self, context: Context, step: Step) -> str | None:
        """The token."""
        del context
        return step.metadata["Callback"]["CallbackToken"] if "Callback" in step.metadata else None


def _body(context: Context, token: str, arguments: JSON) -> Document:
    return {"token": token, "pipelineExecutionArn": context.session.arn, "arguments": arguments}


def _answered(context: Context, step: Step, callback: Callback, now: float) -> Change:
    if step.status == "Stopping":
        return Change(step.with_end("Stopped", now))
    if callback.status != "Succeeded":
        reason = reasons.limited(callback.reason or "") or None
        return Change(step.with_end("Failed", now, reason=reason))
    given = {item["Name"]: item["Value"] for item in callback.outputs}
    found = output_parameters.outputs(context.defined(step).outputs, given)
    if isinstance(found, str):
        return Change(step.with_end("Failed", now, reason=reasons.job_failed(f"The callback: {found}")))
    metadata = {"Callback": {**step.metadata["Callback"], "OutputParameters": found.metadata}}
    return Change(replace(step, metadata=metadata).with_end("Succeeded", now, properties=found.properties))
