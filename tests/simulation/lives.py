"""Random lives of pipeline executions, as a hypothesis state machine: definitions, users, workers, deaths.

Rules are what can happen; after each of them every invariant is asked. A life that was found can be told again by
calling the rules by hand, which is what hypothesis prints, and what stories.py does.
"""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import invariants
from fortunes import Fortune
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from outside import Made
from random_definitions import definitions, step
from runs import FINAL, Run
from world import LEASE_SECONDS, Crash, Fate, World

from stepwell.base.faults import Fault

DAY = 86_400.0
WEEK = 7 * DAY
CALLS = ("stop", "update")
EXECUTING = "Executing"
RETRYABLE = ("Failed", "Stopped")
IDLE_ROUNDS = 6
COUNTS = some.integers(1, 3)
POINTS = some.none() | some.integers(0, 9) | some.integers(3, 24)
"""Of a look or a call: the point at which something strikes; none: it passes in peace."""
STRIKES = some.sampled_from(["die"] * 3 + ["overtake", "update"] * 2 + ["restart", "end", "stop"])


class Lives(RuleBasedStateMachine):
    """`world` is set by the test: making one costs more than a life in it."""

    world: World
    is_called = False
    """Whether users interfere; only a life without them can be compared with a calm one."""
    is_short = False
    """Whether no process lives longer than one look."""
    _asked: object = None
    begun = 0
    """Lives of this class."""
    is_struck = False
    """Whether something has struck: a crash, or somebody who came between."""

    @initialize(
        steps=definitions(),
        limit=some.sampled_from([None, None, 1, 2]),
        failing=some.sampled_from([0.0, 0.0, 0.1, 0.3, 0.6]),
        luck=some.integers(0, 99),
        is_called=some.booleans(),
        is_short=some.sampled_from([False, False, True]),
    )
    def start(
        self,
        steps: list[dict[str, Any]],
        limit: int | None = None,
        failing: float = 0.0,
        luck: int = 0,
        is_called: bool = True,
        is_short: bool = False,
        decreed: dict[str, str] | None = None,
    ) -> None:
        type(self).begun += 1
        self.is_struck = False
        self.is_called, self.is_short = is_called, is_short
        self.world.begin(Fortune(failing, str(luck), decreed or {}))
        try:
            self.world.create(steps)
        except Fault:  # it can never run, and is refused
            self.world.create([step("S0", "Processing")])
        self.world.start(limit)

    @rule(worker=some.integers(0, 1), at=POINTS, strike=STRIKES, ends=some.integers(0, 3))
    def look(self, worker: int = 0, at: int | None = None, strike: str = "die", ends: int = 0) -> None:
        """So many things end, and a process looks; at its point number `at` it dies, or somebody comes between."""
        for made in self._happening()[:ends]:
            self._end(made)
        if self.is_short:
            self.world.replace(worker)
        self.world.look(worker, self._fate(at, strike, 1 - worker))

    @rule(rounds=some.integers(1, 4))
    def go_on(self, rounds: int = 1) -> None:
        """Nothing goes wrong for a while."""
        for _ in range(rounds):
            self._end_all()
            self.world.look(0)
            self.holds()

    @precondition(lambda self: self.world.worker.waiting())
    @rule(number=some.integers(0, 20), at=POINTS, strike=STRIKES)
    def end(self, number: int = 0, at: int | None = None, strike: str = "die") -> None:
        """Something ends, or a worker answers; the server may die over the answer, and then hears it again."""
        happening = self._happening()
        self._end(happening[number % len(happening)], self._fate(at, strike, 1))

    @precondition(lambda self: self.world.worker.answers)
    @rule(number=some.integers(0, 20))
    def answer_again(self, number: int = 0) -> None:
        answers = list(self.world.worker.answers)
        self.world.worker.repeat(self.world.call, answers[number % len(answers)])

    @rule(seconds=some.sampled_from([1.0, 60.0, 60.0, LEASE_SECONDS, 1.5 * DAY, WEEK + 1]))
    def wait(self, seconds: float) -> None:
        """Time passes; if much of it does, what nobody answered may be too late."""
        self.world.now += seconds
        if seconds > WEEK:
            unanswered = {made.execution for made in self.world.worker.waiting()}
            for run in self.world.runs:
                run.is_undisturbed = run.is_undisturbed and run.id not in unanswered

    @precondition(
        lambda self: self.is_called and any(run.entries and run.status == EXECUTING for run in self.world.runs)
    )
    @rule(what=some.sampled_from([*CALLS, "update"]), limit=some.integers(1, 3), at=POINTS, strike=STRIKES)
    def interfere(self, what: str, limit: int = 1, at: int | None = None, strike: str = "die") -> None:
        """A user stops the execution, or changes its limit."""
        fate = self._fate(at, strike, 1)
        if what == "stop":
            self.stop(fate)
        else:
            self.update(limit, fate)

    def stop(self, fate: Fate | None = None) -> None:
        for run in [run for run in self.world.runs if run.status == EXECUTING][:1]:
            named = {"PipelineExecutionArn": run.arn, "ClientRequestToken": self.world.token()}
            before, run.is_told_to_stop, run.is_undisturbed = run.is_told_to_stop, True, False
            try:
                self.world.ask(fate, "sagemaker", "StopPipelineExecution", **named)
            except Fault:  # it has ended meanwhile
                run.is_told_to_stop = before
            else:
                run.was_stopped = True

    def update(self, limit: int, fate: Fate | None = None) -> None:
        run = self.world.runs[-1]
        run.highest_limit = None if run.highest_limit is None else max(run.highest_limit, limit)
        run.limits, run.is_undisturbed = (*run.limits, limit), False
        asked = {"MaxParallelExecutionSteps": limit}
        named = {"PipelineExecutionArn": run.arn, "ParallelismConfiguration": asked}
        self.world.ask(fate, "sagemaker", "UpdatePipelineExecution", **named)
        run.limits = (limit,)

    @precondition(lambda self: self.world.runs[-1].status in FINAL and len(self.world.runs) < 3)
    @rule(limit=some.sampled_from([None, 2]), first=some.none() | some.integers(0, 6), count=COUNTS, at=POINTS)
    def start_again(
        self, limit: int | None = None, first: int | None = None, count: int = 1, at: int | None = None
    ) -> None:
        """Another execution; with `first`, one of so many steps alone, if they can run alone."""
        source, fate = self.world.runs[-1], self._fate(at, "die", 1)
        if first is None:
            self.world.start(limit, fate)
            return
        names = source.order.outer()
        selected = [{"StepName": name} for name in names[first % len(names) :][:count]]
        config = {"SourcePipelineExecutionArn": source.arn, "SelectedSteps": selected}
        try:
            run = self.world.start(limit, fate, SelectiveExecutionConfig=config)
        except Fault:  # they are not connected, or need what has not succeeded
            return
        run.chosen = frozenset(each["StepName"] for each in selected)

    @precondition(lambda self: self.is_called and any(run.status in RETRYABLE for run in self.world.runs))
    @rule(at=POINTS)
    def retry(self, at: int | None = None) -> None:
        run = next(run for run in self.world.runs if run.status in RETRYABLE)
        named = {"PipelineExecutionArn": run.arn, "ClientRequestToken": self.world.token()}
        try:
            self.world.ask(self._fate(at, "die", 1), "sagemaker", "RetryPipelineExecution", **named)
        except Fault:  # a Fail step ended it
            return
        run.begin_again(len(self.world.outside.made))

    @invariant()
    def holds(self) -> None:
        """Every invariant does, unless nothing has happened since they were asked."""
        told = [(run.limits, run.was_stopped) for run in self.world.runs]
        moment = (self.world.database.writes, told, len(self.world.worker.contradictions))
        if moment != self._asked:
            invariants.check(self.world, *self.world.runs)
            self._asked = (self.world.database.writes, told, len(self.world.worker.contradictions))

    def teardown(self) -> None:
        for run in self.world.runs:
            self.finish(run)
            invariants.every_execution_ends(run)
        self.holds()
        if self.world.runs and self.world.runs[0].is_undisturbed:
            self.compare()

    def compare(self) -> None:
        """The same execution again, calm. Its results must be its own: what was cached expires before."""
        self.world.now += 2 * DAY
        calm = self.world.start(self.world.runs[0].highest_limit)
        self.finish(calm)
        invariants.crashes_change_nothing(self.world.runs[0], calm)

    def finish(self, run: Run) -> None:
        """All that was made ends and processes live, until the execution is over or nothing has happened for long."""
        idle = 0
        while run.status not in FINAL and idle < IDLE_ROUNDS:
            before = (len(self.world.outside.made), run.entries)
            happening = self._end_all()
            self.world.now += WEEK + 1 if idle > IDLE_ROUNDS / 2 else 100
            self.world.look(0)
            invariants.check(self.world, run)
            is_moving = happening or before != (len(self.world.outside.made), run.entries)
            idle = 0 if is_moving else idle + 1

    def _end_all(self) -> int:
        """Everything ends that waits for it: how much that was."""
        happening = self._happening()
        for made in happening:
            self._end(made)
        return len(happening)

    def _happening(self) -> list[Made]:
        return self.world.running() + self.world.worker.waiting()

    def _end(self, made: Made, fate: Fate | None = None) -> None:
        if made.kind == "message":
            self.world.worker.answer(partial(self.world.ask, fate), made)
        else:
            self.world.end(made)

    def _fate(self, at: int | None, strike: str, other: int) -> Fate | None:
        """What happens at the point of that number: the process dies, or, where it may, somebody comes between."""
        points = itertools.count()
        if strike in CALLS and not self.is_called:
            strike = "die"

        def fate(may_interrupt: bool) -> None:
            if next(points) != at:
                return
            self.is_struck = True
            if strike in ("die", "restart"):
                raise Crash(is_replaced=strike == "restart")
            if may_interrupt:
                with self.world.mortal(None):
                    self._interrupt(strike, other)
                    self.holds()

        return None if at is None else fate

    def _interrupt(self, strike: str, other: int) -> None:
        match strike:
            case "overtake":  # the lease runs out, and another process sees what was made, and its end
                self.world.now += LEASE_SECONDS + 1
                for _ in range(2):
                    self._end_all()
                    self.world.look(other)
            case "end":
                self._end_all()
            case "stop":
                self.stop()
            case "update" if len(self.world.runs[-1].limits) == 1:
                self.update(1 + (self.world.runs[-1].limits[0] or 0) % 3)
