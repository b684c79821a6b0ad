"""Random invocations and crashes: the machine of invocations in one thread over a real database.

A crash strikes before an effect, after it, inside the transaction that applies it, or behind that; the functions live
on, as under their supervisors. Whoever began an invocation begins it again after each crash. Invariants: each attempt
is launched once; the outcome is that of the last attempt; who waits is woken when it stands, and not before.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import random
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.base.arn import Scope
from stepwell.blobs.folder import Blobs
from stepwell.images import catalog
from stepwell.launchers.launcher import Container, Exited, Lost
from stepwell.machines.invocation import Effect, Event
from stepwell.runtime import loop
from stepwell.runtime.invocation_records import Record
from stepwell.runtime.invocations import InvocationMachine
from stepwell.runtime.job_tools import Tools
from stepwell.services.lambda_ import invocations
from stepwell.services.registry import Door, Site
from stepwell.services.sts import sessions
from stepwell.store import tables, work
from stepwell.store.database import Database, Transaction
from stepwell.testing.folder_objects import FolderObjects
from stepwell.testing.host_environments import HostEnvironments
from stepwell.testing.scripted_launcher import EXITED, ScriptedLauncher

SCOPE = Scope("123456789012", "us-east-1", "arn:aws:sts::123456789012:assumed-role/SageMakerRole/test")
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
WAITER = ("pipeline-execution", "arn:aws:sagemaker:us-east-1:123456789012:pipeline/p/execution/")
FAR = 4e9
NUMBERS = itertools.count()
CATALOG = catalog.load(None)

RESULT, FAILURE = b'{"a": 1}', b'{"errorType": "ValueError", "errorMessage": "boom"}'
ENDS: dict[str, tuple[Exited | Lost, str, bytes]] = {
    "good": (EXITED, "result", RESULT),
    "raises": (EXITED, "failure", FAILURE),
    "no answer": (replace(EXITED, code=3), "", b""),
    "no JSON": (EXITED, "result", b"{"),
    "deadline": (replace(EXITED, code=None, signal=15, timed_out=True), "", b""),
    "memory": (replace(EXITED, code=None, signal=9, out_of_memory=True), "", b""),
    "lost": (Lost("the machine was restarted"), "", b""),
    "lost behind its answer": (Lost("the machine was restarted"), "result", RESULT),
}
EXPECTED = {
    "good": ("Succeeded", ""),
    "raises": ("Failed", "ValueError"),
    "no answer": ("Failed", "Runtime.ExitError"),
    "no JSON": ("Failed", "Runtime.ExitError"),
    "deadline": ("Failed", "Sandbox.Timedout"),
    "memory": ("Failed", "Runtime.OutOfMemory"),
    "lost": ("Failed", "ServiceException"),
    "lost behind its answer": ("Succeeded", ""),
}


class Crash(BaseException):
    """The process dies here."""


class Crashing(InvocationMachine):
    """The machine in a process that may die around every effect."""

    def __init__(self, site: Site, tools: Tools, chance: random.Random, probability: float) -> None:
        super().__init__(site, tools)
        self._chance = chance
        self.probability = probability

    def _maybe(self) -> None:
        if self._chance.random() < self.probability:
            raise Crash

    def perform(self, state: Record, effect: Effect, now: float) -> Event | None:
        self._maybe()
        event = super().perform(state, effect, now)
        self._maybe()
        return event

    def apply(self, transaction: Transaction, state: Record, event: Event, now: float) -> None:
        super().apply(transaction, state, event, now)
        self._maybe()


def begins(container: Container) -> None:
    """A function that has begun, and runs until it is told how it ends."""
    (container.folder / "exchange" / "begun").touch()


class World:
    """One invocation. What a crash does not take: the database and the containers."""

    def __init__(self, site: Site, seed: int, crashes: float, ends: list[str], attempts: int) -> None:
        self.site = site
        self.name = f"invocation-{next(NUMBERS)}"
        self.subject = invocations.subject_of(SCOPE, self.name)
        self.waiter = (WAITER[0], WAITER[1] + self.name)
        self.chance = random.Random(seed)
        self.crashes = crashes
        self.ends = ends
        self.attempts = attempts
        self.launcher = ScriptedLauncher(begins)
        objects = FolderObjects(site.data / "objects")
        self.tools = Tools(self.launcher, CATALOG, HostEnvironments(), lambda _scope: objects, sessions.issue)
        self.machine = self._process()

    def _process(self) -> Crashing:
        return Crashing(self.site, self.tools, self.chance, self.crashes)

    def close(self) -> None:
        self.machine.close()
        self.launcher.close()

    def begin(self) -> None:
        with self.site.database.write() as transaction:
            invocations.begin(
                transaction, self.site, SCOPE, "f", '{"x": 1}', self.name, 1.0, self.waiter, attempts=self.attempts
            )

    def is_waiter_woken(self) -> bool:
        with self.site.database.read() as connection:
            return self.waiter[1] in dict(work.ready(connection, FAR, 1000))

    def status(self) -> str:
        with self.site.database.read() as connection:
            found = invocations.find(connection, self.subject)
        assert found is not None
        return found.status

    def look(self) -> bool:
        """One look of the loop at whatever is due; False once nothing is left. Raises Crash."""
        with self.site.database.write() as transaction:
            held = work.lease(transaction, self.subject, "lease", FAR, FAR)
        if held is None:
            return False
        finished, due = loop.run(self.site.database, self.machine, held, threading.Event())
        with self.site.database.write() as transaction:
            (work.finish(transaction, held) if finished else work.release(transaction, held, due))
        return not finished

    def restart(self) -> None:
        self.machine.close()
        with self.site.database.write() as transaction:
            work.take_over(transaction, 0.0)
        self.machine = self._process()
        self.begin()

    def end_running(self) -> None:
        for folder in self.launcher.running():
            attempt = int(folder.name)
            seen, name, content = ENDS[self.ends[(attempt - 1) % len(self.ends)]]
            assert (folder / "exchange" / "begun").is_file(), "nobody touches what a running function writes"
            if name:
                (folder / "exchange" / name).write_bytes(content)
            self.launcher.finish(folder, seen)

    def run(self) -> None:
        self.begin()
        for _ in range(500):
            assert self.is_waiter_woken() == (self.status() != "InProgress")
            try:
                if not self.look():
                    return
                if self.chance.random() < 0.7:
                    self.end_running()
                with self.site.database.write() as transaction:
                    self.site.wake(transaction, self.machine.name, self.subject, FAR)
            except Crash:
                self.restart()
        raise AssertionError("the invocation does not end")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("simulation")
    database = Database(folder / "stepwell.db")
    made = Site(folder, SCOPE.account, "http://127.0.0.1:0", database, Blobs(folder / "blobs"))
    assert tables.resources
    function(made, "f")
    yield made
    database.close()


def function(site: Site, name: str) -> None:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", "")
    request = {
        "FunctionName": name,
        "Runtime": "python3.11",
        "Role": ROLE,
        "Handler": "index.handler",
        "Code": {"ZipFile": code.getvalue()},
    }
    Door(site).call(SCOPE, "lambda", "CreateFunction", request)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between attempts no time passes here."""
    monkeypatch.setattr("stepwell.machines.invocation.RETRY_SECONDS", 0.0)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    crashes=st.sampled_from([0.0, 0.1, 0.4]),
    ends=st.lists(st.sampled_from(sorted(ENDS)), min_size=1, max_size=3),
    attempts=st.integers(1, 3),
)
def test_each_attempt_runs_once_and_the_last_one_counts(
    site: Site, seed: int, crashes: float, ends: list[str], attempts: int
) -> None:
    world = World(site, seed, crashes, ends, attempts)
    try:
        world.run()
        tried = next(
            (n for n in range(1, attempts) if EXPECTED[ends[(n - 1) % len(ends)]][0] == "Succeeded"), attempts
        )
        launches = sorted((int(folder.name), count) for folder, count in world.launcher.launches.items())
        assert launches == [(attempt, 1) for attempt in range(1, tried + 1)]
        with site.database.read() as connection:
            found = invocations.find(connection, world.subject)
        assert found is not None
        assert (found.status, found.error_type) == EXPECTED[ends[(tried - 1) % len(ends)]]
        assert found.result == ({"a": 1} if found.status == "Succeeded" else json.loads(found.payload))
        assert_nothing_but_logs(site, world)
    finally:
        world.close()


def assert_nothing_but_logs(site: Site, world: World) -> None:
    for folder in world.launcher.launches:
        assert [entry.name for entry in folder.iterdir()] == ["log"]
        log = (folder / "log").read_text()
        assert [log.count(f"{word} RequestId: ") for word in ("START", "END", "REPORT")] == [1, 1, 1]


@pytest.mark.parametrize("end", sorted(ENDS))
def test_every_end(site: Site, end: str) -> None:
    world = World(site, 1, 0.0, [end], 1)
    try:
        world.run()
        with site.database.read() as connection:
            found = invocations.find(connection, world.subject)
        assert found is not None
        assert (found.status, found.error_type) == EXPECTED[end]
    finally:
        world.close()


def test_a_forgotten_name_is_free_again(site: Site) -> None:
    world = World(site, 1, 0.0, ["good"], 1)
    try:
        world.begin()
        with site.database.write() as transaction:
            invocations.forget(transaction, world.subject)
        assert world.status() == "InProgress", "what is under way is not forgotten"
        world.run()
        for _ in range(2):
            with site.database.write() as transaction:
                invocations.forget(transaction, world.subject)
        with site.database.read() as connection:
            assert invocations.find(connection, world.subject) is None
    finally:
        world.close()


@pytest.mark.parametrize("trap", ["link", "pipe", "folder", "large"])
def test_what_a_function_leaves_is_read_with_care(
    site: Site, trap: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepwell.machines.invocation_outcomes.MOST_RESULT_BYTES", 100)
    secret = tmp_path / "secret"
    secret.write_text('"the host\'s own"')

    def lay(result: Path) -> None:
        traps: dict[str, Callable[[], object]] = {
            "link": lambda: result.symlink_to(secret),
            "pipe": lambda: os.mkfifo(result),
            "folder": result.mkdir,
            "large": lambda: result.write_text('"' + "x" * 200 + '"'),
        }
        traps[trap]()

    world = World(site, 1, 0.0, ["good"], 1)

    def script(container: Container) -> Exited:
        lay(container.folder / "exchange" / "result")
        return EXITED

    world.launcher.close()
    world.launcher = ScriptedLauncher(script)
    world.tools = replace(world.tools, launcher=world.launcher)
    world.machine.close()
    world.machine = world._process()
    try:
        world.run()
        with site.database.read() as connection:
            found = invocations.find(connection, world.subject)
        assert found is not None
        expected = "Function.ResponseSizeTooLarge" if trap == "large" else "Runtime.ExitError"
        assert (found.status, found.error_type) == ("Failed", expected)
    finally:
        world.close()
