"""Room runtime: Cleanup steps, which delete what earlier steps wrote to S3. In: a step. Out: its only change.

Deleting what is gone already is fine, so all of it may be repeated. Spec 01, section 5.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.definition.resolve import resolve
from stepwell.runtime.pipeline_sessions import Change
from stepwell.runtime.step_contexts import Context, Prepared
from stepwell.steps import reasons
from stepwell.steps.requests import Request
from stepwell.store.steps import Step


class Cleanups:
    """Meets step_contexts.Performer."""

    def prepare(self, context: Context, step: Step, now: float) -> Prepared:
        defined, values = context.defined(step), context.values(step, now)
        return Prepared({name: resolve(tree, values) for name, tree in defined.arguments.items()})

    def create(self, context: Context, step: Step, prepared: Prepared, now: float) -> Change:
        done: Document = {"CleanedSteps": [], "FailedSteps": [], "SkippedSteps": []}
        for source in prepared.key_source["Resources"]["S3"]:
            name = source["StepName"]
            properties = context.properties(name)
            if not isinstance(properties, dict) or properties.get("VpcConfig"):
                done["SkippedSteps"].append(name)
                continue
            try:
                for uri in source.get("S3Uris") or _outputs(properties):
                    _delete(context, step, str(uri))
                done["CleanedSteps"].append(name)
            except Fault as fault:
                failure = {"StepName": name, "ErrorCode": fault.code, "ErrorMessage": fault.message}
                done["FailedSteps"].append(failure)
        ended = replace(step, metadata={"Cleanup": {member: names for member, names in done.items() if names}})
        if done["FailedSteps"]:
            first = done["FailedSteps"][0]
            text = f"The outputs of {first['StepName']} could not be deleted: {first['ErrorMessage']}"
            return Change(ended.with_end("Failed", now, reason=reasons.job_failed(text)))
        return Change(ended.with_end("Succeeded", now, properties={}))

    def observe(self, context: Context, step: Step, now: float) -> Change | None:
        """It is over as soon as it is created."""
        del context, step, now
        return None

    def stop(self, context: Context, step: Step, now: float) -> Change:
        del context
        return Change(step.with_end("Stopped", now))

    def made(self, context: Context, step: Step) -> str | None:
        """Nobody signals anything."""
        del context, step
        return None


def _outputs(properties: Document) -> list[str]:
    """Where a training job put its model and its outputs."""
    place, name = (properties.get("OutputDataConfig") or {}).get("S3OutputPath"), properties.get("TrainingJobName")
    return [f"{str(place).rstrip('/')}/{name}/"] if place and name else []


def _delete(context: Context, step: Step, uri: str) -> None:
    """Delete everything under the URI. Raises Fault."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket or not prefix:
        raise Fault("ValidationException", f"'{uri}' names no prefix in a bucket.")
    scope = context.acting(step)
    for key in list(_keys(context, step, bucket, prefix)):
        context.call(Request("s3", "DeleteObject", {"Bucket": bucket, "Key": key}), scope)


def _keys(context: Context, step: Step, bucket: str, prefix: str) -> Iterator[str]:
    request: Document = {"Bucket": bucket, "Prefix": prefix}
    while True:
        answer = context.call(Request("s3", "ListObjectsV2", request), context.acting(step))
        yield from (item["Key"] for item in answer.get("Contents", ()))
        if not answer.get("IsTruncated"):
            return
        request = {**request, "ContinuationToken": answer["NextContinuationToken"]}
