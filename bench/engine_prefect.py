"""The graphs in Prefect, with the server that it starts for itself (ephemeral, on SQLite) and a pool of threads.

In: a workload's name and a folder, on the command line, and a line on standard input when to begin. Out: "ready" and
"done". Runs in Prefect's own environment. A first flow of one task starts the server before "ready".
"""

from __future__ import annotations

import os
import sys
from typing import Any

os.environ |= {
    "DO_NOT_TRACK": "1",
    "PREFECT_HOME": sys.argv[2],
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "60",
}

# after the settings, which Prefect reads when it is imported
import engine_turns
from engine_workloads import WORKLOADS, Graph
from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner


@task
def step(name: str) -> str:
    return name


@flow(task_runner=ThreadPoolTaskRunner(max_workers=16))
def graph_flow(graph: Graph) -> int:
    ends: dict[str, Any] = {}
    for name, needs in graph.items():
        ends[name] = step.submit(name, wait_for=[ends[each] for each in needs])
    return len([each.result() for each in ends.values()])


def run() -> None:
    if graph_flow(WORKLOADS[sys.argv[1]].graph()) != len(WORKLOADS[sys.argv[1]].graph()):
        raise SystemExit("Prefect did not finish the graph")


if __name__ == "__main__":
    graph_flow({"First": []})
    engine_turns.take(run)
