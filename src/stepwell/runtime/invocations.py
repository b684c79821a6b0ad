"""Room runtime: the machine of invocations. Performs what `machines/invocation.py` decides.

A function is called once for each attempt, whatever is killed when: the row says what was begun, the launcher what
was started, and the supervisor goes on while no server runs. Who waits is woken in the transaction that ends it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from sqlalchemy import Connection

from stepwell.base import clock
from stepwell.launchers.launcher import Exited, Lost, Running
from stepwell.machines import invocation as machine
from stepwell.machines.invocation import Effect, Event
from stepwell.runtime import invocation_end, invocation_records, invocation_start
from stepwell.runtime.invocation_records import Record, place_of
from stepwell.runtime.invocation_start import KeyRing
from stepwell.runtime.job_tools import Tools
from stepwell.runtime.job_watch import Watcher
from stepwell.services.lambda_ import endings, function_code, invocations
from stepwell.services.registry import Site
from stepwell.store import functions, resources
from stepwell.store.database import Transaction

LOOK_AGAIN_SECONDS = 10.0
"""How often a running function is looked at although nobody said that it ended: after a crash nobody can."""
SOON_SECONDS = 0.02
"""When to look again at a container that could not be watched yet."""
QUEUE_SECONDS = 0.25
"""When to look again whether there is room for one more."""
MOST_RUNNING = 32
"""More functions than that do not run at once; the others wait for their turn before their time begins to count."""
PART = "function"


class InvocationMachine:
    """Runs functions. Meets runtime.machine.Machine."""

    name = invocations.MACHINE

    def __init__(self, site: Site, tools: Tools, most_running: int = MOST_RUNNING) -> None:
        """To be made before requests are served: it removes code that no function has any more."""
        self._site = site
        self._tools = tools
        self._most_running = most_running
        self._keys = KeyRing(site, tools)
        self._guard = threading.Lock()
        self._running: set[str] = set()
        self._unwatched: set[str] = set()
        self._watcher = Watcher(self._have_ended)
        with site.database.read() as connection:
            function_code.tidy(site.data, functions.code_in_use(connection))

    def close(self) -> None:
        """Stop listening. Functions go on."""
        self._watcher.close()

    def load(self, connection: Connection, subject: str) -> Record | None:
        row = resources.find(connection, invocations.key_of(subject))
        if row is None:
            return None
        record = invocation_records.record(subject, row)
        return None if record.invocation.phase == "Over" else record

    def decide(self, state: Record, now: float) -> Sequence[Effect]:
        return machine.decide(state.invocation, now)

    def due(self, state: Record, now: float) -> float | None:
        if state.invocation.phase == "Starting":
            return max(state.invocation.not_before, now + QUEUE_SECONDS)
        return now + (SOON_SECONDS if state.subject in self._unwatched else LOOK_AGAIN_SECONDS)

    def perform(self, state: Record, effect: Effect, now: float) -> Event | None:
        match effect:
            case machine.Start():
                if not self._take_place(state.subject):
                    return None
                return invocation_start.start(self._site, self._tools, self._keys, state, now)
            case machine.Observe():
                return self._observe(state, now)
            case machine.Clean():
                place_of(self._site.data, state).empty()
                return machine.Cleaned()

    def apply(self, transaction: Transaction, state: Record, event: Event, now: float) -> None:
        row = resources.find(transaction.connection, state.resource.key)
        if row is None:
            return
        before = invocation_records.record(state.subject, row)
        after = machine.evolve(before.invocation, event, now)
        if after.phase == "Over" and not invocation_records.is_kept(row):
            resources.remove(transaction, row.key)
            return
        resources.save(transaction, invocation_records.moved(before, after, event, now))
        if isinstance(event, machine.Ended):
            self._leave_place(state.subject)
            if after.phase == "Cleaning":
                self._tell(transaction, before, event, now)

    def _tell(self, transaction: Transaction, ended: Record, event: machine.Ended, now: float) -> None:
        """Whoever waits goes on: a machine in this transaction, a caller as soon as it is safe."""
        waiting = invocation_records.waiter(ended.resource)
        if waiting is not None:
            self._site.wake(transaction, waiting[0], waiting[1], now, about=ended.subject)
        transaction.on_commit(lambda: endings.tell(ended.subject, event))

    def _observe(self, state: Record, now: float) -> Event | None:
        place = place_of(self._site.data, state)
        seen = self._tools.launcher.observe(place.root)
        if isinstance(seen, Running):
            self._take_place(state.subject, always=True)
            (self._unwatched.discard if self._watch(state) else self._unwatched.add)(state.subject)
            return None
        self._unwatched.discard(state.subject)
        return invocation_end.ended(state, seen if isinstance(seen, Exited | Lost) else None, place, now)

    def _take_place(self, subject: str, *, always: bool = False) -> bool:
        with self._guard:
            if not always and subject not in self._running and len(self._running) >= self._most_running:
                return False
            self._running.add(subject)
            return True

    def _leave_place(self, subject: str) -> None:
        with self._guard:
            self._running.discard(subject)

    def _watch(self, state: Record) -> bool:
        """Hear when the function ends; False when that is not possible at this moment."""
        part = f"{PART} {state.invocation.attempt}"
        if not self._watcher.is_watching(state.subject, part):
            descriptor = self._tools.launcher.watch(place_of(self._site.data, state).root)
            if descriptor is None:
                return False
            self._watcher.add(state.subject, part, descriptor)
        return True

    def _have_ended(self, subjects: Sequence[str]) -> None:
        now = clock.now()
        with self._site.database.write() as transaction:
            for subject in subjects:
                self._site.wake(transaction, self.name, subject, now)
