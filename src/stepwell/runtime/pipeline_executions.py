"""Moves pipeline executions: performs what `machines/pipeline_execution.decide` says, through the one door.

A look reads what was signalled, observes those steps, and performs what follows, round by round. What comes of it
is noted in memory and written in few transactions; what a step asks for is created in the transaction that writes
the step's row, so that neither is ever there without the other. Only these files write step rows of a running
execution, and only under its lease. Names derive from execution, step and attempt, so whoever comes back after a
crash creates again and is told if it exists.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from stepwell.base import clock
from stepwell.definition.resolve import ResolutionError
from stepwell.machines import pipeline_events as events
from stepwell.machines import pipeline_execution as machine
from stepwell.runtime import pipeline_sessions, step_cache, step_instants, step_loops
from stepwell.runtime.pipeline_sessions import Change, Session
from stepwell.runtime.step_contexts import Context, LeaseLost, Performer, Prepared
from stepwell.runtime.step_kinds import PERFORMERS
from stepwell.services.events import announcements
from stepwell.services.registry import Door
from stepwell.services.sagemaker import pipeline_executions
from stepwell.steps import reasons
from stepwell.store import resources, signals, steps, work
from stepwell.store.database import Transaction
from stepwell.store.signals import Signal
from stepwell.store.steps import Step
from stepwell.store.work import Lease

BATCH = 200
"""So many things are done between two transactions, and between two looks at whether somebody stopped us."""
CREATED_TOGETHER = 50
"""So many creations share a transaction: nobody else can write meanwhile."""
LOOK_AGAIN_SECONDS = 60.0
"""Ended jobs signal their end; this is for those that somebody removed."""
MOST_SESSIONS = 1000
"""So many executions are remembered between looks; others are loaded again."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A step that is Starting, and what it will ask for."""

    step: Step
    prepared: Prepared


class PipelineExecutionMachine:
    """Meets `runtime.machine.Looker`."""

    name = pipeline_executions.MACHINE

    def __init__(self, door: Door) -> None:
        self._door = door
        self._sessions: dict[str, Session] = {}

    def look(self, held: Lease, stopping: threading.Event) -> None:
        """Do what is due, write it, give the lease back. What is half done when `stopping` is set is done again."""
        session = self._sessions.pop(held.subject, None)
        if session is None or session.token != held.previous:
            with self._door.site.database.read() as connection:
                session = pipeline_sessions.load(connection, held.subject)
        if session is None:
            self._finish(held)
            return
        try:
            if _Look(self._door, session, held, stopping).run():
                session.token = held.token
                self._sessions[held.subject] = session
                if len(self._sessions) > MOST_SESSIONS:
                    self._sessions.pop(next(iter(self._sessions)), None)
        except LeaseLost:
            return

    def _finish(self, held: Lease) -> None:
        with self._door.site.database.write() as transaction:
            signals.clear(transaction, held.subject)
            work.finish(transaction, held)


class _Look:
    """One look at one execution."""

    def __init__(self, door: Door, session: Session, held: Lease, stopping: threading.Event) -> None:
        self._database = door.site.database
        self._context = Context(door, session, held)
        self._session = session
        self._held = held
        self._stopping = stopping
        self._told: list[Signal] = []

    def run(self) -> bool:
        """Look until nothing is left to do now; False: nothing is left to do ever."""
        now = clock.now()
        told = self._follow()
        if told is None:
            self._write(finish=True)
            return False
        for step in self._to_observe(told, now):
            self._observe(step, now)
        while not self._stopping.is_set():
            begun = self._decided(now)
            if begun is None:
                return self._end(now)
            if not begun:
                self._write(due=self._due(now))
                return True
            if self._create(begun, now):
                return True
            now = clock.now()
            if self._follow() is None:
                self._write(finish=True)
                return False
        self._write(due=now)
        return True

    def _follow(self) -> Sequence[Signal] | None:
        """Take notice of what users and jobs did; what was told. None: the execution was deleted."""
        with self._database.read() as connection:
            row = pipeline_sessions.fresh(connection, self._session)
            told = signals.of(connection, self._session.arn)
        if row is None or row.status in machine.FINAL:
            return None
        self._session.follow(row)
        return told

    def _to_observe(self, told: Sequence[Signal], now: float) -> Iterable[str]:
        """The steps of which something may be new: those that were signalled; now and then, and at first, all."""
        session = self._session
        self._told.extend(told)
        if session.seen_all is None or now >= session.seen_all + LOOK_AGAIN_SECONDS:
            session.seen_all = now
            self._note_made()
            return machine.observable(session.execution)
        named = (session.made.get(signal.key, signal.key) for signal in told)
        active = session.execution.active
        wanted = {name for name in named if name in active["Executing"] or name in active["Stopping"]}
        return session.execution.sorted(wanted)

    def _note_made(self) -> None:
        session = self._session
        for name in machine.observable(session.execution):
            made = self._performer(name).made(self._context, session.steps[name])
            if made is not None:
                session.made[made] = name

    def _observe(self, name: str, now: float) -> None:
        step = self._session.steps[name]
        self._note(_or_failed(lambda: self._performer(name).observe(self._context, step, now), step, now))

    def _decided(self, now: float) -> Sequence[Begun] | None:
        """Do what is due up to the point where something must be created; None: the execution is over."""
        begun: dict[str, Begun] = {}
        execution = self._session.execution
        while len(begun) < BATCH and not self._stopping.is_set():
            if len(self._session.pending) >= BATCH:
                self._write()
            effects = [effect for effect in machine.decide(execution, now, BATCH) if not _is_of(effect, begun)]
            if not effects:
                break
            for effect in effects:
                match effect:
                    case events.FinishExecution():
                        return None
                    case events.StartStep(name, attempt):
                        begun.update({one.step.name: one for one in self._begin(name, attempt, now)})
                    case _:
                        self._perform(effect, now)
        return list(begun.values())

    def _perform(self, effect: events.Effect, now: float) -> None:
        """What is decided at once, and stops."""
        assert not isinstance(effect, events.FinishExecution)
        name = effect.step
        step = self._session.steps.get(name) or self._new(name, 1, now)
        match effect:
            case events.EvaluateCondition():
                change = _or_failed(lambda: step_instants.evaluate(self._context, step, now), step, now)
            case events.FailStep():
                change = _or_failed(lambda: step_instants.fail_step(self._context, step, now), step, now)
            case events.FinishLoop(_, status):
                change = _or_failed(lambda: step_loops.finish(self._context, step, status, now), step, now)
            case events.StopStep():
                change = _or_failed(lambda: self._performer(name).stop(self._context, step, now), step, now)
            case _:
                raise AssertionError(f"{effect} is performed elsewhere")
        self._note(change)

    def _begin(self, name: str, attempt: int, now: float) -> Iterable[Begun]:
        """Note the step as Starting, unless it ends here: by an earlier result, or because it cannot be asked for."""
        standing = self._session.steps.get(name)
        step = standing or self._new(name, attempt, now)
        performer = self._performer(name)
        try:
            prepared = performer.prepare(self._context, step, now)
        except ResolutionError as error:
            self._note(Change(_unresolved(step, error, now)))
            return
        if standing is None:
            step = step_cache.keyed(self._context, step, prepared)
            taken = step_cache.hit(self._context, step, now)
            self._note(Change(taken or step))
            if taken is not None:
                return
        yield Begun(step, prepared)

    def _create(self, begun: Sequence[Begun], now: float) -> bool:
        """Create all of it; whether nothing is left to do now, and the lease was given back in the last transaction.

        Users may have done something meanwhile: then the row stays due (`work.release`).
        """
        is_done = False
        for first in range(0, len(begun), CREATED_TOGETHER):
            with self._database.write() as transaction:
                self._context.require_lease(transaction)
                for one in begun[first : first + CREATED_TOGETHER]:
                    self._note(self._created(one, clock.now()))
                self._save(transaction)
                is_last = first + CREATED_TOGETHER >= len(begun)
                is_done = is_last and not machine.decide(self._session.execution, now, 1)
                if is_done:
                    work.release(transaction, self._held, self._due(now))
            self._session.written()
            self._told.clear()
        return is_done

    def _created(self, begun: Begun, now: float) -> Change | None:
        performer = self._performer(begun.step.name)
        return _or_failed(lambda: performer.create(self._context, begun.step, begun.prepared, now), begun.step, now)

    def _new(self, name: str, attempt: int, now: float) -> Step:
        session = self._session
        turn = session.execution.turns.get(name)
        made_of = step_loops.turn_of(session.steps[turn.loop], turn.body, turn.index) if turn else None
        return Step(session.arn, name, "Starting", attempt, now, first_attempt=attempt, turn=made_of)

    def _note(self, change: Change | None) -> None:
        if change is None:
            return
        name = change.step.name
        performer = PERFORMERS.get(self._session.execution.kind(name))
        self._session.note(change, performer.made(self._context, change.step) if performer else None)

    def _performer(self, name: str) -> Performer:
        return PERFORMERS[self._session.execution.kind(name)]

    def _end(self, now: float) -> bool:
        """Write how the execution ended, unless somebody changed it meanwhile: then it is looked at again."""
        (effect,) = machine.decide(self._session.execution, now)
        assert isinstance(effect, events.FinishExecution)
        self._write()
        session = self._session
        with self._database.write() as transaction:
            self._context.require_lease(transaction)
            row = resources.find(transaction.connection, session.row.key)
            if row is not None and row.status != session.row.status:
                work.release(transaction, self._held, now)
                return True
            if row is not None:
                ended = row.with_changes(now, status=effect.status, FailureReason=effect.reason)
                resources.save(transaction, ended)
                announcements.pipeline_execution_changed(self._context.door.site, transaction, ended, row.status, now)
            signals.clear(transaction, session.arn)
            work.finish(transaction, self._held)
        return False

    def _due(self, now: float) -> float:
        """When to look again although nobody wakes us."""
        retry = machine.due(self._session.execution)
        again = (self._session.seen_all or now) + LOOK_AGAIN_SECONDS
        return again if retry is None else min(again, retry)

    def _write(self, *, due: float | None = None, finish: bool = False) -> None:
        """Write what was noted. With `due` or `finish` the lease is given back in the same transaction."""
        session = self._session
        if not (session.pending or session.writes or self._told or due is not None or finish):
            return
        with self._database.write() as transaction:
            self._context.require_lease(transaction)
            self._save(transaction)
            if finish:
                signals.clear(transaction, session.arn)
                work.finish(transaction, self._held)
            elif due is not None:
                work.release(transaction, self._held, due)
        session.written()
        self._told.clear()

    def _save(self, transaction: Transaction) -> None:
        session = self._session
        steps.save_all(transaction, session.pending.values())
        for write in session.writes:
            write(transaction)
        announcements.pipeline_steps_changed(
            self._context.door.site, transaction, session.arn, session.changes, clock.now()
        )
        signals.remove(transaction, self._told)


def _or_failed(perform: Callable[[], Change | None], step: Step, now: float) -> Change | None:
    """What goes wrong with an expression becomes the step's failure, not ours."""
    try:
        return perform()
    except ResolutionError as error:
        return Change(_unresolved(step, error, now))


def _unresolved(step: Step, error: ResolutionError, now: float) -> Step:
    return step.with_end("Failed", now, reason=reasons.limited(str(error)))


def _is_of(effect: events.Effect, begun: Mapping[str, Begun]) -> bool:
    """Whether the effect is the beginning of one of these, which the machine names until it is created."""
    return isinstance(effect, events.StartStep) and effect.step in begun
