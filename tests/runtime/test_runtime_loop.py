"""The loop: everything due is looked at, one look at a time, and a bug or a dead predecessor loses nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection

from stepwell.runtime import loop as loops
from stepwell.runtime.loop import Loop
from stepwell.store import work
from stepwell.store.database import Database, Transaction


class Counter:
    """Counts each subject down from what it was given, one effect at a time."""

    name = "counter"

    def __init__(self, left: dict[str, int]) -> None:
        self.left = left
        self.looking: set[str] = set()
        self.doubled = False
        self.bugs = 0

    def load(self, _connection: Connection, subject: str) -> str | None:
        return subject if self.left[subject] > 0 else None

    def decide(self, state: str, now: float) -> Sequence[str]:
        return [state]

    def perform(self, state: str, effect: str, now: float) -> str | None:
        self.doubled |= effect in self.looking
        self.looking.add(effect)
        time.sleep(0.001)
        self.looking.discard(effect)
        if self.bugs:
            self.bugs -= 1
            raise RuntimeError("a bug")
        return effect

    def apply(self, _transaction: Transaction, state: str, event: str, now: float) -> None:
        self.left[event] -= 1

    def due(self, state: str, now: float) -> float | None:
        return None


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "stepwell.db")


@pytest.fixture
def running(database: Database) -> Iterator[Callable[[Counter], Loop]]:
    started: list[Loop] = []

    def start(machine: Counter) -> Loop:
        loop = Loop(database, {"counter": machine}, threading.Event(), workers=4)
        loop.start()
        started.append(loop)
        return loop

    yield start
    for loop in started:
        loop.stop()


def wake(database: Database, *subjects: str, due: float = 0) -> None:
    with database.write() as transaction:
        for subject in subjects:
            work.wake(transaction, "counter", subject, due)


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline, "the loop did not get there"
        time.sleep(0.005)


def test_everything_is_done_and_forgotten(database: Database, running: Callable[[Counter], Loop]) -> None:
    machine = Counter({f"s{number}": 3 for number in range(20)})
    wake(database, *machine.left)
    running(machine)
    until(lambda: not any(machine.left.values()))

    def forgotten() -> bool:
        with database.read() as connection:
            return work.next_due(connection) is None

    until(forgotten)
    assert not machine.doubled


def test_what_a_dead_server_held_is_taken_over_at_once(
    database: Database, running: Callable[[Counter], Loop]
) -> None:
    wake(database, "held")
    with database.write() as transaction:
        assert work.lease(transaction, "held", "dead", 1, 1e12)
    machine = Counter({"held": 1})
    running(machine)
    until(lambda: machine.left["held"] == 0)


def test_a_bug_is_looked_at_again(
    database: Database, running: Callable[[Counter], Loop], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "WAIT_AFTER_BUG_SECONDS", 0.01)
    machine = Counter({"buggy": 1})
    machine.bugs = 2
    wake(database, "buggy")
    running(machine)
    until(lambda: machine.left["buggy"] == 0)


def test_a_lost_lease_drops_what_came_of_it(database: Database) -> None:
    wake(database, "lost")
    with database.write() as transaction:
        held = work.lease(transaction, "lost", "mine", 1, 2)
        assert work.lease(transaction, "lost", "theirs", 3, 99)
    assert held
    machine = Counter({"lost": 1})
    assert loops.run(database, machine, held, threading.Event()) == (False, None)
    assert machine.left == {"lost": 1}
