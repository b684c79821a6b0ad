"""Room machines: how far a pipeline execution has come, and the bookkeeping behind it.

In: a Plan and the states of its steps. Out: Execution, which knows at any moment what is ready and what is active
without looking through all steps: when a step ends, only those that wait for it are looked at. The functions here
change an Execution in place; `pipeline_execution` decides when that is allowed.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from stepwell.definition.graph import Requirement, Waiter
from stepwell.definition.model import CONDITION_BRANCHES
from stepwell.machines.pipeline_events import ExecutionStatus, StepStatus
from stepwell.machines.pipeline_plan import Body, Plan
from stepwell.steps.kinds import Kind

ACTIVE: tuple[StepStatus, ...] = ("Starting", "Executing", "Stopping")
INSTANT: frozenset[Kind] = frozenset({"condition", "fail", "unbuilt"})
"""Kinds that are decided at once and take no room (spec 02, section 4)."""
ROOMLESS: frozenset[Kind] = INSTANT | {"foreach"}
"""A loop takes no room itself; what it repeats does."""

Place = tuple[int, int, int]
"""Where a step stands among all: rank in the definition, turn, place in the body."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Which step of a loop's body, in which of its turns, a step is."""

    loop: str
    body: str
    index: int


@dataclass(frozen=True, slots=True)
class StepState:
    """How far a step that has been reached has come."""

    status: StepStatus
    attempt: int = 1
    outcome: bool | None = None
    """Of a Condition."""
    not_before: float | None = None
    """Of a step that waits to be tried again: when (epoch seconds)."""
    items: int = 0
    """Of a ForEach: how many items it goes through."""
    turn: Turn | None = None


@dataclass(slots=True)
class Loop:
    """A ForEach under way. A turn is over when none of its steps is ready or active."""

    items: int
    begun: int = 0
    """Turns that have begun."""
    busy: dict[int, int] = field(default_factory=dict)
    """Turn -> how many of its steps are ready or active."""
    active: int = 0
    """Steps of all turns that are active."""
    failed: bool = False
    incomplete: bool = False
    """Some step of a turn was stopped."""


@dataclass(slots=True)
class Execution:
    """One execution. Made by `begin` or `restore`; what is behind `steps` follows from them and the plan."""

    plan: Plan
    status: ExecutionStatus
    max_parallel: int | None
    steps: dict[str, StepState]
    attempts: Mapping[str, int] = field(default_factory=dict)
    """How often steps were tried before RetryPipelineExecution took them up again."""
    chosen: frozenset[str] | None = None
    """Of a selective execution: the steps that may begin. None: all."""
    met: dict[str, int] = field(default_factory=dict)
    """Of steps that wait and have part of what they need: how many requirements are met."""
    ready_now: list[tuple[Place, str]] = field(default_factory=list)
    """Steps that have all they need, have not begun and take no room, by place."""
    ready: list[tuple[Place, str]] = field(default_factory=list)
    """The same of those that take room."""
    active: dict[StepStatus, set[str]] = field(default_factory=lambda: {status: set() for status in ACTIVE})
    """Steps that have begun and not ended, by status."""
    loops: dict[str, Loop] = field(default_factory=dict)
    turns: dict[str, Turn] = field(default_factory=dict)
    """Steps that a loop has made -> where they come from."""
    taken: int = 0
    """How many active steps take room."""
    unsuccessful: bool = False
    """Some step failed or was stopped."""
    broken: bool = False
    """Some step failed or was stopped and nothing was there to take it up."""

    @property
    def is_active(self) -> bool:
        return any(self.active.values())

    def kind(self, step: str) -> Kind:
        turn = self.turns.get(step)
        return self.plan.kinds[turn.body if turn else step]

    def place(self, step: str) -> Place:
        turn = self.turns.get(step)
        if turn is None:
            return self.plan.rank[step], -1, -1
        return self.plan.rank[turn.loop], turn.index, self.plan.rank[turn.body]

    def sorted(self, steps: Iterable[str]) -> list[str]:
        """`steps` in the order of the definition."""
        return sorted(steps, key=self.place)

    def is_ready(self, step: str) -> bool:
        if step not in self.plan.rank and step not in self.turns:
            return False
        queue, entry = self._queue(step), (self.place(step), step)
        place = bisect.bisect_left(queue, entry)
        return place < len(queue) and queue[place] == entry

    def set_ready(self, step: str) -> None:
        if self.chosen is None or step in self.chosen or step in self.turns:
            bisect.insort(self._queue(step), (self.place(step), step))

    def unset_ready(self, step: str) -> None:
        queue, entry = self._queue(step), (self.place(step), step)
        place = bisect.bisect_left(queue, entry)
        if place < len(queue) and queue[place] == entry:
            del queue[place]

    def _queue(self, step: str) -> list[tuple[Place, str]]:
        return self.ready_now if self.kind(step) in ROOMLESS else self.ready


def enter(execution: Execution, step: str, state: StepState) -> None:
    """Note that `step` is now in `state`, and all that follows from it."""
    before = execution.steps.get(step)
    if before is None:
        execution.unset_ready(step)
    else:
        _leave(execution, step, before)
    execution.steps[step] = state
    if state.status in ACTIVE:
        note_active(execution, step, state)
    else:
        note_end(execution, step, state)


def note_end(execution: Execution, step: str, state: StepState) -> None:
    """Count down what waits for `step`, now that it has ended as `state` says."""
    turn = execution.turns.get(step)
    if turn is not None:
        _note_end_in_turn(execution, state, turn)
        return
    execution.loops.pop(step, None)
    for waiter in execution.plan.graph.waiters[step]:
        if waiter.step not in execution.steps and meets(state, waiter.requirement):
            _note_met(execution, waiter.step, len(execution.plan.graph.requirements[waiter.step]))
    execution.unsuccessful = execution.unsuccessful or state.status != "Succeeded"
    execution.broken = execution.broken or _broke(execution.plan.graph.waiters[step], state)


def meets(state: StepState, requirement: Requirement) -> bool:
    """Whether a step that ended like this gives what `requirement` asks of it."""
    if requirement.branch is not None:
        taken = None if state.outcome is None else CONDITION_BRANCHES[state.outcome]
        return state.status == "Succeeded" and taken == requirement.branch
    match requirement.trigger:
        case "Any":
            return True
        case "Completed":
            return state.status == "Succeeded"
        case "Failed" | "Stopped":
            return state.status == requirement.trigger


def _broke(waiters: Sequence[Waiter], state: StepState) -> bool:
    """Whether the end of a step breaks the execution: it did not succeed, and no step waits for just that.

    A step that was stopped although nobody stopped the execution breaks it like one that failed; our choice.
    """
    if state.status == "Succeeded":
        return False
    takers = (waiter.requirement for waiter in waiters)
    return not any(taker.trigger != "Completed" and meets(state, taker) for taker in takers)


def _note_met(execution: Execution, step: str, needed: int) -> None:
    met = execution.met.get(step, 0) + 1
    if met < needed:
        execution.met[step] = met
        return
    execution.met.pop(step, None)
    execution.set_ready(step)


def note_active(execution: Execution, step: str, state: StepState) -> None:
    """Count a step that has begun and not ended."""
    execution.active[state.status].add(step)
    execution.taken += execution.kind(step) not in ROOMLESS
    turn = execution.turns.get(step)
    if turn is not None:
        execution.loops[turn.loop].active += 1
    if state.items and step not in execution.loops:
        execution.loops[step] = Loop(state.items)
        begin_turns(execution, step)


def _leave(execution: Execution, step: str, state: StepState) -> None:
    execution.active[state.status].discard(step)
    execution.taken -= execution.kind(step) not in ROOMLESS
    turn = execution.turns.get(step)
    if turn is not None:
        execution.loops[turn.loop].active -= 1


def begin_turns(execution: Execution, loop: str) -> None:
    """Begin turns of `loop` as far as it may have them under way at once; those that are stored have begun."""
    under_way, body = execution.loops[loop], execution.plan.bodies[loop]
    while under_way.begun < under_way.items and _begins_turn(execution, under_way, body):
        index, under_way.begun = under_way.begun, under_way.begun + 1
        for name in body.steps:
            execution.turns[child_name(name, index)] = Turn(loop, name, index)
        under_way.busy[index] = 1  # until all have arrived: the end of the first must not end the turn
        for name in body.steps:
            if not body.requirements[name]:
                _arrive(execution, child_name(name, index))
        under_way.busy[index] -= 1
        if not under_way.busy[index]:
            del under_way.busy[index]


def _begins_turn(execution: Execution, loop: Loop, body: Body) -> bool:
    """Whether the next turn begins, or has begun before the execution was loaded."""
    if len(loop.busy) < body.at_once and not loop.failed:
        return True
    return any(child_name(name, loop.begun) in execution.steps for name in body.steps)


def child_name(body: str, index: int) -> str:
    """The name of the step that a loop makes of `body` in its turn `index`; AWS's."""
    return f"{body}-{index}"


def _arrive(execution: Execution, step: str) -> None:
    """A step of a turn has all it needs: it is ready, unless it is stored that it went on from there."""
    turn = execution.turns[step]
    busy = execution.loops[turn.loop].busy
    busy[turn.index] += 1
    state = execution.steps.get(step)
    if state is None:
        execution.set_ready(step)
    elif state.status in ACTIVE:
        note_active(execution, step, state)
    else:
        _note_end_in_turn(execution, state, turn)


def _note_end_in_turn(execution: Execution, state: StepState, turn: Turn) -> None:
    loop, body = execution.loops.get(turn.loop), execution.plan.bodies[turn.loop]
    if loop is None:
        return
    loop.failed = loop.failed or state.status == "Failed"
    loop.incomplete = loop.incomplete or state.status == "Stopped"
    for waiter in body.waiters[turn.body]:
        if meets(state, waiter.requirement):
            _note_met_in_turn(execution, child_name(waiter.step, turn.index), len(body.requirements[waiter.step]))
    loop.busy[turn.index] -= 1
    if not loop.busy[turn.index]:
        del loop.busy[turn.index]
        begin_turns(execution, turn.loop)


def _note_met_in_turn(execution: Execution, step: str, needed: int) -> None:
    met = execution.met.get(step, 0) + 1
    if met < needed:
        execution.met[step] = met
    else:
        execution.met.pop(step, None)
        _arrive(execution, step)


def finished_loops(execution: Execution, *, starts_more: bool) -> Iterator[tuple[str, StepStatus]]:
    """Loops of which nothing is left to do, and how their turns ended."""
    for step in execution.sorted(execution.loops):
        loop = execution.loops[step]
        complete = loop.begun == loop.items and not loop.busy
        if loop.active or not (complete or (loop.failed and not loop.busy) or not starts_more):
            continue
        if loop.failed:
            yield step, "Failed"
        else:
            yield step, "Succeeded" if complete and not loop.incomplete else "Stopped"
