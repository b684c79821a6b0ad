"""Stepwell as `stepwell up` serves it, except that a container ends well as soon as it is launched.

In: a data folder on the command line. Out: the line "stepwell is ready at URL". Door, job rows, machines, database
and environments are the real ones; only the launcher is `testing.scripted_launcher`: what is left is the engine.
"""

from __future__ import annotations

import gc
import logging
import sys
from dataclasses import replace
from pathlib import Path

from stepwell import app
from stepwell.base import clock
from stepwell.launchers.launcher import Container, Exited
from stepwell.launchers.probe import find_isolation
from stepwell.settings import Settings
from stepwell.testing.scripted_launcher import EXITED, ScriptedLauncher

ENVIRONMENTS = Path.home() / ".cache" / "stepwell" / "bench-environments"


def end_at_once(_container: Container) -> Exited:
    now = clock.now()
    return replace(EXITED, started=now, ended=now)


def announce(endpoint: str, _settings: Settings) -> None:
    gc.freeze()
    print(f"stepwell is ready at {endpoint}", flush=True)


def main() -> int:
    logging.basicConfig(level=logging.WARNING)
    chosen = Settings(Path(sys.argv[1]), port=0, environments=ENVIRONMENTS, queue=False)
    return app.serve(chosen, find_isolation, announce, lambda _isolation: ScriptedLauncher(end_at_once, plants=False))


if __name__ == "__main__":
    sys.exit(main())
