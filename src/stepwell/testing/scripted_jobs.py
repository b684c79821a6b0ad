"""Processing jobs that run nothing: they end as a script says, when somebody lets them.

Stands in for the ProcessingJob noun behind the door: rows are real, names are unique, a job whose creation was
committed stays created whatever happens to the caller, and its end wakes the execution, as that of a real job does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import in_use, not_found
from stepwell.services.registry import Call, Handler, Site
from stepwell.store import resources
from stepwell.store.resources import Resource

KIND = "scripted-job"
EXECUTION_TAG = "sagemaker:pipeline-execution-arn"
RUNNING = ("InProgress", "Stopping")


class ScriptedJobs:
    """`outcome` says of a job's name how it will end: Completed, Failed, or the FailureReason it fails with.

    `created` holds the names of jobs whose creation was committed.
    """

    def __init__(self, outcome: Callable[[str], str]) -> None:
        self._outcome = outcome
        self.created: list[str] = []

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """For `Door(site, instead=…)`."""
        return {
            ("sagemaker", "CreateProcessingJob"): self._create,
            ("sagemaker", "DescribeProcessingJob"): self._describe,
            ("sagemaker", "StopProcessingJob"): self._stop,
        }

    def running(self, site: Site, scope: Scope) -> list[Resource]:
        """Jobs that have not ended."""
        with site.database.read() as connection:
            rows, _ = resources.page(connection, resources.Query(KIND, scope, limit=1000, descending=False))
        return [row for row in rows if row.status in RUNNING]

    def end(self, site: Site, job: Resource, now: float) -> None:
        """Let one job end, and wake its execution in the same transaction."""
        outcome = "Stopped" if job.status == "Stopping" else self._outcome(job.name)
        status, _, reason = outcome.partition(":")
        if reason:
            status, reason = "Failed", outcome
        execution = next(tag["Value"] for tag in job.document["Tags"] if tag["Key"] == EXECUTION_TAG)
        with site.database.write() as transaction:
            resources.save(
                transaction, job.with_changes(now, status=status, FailureReason=reason or "AlgorithmError: scripted")
            )
            arn = _arn(Scope(job.key.account, job.key.region), job.name)
            site.wake(transaction, "pipeline-execution", execution, now, about=arn)

    def _create(self, call: Call, request: Document) -> Document:
        name = request["ProcessingJobName"]
        row = Resource(resources.key(call.scope, KIND, name), "InProgress", call.now, call.now, request)
        with call.site.database.write() as transaction:
            try:
                resources.add(transaction, row)
            except resources.AlreadyExists:
                raise in_use(f"Job name must be unique, and {name} already exists.") from None
            transaction.on_commit(lambda: self.created.append(name))
        return {"ProcessingJobArn": _arn(call.scope, name)}

    def _describe(self, call: Call, request: Document) -> Document:
        row = self._find(call, request)
        return {
            **row.document,
            "ProcessingJobArn": _arn(call.scope, row.name),
            "ProcessingJobStatus": row.status,
        }

    def _stop(self, call: Call, request: Document) -> Document:
        row = self._find(call, request)
        if row.status == "InProgress":
            with call.site.database.write() as transaction:
                resources.save(transaction, row.with_changes(call.now, status="Stopping"))
        return {}

    def _find(self, call: Call, request: Document) -> Resource:
        with call.site.database.read() as connection:
            row = resources.find(connection, resources.key(call.scope, KIND, request["ProcessingJobName"]))
        if row is None:
            raise not_found(f"Could not find {request['ProcessingJobName']}.")
        return row


def _arn(scope: Scope, name: str) -> str:
    return scope.arn("sagemaker", f"processing-job/{name}")
