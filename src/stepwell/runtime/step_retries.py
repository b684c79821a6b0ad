"""Room runtime: the row of a step whose attempt came to nothing. In: what went wrong. Out: Failed, or Starting again.

What is retried, and when, is decided in `machines/pipeline_retries`.
"""

from __future__ import annotations

from dataclasses import replace

from stepwell.machines import pipeline_retries as retries
from stepwell.machines.pipeline_retries import Attempts
from stepwell.runtime.pipeline_sessions import Change
from stepwell.runtime.step_contexts import Context
from stepwell.steps import reasons
from stepwell.store.steps import Step


def refused(context: Context, step: Step, operation: str, code: str, message: str, now: float) -> Change:
    """The creation answered an error. `operation` is such as sagemaker:CreateTrainingJob."""
    exception = retries.of_refusal(code)
    tried = retries.is_covered(context.defined(step).retries, exception)
    text = reasons.create_refused(operation, code, message, context.session.arn, step.name, tried=tried)
    return ended_badly(context, step, exception, text, now)


def failed(context: Context, step: Step, reason: str, now: float) -> Change:
    """What the step made has failed with this FailureReason."""
    return ended_badly(context, step, retries.of_failure(reason), reasons.job_failed(reason), now)


def ended_badly(context: Context, step: Step, exception: str | None, text: str, now: float) -> Change:
    """Again, if a policy allows it and nobody stops the execution; otherwise the step has failed as `text` says."""
    attempts = Attempts(step.attempt - step.first_attempt + 1, step.started)
    due = retries.next_attempt(context.defined(step).retries, exception, attempts, now)
    if due is None or context.is_stopping or step.status == "Stopping":
        return Change(step.with_end("Failed", now, reason=text))
    return Change(replace(step, status="Starting", attempt=step.attempt + 1, retry_at=due))
