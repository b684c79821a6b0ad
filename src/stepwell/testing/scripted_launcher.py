"""Room testing: a launcher whose containers do what they are told: nothing runs, everything is as in a real one.

What is known of a container stands in memory by its folder, like a supervisor that outlives its server: a simulation
may throw away everything else and go on with the same launcher. Ends come when the test says so (`finish`), or at
once for containers that have a script.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from stepwell.launchers import planting
from stepwell.launchers.launcher import Absent, Container, Exited, Lost, Observation, Running

EXITED = Exited(
    code=0, signal=None, out_of_memory=False, timed_out=False, stopped=False, started=0.0, ended=0.0,
    peak_memory_bytes=None, error="",
)  # fmt: skip
"""A good end; `replace` what should be otherwise."""

Script = Callable[[Container], Exited | Lost | None]
"""What becomes of a container that is launched; None: it runs until `finish`."""


@dataclass(slots=True)
class _State:
    seen: Observation
    descriptor: int | None = None
    """An eventfd that becomes readable at the end, made for the first who watches."""


class ScriptedLauncher:
    """Meets launchers.launcher.Launcher. Thread-safe. `launches` counts the real starts by folder."""

    def __init__(self, script: Script = lambda _container: None, *, plants: bool = True) -> None:
        """`plants`: the containers' trees are made, as a real launcher makes them."""
        self._script = script
        self._plants = plants
        self._guard = threading.RLock()
        self._states: dict[Path, _State] = {}
        self._stopped: set[Path] = set()
        self.launches: dict[Path, int] = {}
        self.containers: dict[Path, Container] = {}

    def launch(self, container: Container) -> Observation:
        with self._guard:
            known = self._states.get(container.folder)
            if known is not None:
                return known.seen
            state = _State(Running(os.getpid()))
            self._states[container.folder] = state
            self.containers[container.folder] = container
            if container.folder in self._stopped:
                self.finish(container.folder, replace(EXITED, code=None, stopped=True))
                return state.seen
            if self._plants:
                tree = [(entry.path, str(entry.kind), entry.content) for entry in container.tree]
                planting.plant(str(container.folder), tree)
            self.launches[container.folder] = self.launches.get(container.folder, 0) + 1
            end = self._script(container)
            if end is not None:
                self.finish(container.folder, end)
            return state.seen

    def observe(self, folder: Path) -> Observation:
        with self._guard:
            state = self._states.get(folder)
            return state.seen if state else Absent()

    def stop(self, folder: Path) -> None:
        """A running container ends by SIGTERM at once; one that was not launched yet never will be."""
        with self._guard:
            self._stopped.add(folder)
            if isinstance(self.observe(folder), Running):
                self.finish(folder, replace(EXITED, code=None, signal=15, stopped=True))

    def watch(self, folder: Path) -> int | None:
        with self._guard:
            state = self._states.get(folder)
            if state is None or not isinstance(state.seen, Running):
                return None
            if state.descriptor is None:
                state.descriptor = os.eventfd(0)
            return os.dup(state.descriptor)

    def finish(self, folder: Path, end: Exited | Lost) -> None:
        """End the container of `folder`, unless it ended already."""
        with self._guard:
            state = self._states[folder]
            if isinstance(state.seen, Running):
                state.seen = end
                if state.descriptor is not None:
                    os.eventfd_write(state.descriptor, 1)

    def running(self) -> list[Path]:
        """Folders of the containers that run."""
        with self._guard:
            return [folder for folder, state in self._states.items() if isinstance(state.seen, Running)]

    def close(self) -> None:
        """Give the descriptors back."""
        with self._guard:
            for state in self._states.values():
                if state.descriptor is not None:
                    os.close(state.descriptor)
            self._states.clear()


def ending(ends: Mapping[str, Exited | Lost]) -> Script:
    """A script by host name; hosts that are not named end well."""
    return lambda container: ends.get(container.hostname, EXITED)
