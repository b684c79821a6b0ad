"""Short lives written by hand: in each of them shows one planted bug (mutants.py), and without it nothing.

A story is told once for every point at which something can strike, until there are no more such points; so it does
not depend on how many transactions the engine happens to make.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from invariants import Broken
from lives import DAY, WEEK, Lives
from random_definitions import CACHE, ITEM, POLICIES, YES, condition, loop, step, written

Document = dict[str, Any]
Act = tuple[str, Document]


@dataclass(frozen=True, slots=True)
class Story:
    """What happens to an execution of these steps when something strikes at the point of that number."""

    steps: Sequence[Document]
    acts: Callable[[int], Sequence[Act]]
    limit: int | None = None
    decreed: dict[str, str] = field(default_factory=dict)
    """Steps that meet with something, and with what (fortunes.py)."""


def act(name: str) -> Callable[..., Act]:
    return lambda **given: (name, given)


look, end, go_on, wait, interfere = act("look"), act("end"), act("go_on"), act("wait"), act("interfere")
start_again, retry, answer_again = act("start_again"), act("retry"), act("answer_again")


def after(made: Document, *needs: Any) -> Document:
    """The same step, waiting for others."""
    return {**made, "DependsOn": [*needs]}


JOB = step("S0", "Processing")
FIRST = step("a", "Processing")
BRANCH = [JOB, condition("S1", [after(step("S2", "Processing"), "S0")], [], YES)]
CHAIN = [FIRST, step("b", "Lambda", {**written(FIRST), "item": ITEM})]

STORIES: dict[str, Story] = {
    "every_job_is_made_once": Story([JOB], lambda point: [look(at=point), look()]),
    "every_function_is_called_once": Story([step("S0", "Lambda")], lambda point: [look(at=point), look(), look()]),
    "every_message_is_sent_once": Story([step("S0", "Callback")], lambda point: [look(at=point), look()]),
    "everything_made_is_listed": Story([JOB], lambda point: [look(at=point)]),
    "nothing_outlives_its_execution": Story([JOB], lambda point: [look(), interfere(what="stop"), look(at=point)]),
    "attempts_are_bounded": Story(
        [{**JOB, "RetryPolicies": POLICIES}],
        lambda point: [look(at=point), *[go_on(), wait(seconds=200.0)] * 4],
        decreed={"S0": "CapacityError"},
    ),
    "no_step_begins_too_early": Story(
        [JOB, step("S1", "Processing"), after(step("S2", "Processing"), "S0", "S1")],
        lambda point: [look(), end(), look(at=point)],
    ),
    "parallelism_is_kept": Story([JOB, step("S1", "Callback")], lambda point: [look(at=point), look()], limit=1),
    "turns_are_bounded": Story([loop("S0", [0, 1], [FIRST])], lambda point: [look(at=point), look()]),
    "nothing_starts_after_a_failure": Story(
        [JOB, step("S1", "Processing"), step("S2", "Processing")],
        lambda point: [look(), end(), look(at=point), go_on()],
        limit=1,
        decreed={"S0": "Failed"},
    ),
    "only_what_was_chosen_runs": Story(
        [JOB, after(step("S1", "Processing"), "S0")],
        lambda point: [go_on(rounds=3), start_again(first=0, at=point), go_on(rounds=3)],
    ),
    "steps_read_what_was_written": Story(
        [loop("S0", [0, 1], CHAIN)], lambda point: [look(), look(at=point, ends=1), go_on(rounds=5)]
    ),
    "a_cached_result_is_real": Story(
        [{**JOB, "CacheConfig": CACHE}],
        lambda point: [go_on(rounds=2), wait(seconds=1.5 * DAY), start_again(at=point), go_on(rounds=2)],
    ),
    "what_has_ended_stays": Story([JOB], lambda point: [look(at=point, strike="overtake"), look()]),
    "what_was_acknowledged_stands": Story(
        [JOB], lambda point: [look(), end(), look(at=point, strike="update"), look()]
    ),
    "a_stop_is_not_lost": Story([JOB], lambda point: [look(), interfere(what="stop", at=point), go_on(rounds=2)]),
    "an_answer_is_not_lost": Story(
        [step("S0", "Callback")], lambda point: [look(), end(at=point), wait(seconds=WEEK + 1), look()]
    ),
    "a_token_is_answered_once": Story(
        [step("S0", "Callback")], lambda point: [look(), end(at=point), answer_again(), look()]
    ),
    "the_end_fits_the_steps": Story(
        [JOB, after(step("S1", "Processing"), {"Step": "S0", "Trigger": "Failed"})],
        lambda point: [look(), look(at=point, ends=1), go_on(rounds=2)],
        decreed={"S0": "Failed"},
    ),
    "nothing_is_left_out": Story(BRANCH, lambda point: [look(), end(), look(at=point), go_on(rounds=3)]),
    "every_execution_ends": Story([JOB], lambda point: [look(), end(), look(at=point)]),
    "crashes_change_nothing": Story(BRANCH, lambda point: [look(), look(at=point, ends=1), go_on()]),
}
"""Invariant -> the story in which its mutant shows."""

MORE: dict[str, Story] = {
    "a turn is loaded when the first of its steps has ended": Story(
        [loop("S0", [0, 1], [FIRST, step("b", "Callback", {"item": ITEM})], 2)],
        lambda point: [look(), end(), look(at=point), look(), go_on(rounds=2)],
    ),
    "a throttled creation is repeated": Story(
        [JOB, step("S1", "Lambda")],
        lambda point: [look(at=point), look(), wait(seconds=60.0), look()],
        decreed={"S0": "Throttled once", "S1": "Lost once"},
    ),
    "a failed loop is tried again": Story(
        [loop("S0", [0, 1, 2], CHAIN, 2)],
        lambda point: [go_on(rounds=5), wait(seconds=60.0), go_on(rounds=9), retry(at=point), go_on(rounds=5)],
        decreed={"a-1": "Failed once", "b-0": "Lost once"},
    ),
    "a stop finds every kind of step at work": Story(
        [JOB, step("S1", "Lambda"), step("S2", "Callback"), loop("S3", [0], [FIRST])],
        lambda point: [look(), look(), interfere(what="stop"), look(at=point), go_on(rounds=3)],
    ),
}
"""What has gone wrong once, or nearly."""


def tell(machine: type[Lives], story: Story) -> Iterator[Broken | None]:
    """What breaks, point by point, until nothing strikes any more."""
    point, is_struck = 0, True
    while is_struck:
        life = machine()
        try:
            life.start([*story.steps], story.limit, decreed=story.decreed)
            for name, given in story.acts(point):
                getattr(life, name)(**given)
                life.holds()
            life.teardown()
        except Broken as broken:
            yield broken
        else:
            yield None
        point, is_struck = point + 1, life.is_struck
