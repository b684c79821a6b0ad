"""The line of jobs: what fits is let in, fairly, and nobody is forgotten."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.machines.job_queue import Claim, JobQueue, Room

MACHINE = Room(8, 32)


def claim(subject: str, cpus: float = 4, memory: float = 16, owner: str = "") -> Claim:
    return Claim(subject, owner, Room(cpus, memory))


def test_what_fits_begins_and_the_rest_waits_its_turn() -> None:
    queue = JobQueue(MACHINE)
    assert [queue.ask(claim(name)) for name in "abcd"] == [True, True, False, False]
    assert queue.ask(claim("a")), "asking again changes nothing"
    queue.withdraw("b")
    assert queue.admit() == ["c"]
    assert queue.waiting() == ["d"]
    queue.withdraw("a")
    queue.withdraw("c")
    assert queue.admit() == ["d"]


@pytest.mark.parametrize(("cpus", "memory"), [(1000, 1), (1, 1000), (float("inf"), float("inf"))])
def test_what_is_larger_than_the_machine_has_it_alone(cpus: float, memory: float) -> None:
    queue = JobQueue(MACHINE)
    assert queue.ask(claim("large", cpus, memory))
    assert not queue.ask(claim("other", cpus, memory))
    queue.withdraw("large")
    assert queue.admit() == ["other"]


def test_nobody_overtakes_who_waits_for_much() -> None:
    queue = JobQueue(MACHINE)
    assert queue.ask(claim("running", 4))
    assert not queue.ask(claim("large", 8))
    assert not queue.ask(claim("small", 1))
    queue.withdraw("running")
    assert queue.admit() == ["large"]


def test_who_runs_least_is_next() -> None:
    queue = JobQueue(MACHINE)
    first = [queue.ask(claim(f"a{number}", owner="a")) for number in range(5)]
    assert first == [True, True, False, False, False]
    assert not queue.ask(claim("b0", owner="b"))
    queue.withdraw("a0")
    assert queue.admit() == ["b0"], "a runs one already, b none"
    queue.withdraw("a1")
    assert queue.admit() == ["a2"]


def test_one_that_is_withdrawn_while_it_waits_is_forgotten() -> None:
    queue = JobQueue(MACHINE)
    queue.ask(claim("a", 8))
    queue.ask(claim("b", 8))
    queue.withdraw("b")
    queue.withdraw("never heard of")
    queue.withdraw("a")
    assert queue.admit() == []


def test_what_ran_before_counts_though_it_does_not_fit() -> None:
    queue = JobQueue(MACHINE)
    for name in "abc":
        queue.runs(claim(name))
    assert not queue.ask(claim("d"))
    queue.withdraw("a")
    assert queue.admit() == []
    queue.withdraw("b")
    assert queue.admit() == ["d"]


sizes = st.tuples(st.floats(0.5, 20), st.floats(0.5, 64), st.sampled_from("xyz"))


@given(st.lists(sizes, min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_the_machine_is_never_overfull_and_everybody_runs(
    asked: list[tuple[float, float, str]], order: object
) -> None:
    queue, running, begun = JobQueue(MACHINE), {}, []
    claims = {f"j{number}": claim(f"j{number}", *each) for number, each in enumerate(asked)}

    def begin(subject: str) -> None:
        running[subject] = claims[subject].room.within(MACHINE)
        begun.append(subject)
        assert sum(room.cpus for room in running.values()) <= MACHINE.cpus + 1e-6
        assert sum(room.memory_bytes for room in running.values()) <= MACHINE.memory_bytes + 1e-6

    for subject, each in claims.items():
        if queue.ask(each):
            begin(subject)
    while running:
        ended = order.choice(sorted(running))  # type: ignore[attr-defined]
        del running[ended]
        queue.withdraw(ended)
        for subject in queue.admit():
            begin(subject)
    assert sorted(begun) == sorted(claims), "everybody ran once"
    for owner in "xyz":
        mine = [subject for subject in begun if claims[subject].owner == owner]
        assert mine == sorted(mine, key=lambda subject: int(subject[1:])), "within an owner in the order they came"
