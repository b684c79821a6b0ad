"""The loop: one thread finds what is due, a pool of threads looks at it, another keeps the leases alive.

What is due is in the work table and nowhere else, so a process that dies loses nothing: its successor frees the
leases and goes on (docs/architecture.md). `roused` saves the wait when the reason came up in this process.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from stepwell.base import clock, ids
from stepwell.runtime.machine import Gatherer, Looker, Machine
from stepwell.store import reserve, work
from stepwell.store.database import Database
from stepwell.store.work import Lease

log = logging.getLogger(__name__)

LEASE_SECONDS = 30.0
LOOK_AGAIN_SECONDS = 2.0
"""How long the finder sleeps at most: another process may have woken something."""
WAIT_AFTER_BUG_SECONDS = 10.0
MOST_FOUND = 512
"""So many subjects are leased in one go at most."""


class Loop:
    """Runs the machines of one process until `stop`. Whoever sets `roused` says that something became due."""

    def __init__(
        self,
        database: Database,
        machines: Mapping[str, Machine[Any, Any, Any] | Looker | Gatherer],
        roused: threading.Event,
        workers: int = 16,
    ) -> None:
        self._database = database
        self._machines = machines
        self._together = {
            name: machine.together if isinstance(machine, Gatherer) else 1 for name, machine in machines.items()
        }
        self._workers = workers
        self._looks = 0
        self._name = ids.request_id()
        self._numbers = itertools.count()
        """Together the token of each lease: no process ever gives one twice."""
        self._held: dict[str, Lease] = {}
        self._guard = threading.Lock()
        self._roused = roused
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="stepwell-work")

    def start(self) -> None:
        """Take over what a dead predecessor held, and begin. Only one server may hold a data folder."""
        with self._database.write() as transaction:
            work.take_over(transaction, clock.now())
        for target in (self._find, self._keep_alive):
            thread = threading.Thread(target=target, name=f"stepwell{target.__name__}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Begin nothing more and wait for what is being done."""
        self._stopping.set()
        self._roused.set()
        for thread in self._threads:
            thread.join()
        self._pool.shutdown(wait=True)

    def _find(self) -> None:
        while not self._stopping.is_set():
            self._roused.clear()
            try:
                wait = self._begin()
            except Exception:  # a full disk, say: it may have room again
                log.exception("what is due could not be found")
                wait = LOOK_AGAIN_SECONDS
            self._roused.wait(wait)

    def _begin(self) -> float:
        """Begin looks at what is due, as far as there are workers for it; how long (seconds) nothing more is due."""
        now = clock.now()
        with self._guard:
            free = self._workers - self._looks
        if free <= 0:
            return LOOK_AGAIN_SECONDS  # whoever ends a look rouses us
        with self._database.read() as connection:
            found = work.ready(connection, now, MOST_FOUND)
            due = None if found else work.next_due(connection)
        if not found:
            return LOOK_AGAIN_SECONDS if due is None else min(max(due - clock.now(), 0.0), LOOK_AGAIN_SECONDS)
        with self._database.write() as transaction:
            looks = [
                [work.lease(transaction, subject, self._token(), now, now + LEASE_SECONDS) for subject in together]
                for together in self._gathered(found, free)
            ]
        for leases in looks:
            self._submit([lease for lease in leases if lease is not None])
        return 0.0

    def _gathered(self, found: Sequence[tuple[str, str]], most: int) -> Sequence[Sequence[str]]:
        """Which of these (subject, machine) share a look, for at most so many looks; the longest due come first."""
        looks: list[list[str]] = []
        room: dict[str, list[str]] = {}
        for subject, name in found:
            if name not in room or len(room[name]) >= self._together[name]:
                if len(looks) == most:
                    continue
                room[name] = []
                looks.append(room[name])
            room[name].append(subject)
        return looks

    def _token(self) -> str:
        return f"{self._name}-{next(self._numbers)}"

    def _submit(self, held: Sequence[Lease]) -> None:
        if not held:
            return
        with self._guard:
            self._looks += 1
            self._held.update({lease.subject: lease for lease in held})
        try:
            self._pool.submit(self._look, held)
        except RuntimeError:  # we are being stopped: the leases are freed by whoever comes next
            self._let_go(held)

    def _look(self, held: Sequence[Lease]) -> None:
        left: Sequence[Lease] = ()
        try:
            left = self._looked(held)
        except Exception:  # a bug in one machine must not take the others down; it is looked at again
            if len(held) > 1:
                left = held  # nor one subject its neighbours
            else:
                log.exception("looking at %s failed", held[0].subject)
                with suppress(*reserve.PROBLEMS), self._database.write() as transaction:
                    work.release(transaction, held[0], clock.now() + WAIT_AFTER_BUG_SECONDS)
        finally:
            self._let_go(held)
        for lease in left:
            self._submit([lease])
        self._roused.set()

    def _looked(self, held: Sequence[Lease]) -> Sequence[Lease]:
        machine = self._machines[held[0].machine]
        if isinstance(machine, Gatherer):
            return machine.look_at(held, self._stopping)
        if isinstance(machine, Looker):
            machine.look(held[0], self._stopping)
        else:
            look(self._database, machine, held[0], self._stopping)
        return ()

    def _let_go(self, held: Sequence[Lease]) -> None:
        with self._guard:
            self._looks -= 1
            for lease in held:
                self._held.pop(lease.subject, None)

    def _keep_alive(self) -> None:
        while not self._stopping.wait(LEASE_SECONDS / 3):
            with self._guard:
                held = list(self._held.values())
            if held:
                self._extend(held)

    def _extend(self, held: Sequence[Lease]) -> None:
        try:
            with self._database.write() as transaction:
                for lease in held:
                    work.extend(transaction, lease, clock.now() + LEASE_SECONDS)
        except Exception:  # whose lease ends meanwhile notices it when it writes
            log.exception("leases could not be extended")


def look(database: Database, machine: Machine[Any, Any, Any], held: Lease, stopping: threading.Event) -> None:
    """Look at one subject until nothing is left to do now, and give the lease back."""
    finished, due = run(database, machine, held, stopping)
    with database.write() as transaction:
        if finished:
            work.finish(transaction, held)
        else:
            work.release(transaction, held, due)


def run(
    database: Database, machine: Machine[Any, Any, Any], held: Lease, stopping: threading.Event
) -> tuple[bool, float | None]:
    """Look at one subject until nothing is left to do now: (never again?, when to look next)."""
    while True:
        now = clock.now()
        with database.read() as connection:
            state = machine.load(connection, held.subject)
        if state is None:
            return True, None
        progress = False
        for effect in machine.decide(state, now):
            if stopping.is_set():
                return False, now
            event = machine.perform(state, effect, clock.now())
            if event is None:
                continue
            progress = True
            with database.write() as transaction:
                if not work.is_held(transaction.connection, held):
                    return False, None
                machine.apply(transaction, state, event, clock.now())
        if not progress:
            return False, machine.due(state, now)
