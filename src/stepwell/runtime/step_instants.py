"""Room runtime: steps that are decided at once and make nothing: Condition, Fail, and types that cannot run yet.

In: a step that is ready. Out: its only change.
"""

from __future__ import annotations

from dataclasses import replace

from stepwell.definition import conditions
from stepwell.definition.resolve import resolve
from stepwell.runtime.pipeline_sessions import Change
from stepwell.runtime.step_contexts import Context
from stepwell.steps import condition, fail, reasons, registry
from stepwell.store.steps import Step


def evaluate(context: Context, step: Step, now: float) -> Change:
    """Which branch the Condition takes. Raises ResolutionError."""
    outcome = conditions.evaluate_all(context.defined(step).conditions, context.values(step, now))
    answered = replace(step, metadata=condition.metadata(outcome), outcome=outcome)
    return Change(answered.with_end("Succeeded", now, properties=condition.properties(outcome)))


def fail_step(context: Context, step: Step, now: float) -> Change:
    """The end of a Fail step, or of one whose type cannot run. Raises ResolutionError."""
    defined = context.defined(step)
    if registry.of(defined.type).kind == "unbuilt":
        return Change(step.with_end("Failed", now, reason=reasons.unbuilt(defined.type)))
    values = context.values(step, now)
    message = fail.message({name: resolve(tree, values) for name, tree in defined.arguments.items()})
    answered = replace(step, metadata=fail.metadata(message))
    return Change(answered.with_end("Failed", now, reason=message or None))
