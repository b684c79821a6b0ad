"""The loop: one thread finds what is due, a pool of threads looks at it, another keeps the leases alive.

What is due is in the work table and nowhere else, so a process that dies loses nothing: its successor frees the
leases and goes on (docs/architecture.md). `roused` saves the wait when the reason came up in this process.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from stepwell.base import clock, ids
from stepwell.runtime.machine import Looker, Machine
from stepwell.store import work
from stepwell.store.database import Database
from stepwell.store.work import Lease

log = logging.getLogger(__name__)

LEASE_SECONDS = 30.0
LOOK_AGAIN_SECONDS = 2.0
"""How long the finder sleeps at most: another process may have woken something."""
WAIT_AFTER_BUG_SECONDS = 10.0


class Loop:
    """Runs the machines of one process until `stop`. Whoever sets `roused` says that something became due."""

    def __init__(
        self,
        database: Database,
        machines: Mapping[str, Machine[Any, Any, Any] | Looker],
        roused: threading.Event,
        workers: int = 16,
    ) -> None:
        self._database = database
        self._machines = machines
        self._workers = workers
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
            self._roused.wait(self._begin())

    def _begin(self) -> float:
        """Begin looks at what is due, as far as there are workers for it; how long (seconds) nothing more is due."""
        now = clock.now()
        with self._guard:
            free = self._workers - len(self._held)
        if not free:
            return LOOK_AGAIN_SECONDS  # whoever ends a look rouses us
        with self._database.read() as connection:
            subjects = work.ready(connection, now, free)
            due = None if subjects else work.next_due(connection)
        if not subjects:
            return LOOK_AGAIN_SECONDS if due is None else min(max(due - clock.now(), 0.0), LOOK_AGAIN_SECONDS)
        with self._database.write() as transaction:
            tokens = ((subject, ids.request_id()) for subject in subjects)
            leases = [work.lease(transaction, *each, now, now + LEASE_SECONDS) for each in tokens]
        for held in leases:
            if held is not None:
                with self._guard:
                    self._held[held.subject] = held
                self._pool.submit(self._look, held)
        return 0.0

    def _look(self, held: Lease) -> None:
        machine = self._machines[held.machine]
        try:
            if isinstance(machine, Looker):
                machine.look(held, self._stopping)
            else:
                look(self._database, machine, held, self._stopping)
        except Exception:  # a bug in one machine must not take the others down; it is looked at again
            log.exception("looking at %s failed", held.subject)
            with self._database.write() as transaction:
                work.release(transaction, held, clock.now() + WAIT_AFTER_BUG_SECONDS)
        finally:
            with self._guard:
                self._held.pop(held.subject, None)
        self._roused.set()

    def _keep_alive(self) -> None:
        while not self._stopping.wait(LEASE_SECONDS / 3):
            with self._guard:
                held = list(self._held.values())
            if held:
                with self._database.write() as transaction:
                    for lease in held:
                        work.extend(transaction, lease, clock.now() + LEASE_SECONDS)


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
