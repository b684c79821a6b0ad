"""What follows from a resource: its trial component, its lineage, its entries in the search index.

A change of a resource leaves a row in store/unrecorded.py, in the same transaction. Recorders derive what follows
from how the resource stands now and write it together with that row's removal, so nothing is lost or written twice.
The server does it soon and in the background (runtime/recorder.py), off the way of jobs; whoever reads what
recorders write does what is left of it first (`reading`, `writing`), so clients never see it late
(docs/decisions/0027).

To add a recorder: a function of a `Recorded`, safe to repeat, in RECORDERS under the kinds it is for.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from stepwell.services.registry import Call, Site
from stepwell.services.sagemaker import recorded_components, recorded_lineage, search_index
from stepwell.services.sagemaker.recorded import Recorded, Recorder
from stepwell.store import resources, unrecorded
from stepwell.store.database import Connection, Transaction
from stepwell.store.resources import Resource

log = logging.getLogger(__name__)

TOGETHER = 32
"""So many resources are recorded in one transaction: it holds up every other writer."""
GENERATIONS = 3
"""What is recorded may be resources itself, from which more follows: a job's component, the component's entries."""

RECORDERS: Mapping[str, tuple[Recorder, ...]] = {
    "processing-job": (recorded_components.record, recorded_lineage.record_job),
    "training-job": (recorded_components.record, recorded_lineage.record_job, search_index.record),
    "hyper-parameter-tuning-job": (search_index.record,),
    "pipeline": (search_index.record,),
    "pipeline-version": (search_index.record,),
    "pipeline-execution": (search_index.record,),
    "model-package": (recorded_lineage.record_package, search_index.record),
    "model-package-group": (recorded_lineage.record_group, search_index.record),
    "model": (search_index.record,),
    "experiment": (recorded_lineage.record_experiment_entity, search_index.record),
    "experiment-trial": (search_index.record,),
    "experiment-trial-component": (recorded_lineage.record_experiment_entity, search_index.record),
}
"""By the kind of the resource, in the order in which they run."""


@contextmanager
def reading(call: Call) -> Iterator[Connection]:
    """A connection that sees all that follows from what was committed before."""
    catch_up(call.site)
    with call.site.database.read() as connection:
        yield connection


@contextmanager
def writing(call: Call) -> Iterator[Transaction]:
    """A transaction that sees all that follows from what was committed before."""
    catch_up(call.site)
    with call.site.database.write() as transaction:
        yield transaction


def catch_up(site: Site) -> None:
    """Record everything that changed before this was called."""
    for _ in range(GENERATIONS):
        with site.database.read() as connection:
            last = unrecorded.last(connection)
        if last is None:
            return
        while record_some(site, last):
            pass


def record_some(site: Site, last: int) -> bool:
    """Record a few changes up to row `last` in one transaction; whether there were any."""
    with site.database.write() as transaction:
        rows = unrecorded.following(transaction.connection, last, TOGETHER)
        unrecorded.remove(transaction, (row for row, _ in rows))
        for _, resource_id in rows:
            resource = resources.find_id(transaction.connection, resource_id)
            if resource is not None:
                _record(site, resource)
    return bool(rows)


def _record(site: Site, resource: Resource) -> None:
    for recorder in RECORDERS.get(resource.key.kind, ()):
        try:
            with site.database.write() as part:
                recorder(Recorded(site, part, resource))
        except Exception:  # a bug with one resource must not keep all others from being recorded
            log.exception("recording what follows from %s failed", resource.key)
