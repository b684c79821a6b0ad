"""Room runtime: the machine of jobs. Performs what `machines/job.py` decides and writes down what came of it.

Everything here may be cut off by kill -9 at any line and is then done again: folders are made afresh as long as
nothing was launched, a launch of what was launched is only an observation, an upload replaces what it uploaded.
A job whose row says Running goes on under its supervisor while no server runs, and is found again by its folder.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from stepwell.base import clock
from stepwell.launchers.launcher import Exited, Observation, Running
from stepwell.machines import job as machine
from stepwell.machines.job import Effect, Event
from stepwell.runtime import job_end, job_records, job_results, job_start
from stepwell.runtime.job_records import Record
from stepwell.runtime.job_tools import Tools, folder_of, plan_of
from stepwell.runtime.job_watch import Watcher
from stepwell.services.events import announcements
from stepwell.services.registry import Site
from stepwell.store import resources, tags
from stepwell.store.database import Transaction
from stepwell.store.resources import Resource

__all__ = ["JobMachine", "Tools"]

LOOK_AGAIN_SECONDS = 10.0
"""How often a running job is looked at although nobody said that it ended: after a crash nobody can."""
SOON_SECONDS = 0.02
"""When to look again at a container that could not be watched yet: its supervisor is just beginning, or ending."""
SUBSTITUTION_TAG = "stepwell:image-substitution"
EXECUTION_TAG = "sagemaker:pipeline-execution-arn"
TAG_VALUE_LIMIT = 256


class JobMachine:
    """Runs jobs of every kind. Meets runtime.machine.Machine."""

    name = "job"

    def __init__(self, site: Site, tools: Tools) -> None:
        self._site = site
        self._tools = tools
        self._unwatched: set[str] = set()
        self._watcher = Watcher(self._ended)

    def close(self) -> None:
        """Stop listening. Jobs go on."""
        self._watcher.close()

    def load(self, connection: Connection, subject: str) -> Record | None:
        row = resources.find(connection, job_records.key_of(subject))
        if row is None:
            return None
        record = job_records.record(subject, row)
        return record if machine.decide(record.job) else None

    def decide(self, state: Record, now: float) -> Sequence[Effect]:  # noqa: ARG002 - the machine's signature
        return machine.decide(state.job)

    def due(self, state: Record, now: float) -> float | None:
        if state.job.phase != "Running" or state.arn in self._unwatched:
            return now + SOON_SECONDS
        return now + LOOK_AGAIN_SECONDS

    def perform(self, state: Record, effect: Effect, now: float) -> Event | None:
        site, tools = self._site, self._tools
        match effect:
            case machine.Prepare():
                return job_start.or_refused(lambda: job_start.prepare(site, tools, state, now))
            case machine.Download():
                return job_start.or_refused(lambda: job_start.download(site, tools, state))
            case machine.Launch():
                return job_start.or_refused(lambda: job_start.launch(site, tools, state, now))
            case machine.Stop():
                self._stop(state)
                return None
            case machine.Observe():
                return self._observe(state)
            case machine.Upload(verdict):
                return job_end.upload(site, tools, state, verdict)
            case machine.Finish(verdict):
                return machine.Finished(verdict)
            case machine.Clean():
                folder_of(site, state).empty()
                return machine.Cleaned()
            case machine.Erase():
                folder_of(site, state).erase()
                return machine.Erased()

    def apply(self, transaction: Transaction, state: Record, event: Event, now: float) -> None:
        row = resources.find(transaction.connection, state.resource.key)
        if row is None:
            return
        before = job_records.record(state.arn, row)
        after = machine.evolve(before.job, event)
        if isinstance(event, machine.Erased):
            resources.remove(transaction, row.key)
            tags.clear(transaction, state.arn)
            return
        moved = job_records.moved(before, after, event, now)
        resources.save(transaction, moved)
        if isinstance(event, machine.Prepared) and event.substitutions:
            shown = " ".join(event.substitutions)[:TAG_VALUE_LIMIT]
            tags.put(transaction, state.arn, {SUBSTITUTION_TAG: shown})
        if _shown(moved) != _shown(row):
            announcements.job_changed(self._site, transaction, moved, now)
        if after.phase == "Cleaning":
            self._tell_execution(transaction, state.arn, now)

    def _tell_execution(self, transaction: Transaction, arn: str, now: float) -> None:
        """The pipeline execution that created the job goes on in the transaction that ends it."""
        execution = tags.of(transaction.connection, arn).get(EXECUTION_TAG)
        if execution is not None:
            self._site.wake(transaction, "pipeline-execution", execution, now, about=arn)

    def _ended(self, arn: str) -> None:
        with self._site.database.write() as transaction:
            self._site.wake(transaction, self.name, arn, clock.now())

    def _stop(self, state: Record) -> None:
        place = folder_of(self._site, state)
        for host in plan_of(state).hosts:
            self._tools.launcher.stop(place.host(host))

    def _observe(self, state: Record) -> Event | None:
        plan, place = plan_of(state), folder_of(self._site, state)
        seen = {host: self._tools.launcher.observe(place.host(host)) for host in plan.hosts}
        running = [host for host, each in seen.items() if isinstance(each, Running)]
        if not running:
            self._unwatched.discard(state.arn)
            return machine.Ended(tuple(job_results.host_end(host, seen[host], place) for host in plan.hosts))
        if any(_has_failed(each) for each in seen.values()):
            self._stop(state)
        unwatched = [host for host in running if not self._watch(state, host)]
        (self._unwatched.add if unwatched else self._unwatched.discard)(state.arn)
        return None

    def _watch(self, state: Record, host: str) -> bool:
        """Hear when the container of `host` ends; False when that is not possible at this moment."""
        if not self._watcher.is_watching(state.arn, host):
            descriptor = self._tools.launcher.watch(folder_of(self._site, state).host(host))
            if descriptor is None:
                return False
            self._watcher.add(state.arn, host, descriptor)
        return True


def _shown(row: Resource) -> tuple[str, object]:
    """What an event tells of: status and secondary status."""
    return row.status, row.document.get("SecondaryStatus")


def _has_failed(seen: Observation) -> bool:
    match seen:
        case Running():
            return False
        case Exited():
            return seen.exit_code != 0
        case _:
            return True
