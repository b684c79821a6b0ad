"""Room runtime: the machine of jobs. Performs what `machines/job.py` decides and writes down what came of it.

Many jobs are looked at together: what takes no time happens to all of them in memory and is written in one
transaction; a job whose next effect takes long is handed back, to be looked at alone. Everything here may be cut off
by kill -9 at any line and is then done again: nothing is launched before its row says so, a launch of what was
launched is only an observation, an upload replaces what it uploaded. A job whose row says Running goes on under its
supervisor while no server runs, and is found again by its folder.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache

from stepwell.base import clock
from stepwell.launchers.launcher import Exited, Observation, Running
from stepwell.machines import job as machine
from stepwell.machines.job import Effect, Event
from stepwell.runtime import (
    job_end,
    job_folders,
    job_looks,
    job_manifest,
    job_pace,
    job_records,
    job_repack,
    job_results,
    job_start,
    job_warm,
)
from stepwell.runtime.job_admission import EXECUTION_TAG, Admission
from stepwell.runtime.job_looks import Common, Look
from stepwell.runtime.job_tools import Tools
from stepwell.runtime.job_watch import Watcher
from stepwell.services.events import announcements
from stepwell.services.registry import Site
from stepwell.services.sagemaker import hyper_parameter_tuning_jobs_rows
from stepwell.store import job_manifests, reserve, resources, running_jobs, tags, work
from stepwell.store.database import Transaction
from stepwell.store.work import Lease

__all__ = ["JobMachine", "Tools"]

LOOK_AGAIN_SECONDS = 10.0
"""How often a running job is looked at although nobody said that it ended: after a crash nobody can."""
SOON_SECONDS = 0.02
"""When to look again at a container that could not be watched yet: its supervisor is just beginning, or ending."""
MOST_IMAGES = 1000
"""Of so many image URIs it is remembered what they are here."""
SUBSTITUTION_TAG = "stepwell:image-substitution"
TAG_VALUE_LIMIT = 256


class JobMachine:
    """Runs jobs of every kind. Meets runtime.machine.Gatherer."""

    name = "job"
    together = 128

    def __init__(self, site: Site, tools: Tools) -> None:
        self._site = site
        self._tools = tools
        self.admission = Admission(site.database, tools.surroundings, self._wake)
        self.admission.recall()
        self._image = lru_cache(MOST_IMAGES)(tools.catalog.resolve)
        self._unwatched: set[str] = set()
        self._pools = self._known_pools()
        self._watcher = Watcher(self._wake)
        job_folders.make_room(site.data)

    @property
    def warm_pools(self) -> int:
        """How many warm pools wait for a job."""
        return len(self._pools)

    def _known_pools(self) -> set[str]:
        """The jobs whose warm pools are there, as their rows say."""
        with self._site.database.read() as connection:
            arns = running_jobs.under_way(connection, self.name)
            rows = ((arn, resources.find(connection, job_records.key_of(arn))) for arn in arns)
            records = [job_records.record(arn, row) for arn, row in rows if row is not None]
        return {each.arn for each in records if each.job.phase == "Warm"}

    def close(self) -> None:
        """Stop listening. Jobs go on."""
        self._watcher.close()
        self._tools.scanner.close()

    def look_at(self, held: Sequence[Lease], stopping: threading.Event) -> Sequence[Lease]:
        """Go on with these jobs as far as they get now; answers those that must be looked at alone."""
        is_alone = len(held) == 1
        looks, handed_back = self._begun(held), []
        while looks:
            for look in looks:
                self._go_on(look, stopping, is_alone=is_alone)
            self.write(looks)
            handed_back += [look.held for look in looks if look.rest == "alone"]
            looks = [look for look in looks if look.rest == "write"]
        return handed_back

    def _begun(self, held: Sequence[Lease]) -> list[Look]:
        common = Common(self._site.data, self._tools, self._image)
        with self._site.database.read() as connection:
            rows = [resources.find(connection, job_records.key_of(lease.subject)) for lease in held]
        gone = [lease for lease, row in zip(held, rows, strict=True) if row is None]
        if gone:
            with self._site.database.write() as transaction:
                for lease in gone:
                    work.finish(transaction, lease)
        return [job_looks.look(common, lease, row) for lease, row in zip(held, rows, strict=True) if row is not None]

    def _go_on(self, look: Look, stopping: threading.Event, *, is_alone: bool) -> None:
        """Perform effects up to one that must wait, which `look.rest` says."""
        while not stopping.is_set():
            effects = machine.decide(look.job, clock.now())
            if not effects and look.job.phase == "Warm":
                look.rest_until(look.job.warm_until)
                return
            if not effects:
                look.rest = "over"
                return
            for effect in effects:
                is_slow = job_pace.is_slow(look, effect)
                if job_pace.must_be_written_before(look, effect) or (is_slow and is_alone and look.events):
                    look.rest = "write"
                    return
                if is_slow and not is_alone:
                    look.rest = "alone"
                    return
                event = self.perform(look, effect, clock.now())
                if event is not None:
                    look.note(event, clock.now())
                    break
            else:
                look.rest_until(self._due(look, clock.now()))
                return
        look.rest_until(clock.now())

    def _due(self, look: Look, now: float) -> float | None:
        if look.job.phase == "Queued":  # who makes room wakes it
            return look.job.wait.until if look.job.wait is not None else None
        if look.job.phase != "Running" or look.record.arn in self._unwatched:
            return now + SOON_SECONDS
        return now + LOOK_AGAIN_SECONDS

    def perform(self, look: Look, effect: Effect, now: float) -> Event | None:
        """Do it, outside any transaction and safe to repeat after a crash; None: nothing came of it yet."""
        site, tools = self._site, self._tools
        match effect:
            case machine.Ask():
                return job_start.or_refused(lambda: self._ask(look, now))
            case machine.Prepare():
                return job_start.or_refused(lambda: job_start.prepare(tools, look))
            case machine.Download():
                return job_start.or_refused(lambda: job_start.download(site, tools, look), job_start.DOWNLOAD)
            case machine.Launch():
                return job_start.or_refused(lambda: job_start.launch(tools, look, now))
            case machine.Stop():
                self._stop(look)
                return None
            case machine.Observe():
                return self._observe(look)
            case machine.Upload(verdict):
                return job_end.upload(site, tools, look, verdict)
            case machine.Finish(verdict):
                return machine.Finished(verdict)
            case machine.Clean():
                look.place.empty()
                reserve.hold(self._site.data / reserve.NAME)  # given back when jobs had filled the disk
                return machine.Cleaned()
            case machine.Erase():
                look.place.erase()
                return machine.Erased()

    def _ask(self, look: Look, now: float) -> Event | None:
        if job_repack.recognise(self._tools, look):
            return machine.Admitted()  # it takes no room
        pool = job_warm.take(self._site, tuple(self._pools), look, now) if self._pools else None
        if pool is not None:
            self._pools.discard(pool)
            return self.admission.inherit(pool, look)
        return self.admission.ask(look, now)

    def write(self, looks: Sequence[Look]) -> None:
        """Write what happened, and give back the leases of those that rest."""
        ended = [look.record.arn for look in looks if look.events and look.has_ended and look.job.phase != "Warm"]
        warm = [look.record.arn for look in looks if look.events and look.job.phase == "Warm"]
        with self._site.database.write() as transaction:
            for look in looks:
                if not work.is_held(transaction.connection, look.held):
                    look.rest = "lost"
                    continue
                if look.events:
                    self._save(transaction, look)
                match look.rest:
                    case "over":
                        work.finish(transaction, look.held)
                    case "wait":
                        work.release(transaction, look.held, look.due)
                    case "write" if look.job.phase == "Launching":
                        look.access = job_start.access(self._site, self._tools, transaction, look, clock.now())
        self._pools.update(warm)
        self._pools.difference_update(ended)
        if warm and (waiting := self.admission.waiting()):
            self._wake(waiting)
        if ended:
            self.admission.leave(ended)

    def _save(self, transaction: Transaction, look: Look) -> None:
        had_ended = look.stored.status in job_records.FINAL
        try:
            saved = resources.save(transaction, look.record.resource, seen=look.stored)
        except resources.Conflict:
            row = resources.find(transaction.connection, look.stored.key)
            if row is None:
                look.rest = "over"
                return
            look.rebase(row)
            saved = resources.save(transaction, look.record.resource)
        now, arn = look.events[-1][1], look.record.arn
        for event, at in look.events:
            self._tell(transaction, look, event, at)
        for row in look.changes:
            announcements.job_changed(self._site, transaction, row, row.modified)
        if look.has_ended and not had_ended:
            self._tell_execution(transaction, arn, now)
            hyper_parameter_tuning_jobs_rows.training_job_changed(self._site, transaction, saved, now)
        look.written(saved)

    def _tell(self, transaction: Transaction, look: Look, event: Event, now: float) -> None:
        """What else belongs into the transaction that writes `event`."""
        arn = look.record.arn
        match event:
            case machine.Prepared() | machine.Refused():
                job_start.attach_logs(self._site, transaction, look, now)
                substitutions = event.substitutions if isinstance(event, machine.Prepared) else ()
                if substitutions:
                    shown = " ".join(substitutions)[:TAG_VALUE_LIMIT]
                    tags.put(transaction, arn, {SUBSTITUTION_TAG: shown})
            case machine.Downloaded():
                job_manifests.begin(transaction, arn, job_manifest.environment(look), look.reads)
            case machine.Uploaded() if look.writes:
                job_manifests.end(transaction, arn, look.writes)
            case machine.Erased():
                job_manifests.remove(transaction, arn)
                resources.remove(transaction, look.stored.key)
                tags.clear(transaction, arn)

    def _tell_execution(self, transaction: Transaction, arn: str, now: float) -> None:
        """The pipeline execution that created the job goes on in the transaction that ends it."""
        execution = tags.of(transaction.connection, arn).get(EXECUTION_TAG)
        if execution is not None:
            self._site.wake(transaction, "pipeline-execution", execution, now, about=arn)

    def _wake(self, arns: Sequence[str]) -> None:
        now = clock.now()
        # Without room on the disk nobody can be woken; the next look at a running job finds what was missed.
        with suppress(*reserve.PROBLEMS), self._site.database.write() as transaction:
            for arn in arns:
                self._site.wake(transaction, self.name, arn, now)

    def _stop(self, look: Look) -> None:
        place = look.place
        for host in look.plan().hosts:
            self._tools.launcher.stop(place.host(host))

    def _observe(self, look: Look) -> Event | None:
        plan, place, arn = look.plan(), look.place, look.record.arn
        if job_repack.is_ours(look):
            return machine.Ended(job_repack.ended(look))
        seen = {host: self._tools.launcher.observe(place.host(host)) for host in plan.hosts}
        running = [host for host, each in seen.items() if isinstance(each, Running)]
        if not running:
            self._unwatched.discard(arn)
            return machine.Ended(tuple(job_results.host_end(plan, host, seen[host], place) for host in plan.hosts))
        if any(_has_failed(each) for each in seen.values()):
            self._stop(look)
        unwatched = [host for host in running if not self._watch(look, host)]
        (self._unwatched.add if unwatched else self._unwatched.discard)(arn)
        return None

    def _watch(self, look: Look, host: str) -> bool:
        """Hear when the container of `host` ends; False when that is not possible at this moment."""
        arn = look.record.arn
        if not self._watcher.is_watching(arn, host):
            descriptor = self._tools.launcher.watch(look.place.host(host))
            if descriptor is None:
                return False
            self._watcher.add(arn, host, descriptor)
        return True


def _has_failed(seen: Observation) -> bool:
    match seen:
        case Running():
            return False
        case Exited():
            return seen.exit_code != 0
        case _:
            return True
