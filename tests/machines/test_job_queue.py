"""The line of jobs: what fits is let in, fairly, and nobody is forgotten."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.machines.job_queue import Claim, JobQueue, Room, Shortage

MACHINE = Room(8, 32)


def claim(subject: str, cpus: float = 4, memory: float = 16, owner: str = "") -> Claim:
    return Claim(subject, owner, Room(cpus, memory))


def test_what_fits_begins_and_the_rest_waits_its_turn() -> None:
    queue = JobQueue(MACHINE)
    assert [queue.ask(claim(name)) for name in "abcd"] == [True, True, False, False]
    assert queue.ask(claim("a")), "asking again changes nothing"
    queue.withdraw("b")
    assert queue.admit() == ["c"]
    assert [each.claim.subject for each in queue.line()] == ["d"]
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


@pytest.mark.parametrize(
    ("cpus", "memory", "short"),
    [(4, 16, ()), (5, 16, ("processors",)), (4, 17, ("memory",)), (5, 17, ("processors", "memory"))],
)
def test_what_there_is_too_little_of(cpus: float, memory: float, short: tuple[Shortage, ...]) -> None:
    queue = JobQueue(MACHINE)
    queue.runs(claim("running", 4, 16))
    queue.waits(claim("first", 8, 32))
    queue.waits(claim("asked", cpus, memory))
    first, asked = queue.line()
    assert (first.claim.subject, first.ahead, first.short) == ("first", 0, ("processors", "memory"))
    assert (asked.claim.subject, asked.ahead, asked.short) == ("asked", 1, short)


def test_the_line_goes_round_the_owners() -> None:
    queue = JobQueue(MACHINE)
    queue.runs(claim("a0", 8, 32, "a"))
    for subject in ("a1", "a2", "b1", "a3", "b2", "c1"):
        queue.waits(claim(subject, owner=subject[0]))
    assert [each.claim.subject for each in queue.line()] == ["b1", "c1", "a1", "b2", "a2", "a3"]
    assert queue.waiting() == 6
    assert [each.subject for each in queue.running] == ["a0"]
    assert (queue.taken, queue.free) == (MACHINE, Room(0, 0))


def test_of_owners_who_run_as_much_the_one_let_in_last_is_last() -> None:
    queue = JobQueue(MACHINE)
    queue.runs(claim("b0", 4, 16, "b"))
    queue.runs(claim("elsewhere", 1, 1))
    for subject in ("a1", "a2", "b1"):
        queue.waits(claim(subject, 1, 1, owner=subject[0]))
    assert [each.claim.subject for each in queue.line()] == queue.admit() == ["a1", "b1", "a2"]


def test_who_runs_does_not_wait_too() -> None:
    queue = JobQueue(MACHINE)
    queue.runs(claim("a"))
    queue.waits(claim("a"))
    assert queue.line() == []


@given(st.lists(st.tuples(st.floats(8, 20), st.sampled_from("xyz")), min_size=1, max_size=20))
def test_the_line_foretells_who_is_let_in_while_one_runs_at_a_time(asked: list[tuple[float, str]]) -> None:
    """Nobody ends out of turn when nobody runs beside another; the owner who runs has one more until it ends."""
    queue = JobQueue(MACHINE)
    queue.runs(claim("first", 8, owner="elsewhere"))
    for number, (cpus, owner) in enumerate(asked):
        queue.waits(claim(f"j{number}", cpus, owner=owner))
    foretold, seen, running = [each.claim.subject for each in queue.line()], [], "first"
    while True:
        queue.withdraw(running)
        admitted = queue.admit()
        if not admitted:
            break
        (running,) = admitted
        seen.append(running)
    assert seen[0] == foretold[0]
    assert sorted(seen) == sorted(foretold)


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
