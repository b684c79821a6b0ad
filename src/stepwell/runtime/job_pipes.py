"""Room runtime: starts what streams data to a running container. In: a host's folder. Out: a process of its own.

The feeder (`container/pipe_feeder.py`) outlives the server and ends with the container. Starting it again is fine: a
second one sees that there is one.
"""

from __future__ import annotations

import os
import subprocess
import sys

from stepwell.base import clock
from stepwell.container import pipe_feeder, piping
from stepwell.launchers.launcher import Launcher, Running
from stepwell.runtime.job_folders import JobFolder

PATIENCE_SECONDS = 10.0
BREATH_SECONDS = 0.02


def feed(launcher: Launcher, place: JobFolder, host: str) -> None:
    """See to it that the pipes of `host` are fed, if it has any and its container runs. Raises OSError."""
    if not piping.folder(place.opt_ml(host)).is_dir():
        return
    ended = _watch(launcher, place, host)
    if ended is None:
        return
    try:
        words = [sys.executable, "-I", "-S", pipe_feeder.__file__, str(place.host(host)), str(ended)]
        result = subprocess.run(
            words,
            env={},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # it outlives us: whoever reads what we print must not wait for it
            stderr=subprocess.DEVNULL,
            pass_fds=(ended,),
            start_new_session=True,
            check=False,
        )
    finally:
        os.close(ended)
    if result.returncode:
        raise OSError(f"the process that streams data could not be started: exit code {result.returncode}")


def _watch(launcher: Launcher, place: JobFolder, host: str) -> int | None:
    """A descriptor that tells the container's end; None when it has ended. A supervisor that is just beginning cannot
    be watched yet."""
    give_up = clock.monotonic() + PATIENCE_SECONDS
    while (ended := launcher.watch(place.host(host))) is None:
        if not isinstance(launcher.observe(place.host(host)), Running) or clock.monotonic() > give_up:
            return None
        clock.sleep(BREATH_SECONDS)
    return ended
