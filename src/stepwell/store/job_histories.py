"""Room store: every job that read or wrote bytes, with what these were: its row, narrowly, and its manifest.

No table of its own: `job_manifests` and `resources`, joined in memory by the job's ARN. For whoever asks where bytes
come from, where they went, or whether anybody needs them still.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, select

from stepwell.base.arn import Scope
from stepwell.store import job_manifests
from stepwell.store.job_manifests import Manifest
from stepwell.store.resources import table

KINDS = ("processing-job", "training-job")

_ROWS = select(
    table.c.kind, table.c.account, table.c.region, table.c.name, table.c.status, table.c.created, table.c.modified
).where(table.c.kind.in_(KINDS))


@dataclass(frozen=True, slots=True)
class History:
    """One job. Times are epoch seconds; a job never changes after its end but for its tags and the like."""

    arn: str
    status: str
    created: float
    modified: float
    manifest: Manifest


def every(connection: Connection) -> Iterator[History]:
    """All jobs that ever had their data and were not deleted since."""
    rows = {
        Scope(row.account, row.region).arn("sagemaker", f"{row.kind}/{row.name}"): row
        for row in connection.execute(_ROWS)
    }
    for arn, manifest in job_manifests.every_by_job(connection):
        row = rows.get(arn)
        if row is not None:
            yield History(arn, row.status, row.created, row.modified, manifest)


def environment(connection: Connection, arn: str) -> str:
    """The name of the environment that the job of that ARN ran in; empty when it is not known, or was its image's."""
    found = job_manifests.find(connection, arn)
    return found.environment if found else ""
