"""Room services: one line for each thing that SageMaker tells the world. In: an open transaction and a row.

Each function announces in the transaction of the change it tells, so that no change goes untold and none is told
that did not happen. Where no rule listens, the price is one look-up: details are not even built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.services.events import sagemaker_details as details
from stepwell.services.registry import Site
from stepwell.store import outbox, tags
from stepwell.store.database import Transaction
from stepwell.store.resources import Resource
from stepwell.store.steps import Step

SOURCE = "aws.sagemaker"
JOB_NOUNS = {
    "training-job": ("SageMaker Training Job State Change", details.training_job),
    "processing-job": ("SageMaker Processing Job State Change", details.processing_job),
}


@dataclass(frozen=True, slots=True)
class StepChange:
    """A step as it is now, the type its definition gives it, and its status before (None: it has begun)."""

    step: Step
    type: str
    previous: str | None


def pipeline_execution_changed(
    site: Site, transaction: Transaction, execution: Resource, previous: str | None, now: float
) -> None:
    """An execution was started (`previous` None) or has another status. `execution` is its row as it is now."""
    scope = _scope(execution)
    pipeline = scope.arn("sagemaker", f"pipeline/{execution.key.parent}")
    arn = f"{pipeline}/execution/{execution.name}"
    _announce(
        site,
        transaction,
        scope,
        "SageMaker Model Building Pipeline Execution Status Change",
        [pipeline, arn],
        lambda: details.pipeline_execution(execution, pipeline, arn, previous),
        now,
    )


def pipeline_steps_changed(
    site: Site, transaction: Transaction, execution: str, changes: Iterable[StepChange], now: float
) -> None:
    """Steps of the execution of that ARN have begun or have other statuses: one look-up for all of them."""
    _, _, _, region, account, _ = execution.split(":", 5)
    scope, pipeline = Scope(account, region), execution.partition("/execution/")[0]
    if not outbox.is_heard(transaction.connection, scope):
        return
    told = "SageMaker Model Building Pipeline Execution Step Status Change"
    for change in changes:
        detail = details.pipeline_step(change.step, change.type, pipeline, change.previous)
        outbox.emit(transaction, scope, SOURCE, told, [pipeline, execution], detail, now)
    transaction.on_commit(site.roused)


def job_changed(site: Site, transaction: Transaction, job: Resource, now: float) -> None:
    """A training or processing job was created, or its status or secondary status changed: its row as it is now."""
    scope = _scope(job)
    detail_type, detail = JOB_NOUNS[job.key.kind]
    arn = scope.arn("sagemaker", f"{job.key.kind}/{job.name}")
    _announce(
        site,
        transaction,
        scope,
        detail_type,
        [arn],
        lambda: detail(job, arn, tags.of(transaction.connection, arn)),
        now,
    )


def model_package_changed(site: Site, transaction: Transaction, package: Resource, now: float) -> None:
    """A model package was created or updated: its row as it is now."""
    scope = _scope(package)
    arn = scope.arn("sagemaker", f"model-package/{package.name}")
    _announce(
        site,
        transaction,
        scope,
        "SageMaker Model Package State Change",
        [arn],
        lambda: details.model_package(package, arn),
        now,
    )


def model_changed(site: Site, transaction: Transaction, model: Resource, now: float) -> None:
    """A model was created or deleted: its row."""
    scope = _scope(model)
    arn = scope.arn("sagemaker", f"model/{model.name}")
    _announce(
        site,
        transaction,
        scope,
        "SageMaker Model State Change",
        [arn],
        lambda: details.model(model, arn),
        now,
    )


def _scope(row: Resource) -> Scope:
    return Scope(row.key.account, row.key.region)


def _announce(
    site: Site,
    transaction: Transaction,
    scope: Scope,
    detail_type: str,
    resources: list[str],
    detail: Callable[[], Document],
    now: float,
) -> None:
    if outbox.is_heard(transaction.connection, scope):
        outbox.emit(transaction, scope, SOURCE, detail_type, resources, detail(), now)
        transaction.on_commit(site.roused)
