"""The graphs in Luigi, with its local scheduler and one worker, all in one process.

In: a workload's name and a folder, on the command line, and a line on standard input when to begin. Out: "ready" and
"done". Runs in Luigi's own environment. A task's result is an empty file, which is how Luigi knows what is done.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import engine_turns
import luigi
from engine_workloads import WORKLOADS

GRAPH = WORKLOADS[sys.argv[1]].graph()
FOLDER = Path(sys.argv[2])


class Step(luigi.Task):  # type: ignore[misc]
    name = luigi.Parameter()

    def requires(self) -> list[Any]:
        return [Step(name=each) for each in GRAPH[self.name]]

    def output(self) -> Any:
        return luigi.LocalTarget(str(FOLDER / self.name))

    def run(self) -> None:
        (FOLDER / self.name).touch()


def run() -> None:
    if not luigi.build([Step(name=list(GRAPH)[-1])], workers=1, local_scheduler=True, log_level="ERROR"):
        raise SystemExit("Luigi did not finish the graph")


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    engine_turns.take(run)
