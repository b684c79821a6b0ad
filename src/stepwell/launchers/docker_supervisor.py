"""The process that owns one container of an engine and outlives the server: the counterpart of `supervisor.py`.

Standard library only. In: the order on descriptor ORDER, the folder's lock on LOCK. Out, in the folder: the files
that `supervisor.py` leaves. The engine remembers what happened to the container of the folder's name, so a supervisor
that was killed has a successor (`docker.py`), which finds it there: created and never started, running, or ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from http.client import HTTPResponse
from urllib.parse import quote

from stepwell.base import clock
from stepwell.launchers import docker_images, docker_order, planting, processes
from stepwell.launchers.cage import Ending
from stepwell.launchers.docker_engine import UNREACHABLE, Engine, EngineError, container_path
from stepwell.launchers.docker_order import DockerOrder
from stepwell.launchers.docker_output import OutputReader, ending_of
from stepwell.launchers.log_file import LogFile
from stepwell.launchers.supervisor import (
    HIGHEST_DESCRIPTOR,
    LOCK,
    ORDER,
    mark_started,
    read_all,
    to_json,
    write_in_time,
)

LOOK_SECONDS = 2.0
"""How often the folder and the container's memory are looked at."""
AGAIN_SECONDS = 1.0
"""Between attempts to reach an engine that does not answer: it is being restarted."""
NO_IMAGE = 127
"""The exit code of what cannot be found: who asked for it has to change something, so a retry is no use."""
PULL_LOOK_SECONDS = 0.5
"""How often a pull looks whether the job is over."""
FIRST_SIGNAL_SECONDS = 0.2
"""A container needs so long after its start until its init passes signals on."""
DRAIN_SECONDS = 30.0
"""How long the engine may take to hand over what an ended container wrote."""


class Run:
    """One container from start to exit record."""

    def __init__(self, order: DockerOrder) -> None:
        self.order = order
        self.job = order.standing
        self.engine = Engine(self.job.engine)
        self.started = clock.now()
        self.control = os.open(f"{self.job.folder}/control", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self.news, self.news_end = os.pipe()
        self.open = contextlib.ExitStack()
        """Streams that live as long as this process."""
        self.output = OutputReader(LogFile(f"{self.job.folder}/log", self.job.log_bytes))
        self.code: int | None = None
        self.ended = threading.Event()
        """Set when the container has ended or is gone."""
        self.kill_at: float | None = None
        self.stopped = False
        self.timed_out = False
        self.out_of_memory = False
        self.peak: int | None = None

    def run(self) -> Ending:
        """Run the container to its end."""
        is_new = bool(self.order.body)
        if is_new:
            if self._is_over():
                return Ending(None, None)
            planting.plant(self.job.folder, list(self.order.tree))
            self._create()
            if self._is_over():
                return Ending(None, None)
            mark_started(self.job.folder)
        else:
            self.started = os.stat(f"{self.job.folder}/started").st_mtime
        self._begin(is_new=is_new)
        self._follow()
        return self._ending()

    # Before the start

    def _is_over(self) -> bool:
        self.stopped = os.path.exists(f"{self.job.folder}/stop")
        self.timed_out = not self.stopped and self.job.deadline is not None and clock.now() >= self.job.deadline
        return self.stopped or self.timed_out

    def _create(self) -> None:
        """Make the container, its image pulled if it is not there. What a predecessor made was never started."""
        body = json.loads(self.order.body)
        image = docker_images.find(self.engine, self.job.image)
        if image is None:
            if not self._pull():
                return
            image = docker_images.find(self.engine, self.job.image) or {}
        body["Env"] = docker_images.with_path_of(image, body["Env"])
        self.remove()
        self.engine.call("POST", f"/containers/create?name={self.job.name}", body)

    def _pull(self) -> bool:
        """Have the engine fetch the image; False if the job is over before, which ends the pull with this process."""
        self.output.note(f"The image {self.job.image} is not on this machine; it is being pulled.")
        problems: list[str] = []
        wanted = (self.engine, self.job.image, self.order.registry_auth)
        pulling = self._aside(lambda: problems.extend(docker_images.pull(*wanted)))
        while pulling.is_alive():
            if self._is_over():
                return False
            pulling.join(PULL_LOOK_SECONDS)
        if problems:
            raise EngineError(404, f"The image {self.job.image!r} could not be pulled: {problems[0]}")
        self.output.note("The image is there.")
        return True

    # From the start on

    def _begin(self, *, is_new: bool) -> None:
        """Listen to the container, then start it unless it was started."""
        status = "created" if is_new else self._state()["Status"]
        path = container_path(self.job.name)
        attached = f"{path}/attach?stream=1&stdout=1&stderr=1"
        live = self.engine.stream("POST", attached) if status == "created" else self._written_since()
        output = self.open.enter_context(live)
        self.pump = self._aside(lambda: self._listen(output))
        self._aside(self._hear_of_memory)
        if status == "created":
            self._start(path)
        self._aside(self._wait)
        self._aside(self._measure)

    def _written_since(self) -> AbstractContextManager[HTTPResponse]:
        """What the container has written since the log's last line, as far as the engine keeps it, and will write."""
        since = f"{self.output.last_stamp(f'{self.job.folder}/log') / 1000:.3f}"
        path = f"/logs?follow=1&stdout=1&stderr=1&since={since}"
        return self.engine.stream("GET", container_path(self.job.name, path))

    def _listen(self, output: HTTPResponse) -> None:
        """Keep the log until the container has ended, also when the engine is restarted and the container is not."""
        self.output.read(output)
        is_whole = self.ended.wait(AGAIN_SECONDS)
        while not is_whole:
            is_whole = self.ended.is_set()  # what it wrote before its end, and no look after that
            try:
                with self._written_since() as again:
                    self.output.read(again)
            except (EngineError, *UNREACHABLE):
                pass  # it is not back yet, or the container is gone
            if not is_whole:
                self.ended.wait(AGAIN_SECONDS)

    def _start(self, path: str) -> None:
        try:
            self.engine.call("POST", f"{path}/start", seconds=None)
        except EngineError as error:
            raise EngineError(400, f"The container could not be started: {error}") from error
        self.started = clock.now()

    def _aside(self, work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread

    def _wait(self) -> None:
        """Until the container has ended or is gone, whatever becomes of the engine meanwhile."""
        while not self.ended.is_set():
            try:
                answer = self.engine.call("POST", container_path(self.job.name, "/wait"), seconds=None)
                self.code = int(str(answer["StatusCode"]))
                self.ended.set()
            except EngineError as error:
                if error.status == 404:
                    self.ended.set()
                self.ended.wait(AGAIN_SECONDS)
            except (KeyError, ValueError, *UNREACHABLE):
                clock.sleep(AGAIN_SECONDS)
        os.write(self.news_end, b"!")

    def _hear_of_memory(self) -> None:
        """The kernel ends one process that went over the limit; the rest is to end as well."""
        wanted = json.dumps({"container": [self.job.name], "event": ["oom"]})
        try:
            with self.engine.stream("GET", f"/events?filters={quote(wanted)}") as answer:
                if answer.readline():
                    self.out_of_memory = True
                    self._signal("SIGKILL")
        except (EngineError, *UNREACHABLE):
            pass  # the container's final state tells it too

    def _follow(self) -> None:
        """Keep the limits until the container has ended."""
        poller = select.poll()
        for source in (self.control, self.news):
            poller.register(source, select.POLLIN)
        while not self.ended.is_set():
            self._keep_limits()
            for source, _ in poller.poll(max(0.0, self._sleep()) * 1000):
                if source == self.control:
                    os.read(self.control, 4096)
        self.pump.join(DRAIN_SECONDS)

    def _sleep(self) -> float:
        """How long nothing can become due."""
        due = LOOK_SECONDS
        if self.kill_at is not None:
            return min(due, self.kill_at - clock.monotonic())
        if self._wants_end():
            return self.started + FIRST_SIGNAL_SECONDS - clock.now()
        return due if self.job.deadline is None else min(due, self.job.deadline - clock.now())

    def _wants_end(self) -> bool:
        return self.stopped or self.timed_out

    def _keep_limits(self) -> None:
        if not os.path.exists(f"{self.job.folder}/lock"):
            self._signal("SIGKILL")  # the folder was deleted, and with it everybody's interest in this container
        if self.kill_at is None:
            is_due = self._wants_end() or self._is_over()
            if is_due and clock.now() >= self.started + FIRST_SIGNAL_SECONDS:
                self._signal("SIGTERM")
                self.kill_at = clock.monotonic() + self.job.grace_seconds
        elif clock.monotonic() >= self.kill_at:
            self._signal("SIGKILL")
            self.kill_at = clock.monotonic() + AGAIN_SECONDS

    def _signal(self, name: str) -> None:
        try:
            self.engine.call("POST", container_path(self.job.name, f"/kill?signal={name}"))
        except (EngineError, *UNREACHABLE):
            pass  # it has ended meanwhile; or the engine is away, and SIGKILL comes again

    def _measure(self) -> None:
        """Follow how much memory it holds; an engine may take a second to tell."""
        while not self.ended.is_set():
            try:
                stats = self.engine.call("GET", container_path(self.job.name, "/stats?stream=false&one-shot=true"))
            except (EngineError, *UNREACHABLE):
                stats = {}
            memory = stats.get("memory_stats")
            if isinstance(memory, dict):
                held = memory.get("max_usage") or memory.get("usage") or 0
                self.peak = max(self.peak or 0, int(held)) or None
            self.ended.wait(LOOK_SECONDS)

    # At the end

    def _state(self) -> dict[str, object]:
        state = self.engine.call("GET", container_path(self.job.name, "/json"))["State"]
        return state if isinstance(state, dict) else {}

    def _ending(self) -> Ending:
        """How it ended. A container that went over its memory was killed for it, even if its shell answered 0."""
        try:
            state = self._state()
        except (EngineError, *UNREACHABLE):
            state = {}
        self.out_of_memory |= bool(state.get("OOMKilled"))
        if self.out_of_memory:
            limit = json.loads(self.order.body)["HostConfig"].get("Memory") if self.order.body else None
            self.peak = max(self.peak or 0, limit or 0) or None
            return Ending(None, 9)
        if self.code is None:
            return Ending(None, None, "The engine no longer has the container: somebody removed it.")
        return ending_of(self.code, self.output.last_words)

    def record(self, ending: Ending) -> None:
        """Close the log, and write the exit record: whole or not at all."""
        self.output.finish()
        values: list[tuple[str, int | float | bool | str | None]] = [
            ("code", ending.code),
            ("signal", ending.signal),
            ("out_of_memory", self.out_of_memory),
            ("timed_out", self.timed_out),
            ("stopped", self.stopped),
            ("started", round(self.started, 3)),
            ("ended", clock.now()),
            ("peak_memory_bytes", self.peak),
            ("error", ending.error),
        ]
        body = ", ".join(f'"{name}": {to_json(value)}' for name, value in values)
        write_in_time(f"{self.job.folder}/exit.json", f"{{{body}}}\n".encode())

    def remove(self) -> None:
        """Let the engine forget the container, if it has it."""
        try:
            self.engine.call("DELETE", container_path(self.job.name, "?force=1&v=1"))
        except EngineError as error:
            if error.status != 404:
                raise


def main() -> None:
    """Serve the one order."""
    os.umask(0o022)
    os.chdir("/")
    os.closerange(ORDER + 1, HIGHEST_DESCRIPTOR)
    os.set_inheritable(LOCK, False)
    os.pwrite(LOCK, f"{os.getpid()} {processes.start_time(os.getpid())}\n".encode(), 0)
    run = Run(docker_order.unpack(read_all(ORDER)))
    try:
        ending = run.run()
    except EngineError as error:
        ending = Ending(NO_IMAGE if error.status == 404 else None, None, str(error))
    except UNREACHABLE as error:
        ending = Ending(None, None, f"The container could not be set up: {error}")
    try:
        run.record(ending)
    except FileNotFoundError:
        pass  # the folder was deleted: nobody will ask
    if os.fork() == 0:  # nobody has to wait until the engine has tidied up
        os.close(LOCK)
        try:
            run.remove()
        except (EngineError, *UNREACHABLE):
            pass  # it has ended; what is left of it disturbs nobody
    os._exit(0)
