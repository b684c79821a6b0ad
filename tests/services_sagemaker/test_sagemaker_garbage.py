"""Garbage collection: nothing that is needed goes, whatever happens beside it; and what is not needed does go."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from garbage_world import World
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from stepwell.base import clock
from stepwell.blobs.folder import Blobs
from stepwell.machines import byte_descent
from stepwell.services.sagemaker import garbage
from stepwell.services.sagemaker.garbage import DAY
from stepwell.store import blob_references

HOUR = 3600.0
KEYS = ("a", "b")
keys = st.sampled_from(KEYS)
contents = st.sampled_from([b"", b"one", b"two"])


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


class Collecting(RuleBasedStateMachine):
    """Anything at any moment: between the plan of a collection and its end, and between two of its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.world = World(Path(self.folder.name))
        self.collection: Iterator[object] | None = None
        self.together, garbage.TOGETHER = garbage.TOGETHER, 1

    def teardown(self) -> None:
        garbage.TOGETHER = self.together
        self.world.close()
        self.folder.cleanup()

    @initialize(old=st.dictionaries(keys, contents, min_size=1))
    def long_ago(self, old: dict[str, bytes]) -> None:
        for key, data in old.items():
            self.world.put(key, data)
        self.world.pass_time(2 * HOUR)

    @rule(key=keys, data=contents)
    def receive(self, key: str, data: bytes) -> None:
        self.world.receive(key, data)

    @rule(source=keys, key=keys)
    def copy(self, source: str, key: str) -> None:
        self.world.copy(source, key)

    @rule()
    def arrive(self) -> None:
        self.world.arrive()

    @rule(key=keys)
    def delete(self, key: str) -> None:
        self.world.delete(key)

    @rule(key=keys, data=contents)
    def send_part(self, key: str, data: bytes) -> None:
        self.world.send_part(key, data)

    @precondition(lambda self: self.world.parts)
    @rule(is_wanted=st.booleans())
    def end_upload(self, is_wanted: bool) -> None:
        key = min(self.world.parts)
        (self.world.complete if is_wanted else self.world.abort)(key)

    @rule(read=st.lists(keys, max_size=2, unique=True))
    def start_job(self, read: list[str]) -> None:
        self.world.start(read)

    @precondition(lambda self: self.world.running)
    @rule(written=st.dictionaries(keys, contents, max_size=2))
    def end_job(self, written: dict[str, bytes]) -> None:
        self.world.end(self.world.running[0], written)

    @rule(key=keys)
    def register(self, key: str) -> None:
        self.world.register(key)

    @rule(hours=st.sampled_from([0.4, 2.0, 31 * 24.0]))
    def pass_time(self, hours: float) -> None:
        if hours > 1:
            self.world.arrive()  # no request takes an hour between its bytes and its row
            self.collection = None  # nor does a collection
        self.world.pass_time(hours * HOUR)

    @rule()
    def collect(self) -> None:
        self.world.collect()

    @rule()
    def begin_collection(self) -> None:
        self.collection = self.world.collecting()

    @precondition(lambda self: self.collection is not None)
    @rule(batches=st.integers(1, 3))
    def go_on(self, batches: int) -> None:
        assert self.collection is not None
        for _ in range(batches):
            next(self.collection, None)

    @invariant()
    def nothing_that_is_needed_is_gone(self) -> None:
        assert self.world.missing() == set()


TestCollecting = Collecting.TestCase
TestCollecting.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


def test_what_nothing_needs_goes(world: World) -> None:
    world.put("a", b"kept")
    world.put("b", b"deleted")
    world.delete("b")
    world.put("c", b"replaced")
    world.put("c", b"new")
    world.receive("d", b"cut off")
    world.arriving.clear()
    world.send_part("e", b"aborted")
    world.abort("e")
    assert world.collect() == 0
    world.pass_time(2 * HOUR)
    plan = garbage.plan(world.database, world.blobs, clock.now(), 30)
    assert {why: tally.blobs for why, tally in plan.tallies.items()} == {"object": 2, "let go": 3, "unnamed": 1}
    assert sorted(garbage.collect(world.database, world.blobs, plan)) == [
        ("let go", 7),
        ("let go", 7),
        ("let go", 8),
        ("unnamed", 7),
    ]
    assert world.kept() == set(world.lying.values())
    with world.database.read() as connection:
        assert blob_references.released(connection) == set()


def test_old_jobs_keep_nothing_unless_a_package_descends_from_them(world: World) -> None:
    for name in ("plain", "registered"):
        world.put(f"{name}-data", name.encode())
        world.end(world.start([f"{name}-data"]), {f"{name}-prepared": b"prepared " + name.encode()})
        world.end(world.start([f"{name}-prepared"]), {f"{name}-model": b"model " + name.encode()})
    world.register("registered-model")
    for key in list(world.lying):
        world.delete(key)
    world.pass_time(2 * HOUR)
    assert world.collect() == 0
    world.pass_time(31 * DAY)
    assert [why for why, _ in world.collecting()] == ["old job"] * 3
    assert len(world.kept()) == 3
    assert world.missing() == set()


def test_fewer_days(world: World) -> None:
    world.put("data", b"data")
    world.end(world.start(["data"]), {})
    world.delete("data")
    world.pass_time(2 * DAY)
    assert world.collect(3) == 0
    assert world.collect(1) == 1


def test_a_package_that_is_made_meanwhile_ends_the_collection(world: World) -> None:
    world.put("data", b"data")
    world.end(world.start(["data"]), {"model": b"model"})
    world.delete("data")
    world.pass_time(31 * DAY)
    collection = world.collecting()
    world.register("model")
    assert list(collection) == []
    assert world.missing() == set()


# What each guard is for: what happens, and what is taken away. With the guard nothing is lost; without it, something.


def the_same_bytes_again(world: World) -> None:
    world.put("a", b"once")
    world.delete("a")
    world.pass_time(2 * HOUR)
    collection = world.collecting()
    world.receive("a", b"once")
    list(collection)


def a_copy_under_way(world: World) -> None:
    world.put("a", b"source")
    world.pass_time(2 * HOUR)
    world.copy("a", "b")
    world.delete("a")
    world.collect()


def a_copy_that_was_slow(world: World) -> None:
    world.put("a", b"source")
    gone = world.lying["a"]
    world.delete("a")
    world.put("other", b"other")
    world.pass_time(2 * HOUR)
    collection = world.collecting()
    world.arriving.append(("b", gone, 6))
    world.arrive()
    list(collection)


def a_slow_job(world: World) -> None:
    world.put("a", b"data")
    world.start(["a"])
    world.pass_time(HOUR)
    world.delete("a")
    world.pass_time(5 * HOUR)
    world.collect()


def an_upload_that_rests(world: World) -> None:
    world.send_part("a", b"part")
    world.pass_time(40 * DAY)
    world.collect()


def a_registered_model(world: World) -> None:
    world.put("data", b"data")
    world.end(world.start(["data"]), {"model": b"model"})
    world.register("model")
    world.delete("data")
    world.pass_time(40 * DAY)
    world.collect()


def a_young_job(world: World) -> None:
    world.put("data", b"data")
    world.end(world.start(["data"]), {})
    world.delete("data")
    world.pass_time(DAY)
    world.collect()


def _nothing(*_arguments: object, **_named: object) -> set[str]:
    return set()


def _remove_whatever_its_age(self: Blobs, name: str, _wanted_before: float) -> int | None:
    path = self.path(name)
    size = path.stat().st_size
    path.unlink()
    return size


GUARDS: list[tuple[Callable[[World], None], object, str, object]] = [
    (the_same_bytes_again, Blobs, "remove", _remove_whatever_its_age),
    (a_copy_under_way, blob_references, "released", _nothing),
    (a_copy_that_was_slow, blob_references, "of_objects", None),
    (a_slow_job, garbage, "_limit", lambda _connection, now: now - garbage.JUST_NOW),
    (an_upload_that_rests, blob_references, "of_uploads", _nothing),
    (a_registered_model, byte_descent, "ancestors", lambda _jobs, _start: {}),
    (a_young_job, garbage, "DAY", 0.0),
]


@pytest.mark.parametrize(("happens", "room", "name", "without"), GUARDS, ids=[each[0].__name__ for each in GUARDS])
def test_each_guard_is_needed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    happens: Callable[[World], None],
    room: object,
    name: str,
    without: object,
) -> None:
    once = _only_at_first(blob_references.of_objects)
    for folder, is_lost in (("guarded", False), ("unguarded", True)):
        (tmp_path / folder).mkdir()
        world = World(tmp_path / folder)
        if is_lost:
            monkeypatch.setattr(room, name, without if without is not None else once)
        happens(world)
        assert bool(world.missing()) == is_lost
        world.close()


def _only_at_first(real: Callable[..., tuple[set[str], int]]) -> Callable[..., tuple[set[str], int]]:
    """Objects are read for the plan, and not again."""
    return lambda connection, after=0: real(connection, after) if after == 0 else (set(), after)


def test_putting_and_removing_the_same_bytes_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes are put between the look at their age and their removal: whoever puts waits, and puts them anew."""
    world.put("a", b"contended")
    world.delete("a")
    world.pass_time(2 * HOUR)
    putting = threading.Thread(target=world.receive, args=("a", b"contended"))
    real = Path.unlink

    def interrupted(path: Path, missing_ok: bool = False) -> None:
        if path.parent.parent == world.blobs.folder and not putting.is_alive() and putting.ident is None:
            putting.start()
            putting.join(0.2)
        real(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", interrupted)
    assert world.collect() == 1
    putting.join()
    assert world.missing() == set()


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from garbage_world import World
from stepwell.services.sagemaker import garbage

garbage.TOGETHER = 2
world = World.__new__(World)
from stepwell.blobs.folder import Blobs
from stepwell.store.database import Database
folder = Path(sys.argv[1])
world.database, world.blobs = Database(folder / "stepwell.db"), Blobs(folder / "blobs")
left, real = int(sys.argv[3]), Path.unlink

def counted(path, missing_ok=False):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    real(path, missing_ok)

Path.unlink = counted
list(world.collecting())
"""


@pytest.mark.parametrize("removed", [0, 1, 2])
def test_killed_in_the_middle(world: World, tmp_path: Path, removed: int) -> None:
    world.put("kept", b"kept")
    for number in range(4):
        world.put("a", f"content {number}".encode())
    world.delete("a")
    world.pass_time(2 * HOUR)
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(Path(__file__).parent), str(removed)]
    done = subprocess.run(command, check=False, timeout=60, env={**os.environ, "PYTHONWARNINGS": ""})
    assert done.returncode == -signal.SIGKILL
    assert len(world.kept()) == 5 - removed
    assert world.missing() == set()
    assert world.collect() == 4 - removed
    assert world.kept() == {world.lying["kept"]}
