"""Find out which isolation works on this host, by running a container with each until one succeeds.

In: nothing but the host. Out: an `Isolation`, with the reasons why better-placed ones were rejected, or a
`NoIsolationError` that says what to install. It takes some 50 ms, once, when the server starts.
"""

from __future__ import annotations

import os
import select
import shutil
import sys
import tempfile
from pathlib import Path

from stepwell.launchers.isolation import Isolation, Name, NoIsolationError, Rejected
from stepwell.launchers.launcher import Container, Exited
from stepwell.launchers.process import ProcessLauncher

ORDER: tuple[Name, ...] = ("bubblewrap", "namespaces")
PATIENCE_MILLISECONDS = 30_000
MARK = "isolated"


def find_isolation(wanted: Name | None = None, python: str = sys.executable) -> Isolation:
    """The first isolation that works, or `wanted` if that does. Raises NoIsolationError."""
    rejected: list[Rejected] = []
    for name in ORDER if wanted is None else (wanted,):
        program = shutil.which("bwrap") if name == "bubblewrap" else ""
        if program is None:
            rejected.append(Rejected(name, "The program bwrap is not on PATH."))
            continue
        problem = try_out(Isolation(name, program), python)
        if problem is None:
            return Isolation(name, program, tuple(rejected))
        rejected.append(Rejected(name, problem))
    raise NoIsolationError(tuple(rejected))


def try_out(isolation: Isolation, python: str = sys.executable) -> str | None:
    """Why `isolation` does not work here; None if a container under it ran, as PID 2 or so, as root, in `/`."""
    with tempfile.TemporaryDirectory(prefix="stepwell-probe-") as parent:
        folder = Path(parent) / "job"
        script = f'test "$(id -u)" = 0 && test "$PWD" = / && test ! -e {parent} && echo {MARK} > /probe'
        command = ("/bin/sh", "-c", script)
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
        launcher = ProcessLauncher(isolation, python)
        launcher.launch(Container(folder, command, environment))
        _wait(launcher, folder)
        observation = launcher.observe(folder)
        probe = folder / "root" / "probe"
        if probe.exists() and probe.read_text("utf-8") == f"{MARK}\n":
            return None
        return _explain(observation)


def _wait(launcher: ProcessLauncher, folder: Path) -> None:
    handle = launcher.watch(folder)
    if handle is not None:
        poller = select.poll()
        poller.register(handle, select.POLLIN)
        if not poller.poll(PATIENCE_MILLISECONDS):
            launcher.stop(folder)
        os.close(handle)


def _explain(observation: object) -> str:
    match observation:
        case Exited(error=error) if error:
            return error
        case _:
            return f"A trial container did not do its work: {observation}."
