"""The graphs in DBOS on SQLite, in two forms: as steps of one workflow, and each step as a workflow of its own.

In: a workload's name, a folder and the form, on the command line, and a line on standard input when to begin. Out:
"ready" and "done". Runs in DBOS's own environment. Either form writes down each step's end before the next begins;
only a workflow is a thing of its own that can be listed and described, as a job is in Stepwell.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import engine_turns
from dbos import DBOS
from engine_workloads import WORKLOADS

GRAPH = WORKLOADS[sys.argv[1]].graph()
URL = f"sqlite:///{Path(sys.argv[2]) / 'dbos.sqlite'}"


@DBOS.step()
async def step(name: str) -> str:
    return name


@DBOS.workflow()
async def as_steps() -> int:
    """A step begins when the steps it waits for have ended."""
    ends = {name: asyncio.Event() for name in GRAPH}

    async def node(name: str) -> None:
        for each in GRAPH[name]:
            await ends[each].wait()
        await step(name)
        ends[name].set()

    await asyncio.gather(*(node(name) for name in GRAPH))
    return len(GRAPH)


@DBOS.workflow()
def job(name: str) -> str:
    return name


@DBOS.workflow()
def as_workflows() -> int:
    """Wave by wave: workflows are started once all those that they need have been waited for."""
    left = dict(GRAPH)
    ended: set[str] = set()
    while left:
        wave = [name for name, needs in left.items() if ended.issuperset(needs)]
        for handle in [DBOS.start_workflow(job, name) for name in wave]:
            ended.add(handle.get_result())
        left = {name: needs for name, needs in left.items() if name not in ended}
    return len(GRAPH)


def run() -> None:
    done = asyncio.run(as_steps()) if sys.argv[3] == "steps" else as_workflows()
    if done != len(GRAPH):
        raise SystemExit("DBOS did not finish the graph")


if __name__ == "__main__":
    DBOS(config={"name": "bench", "system_database_url": URL, "log_level": "ERROR", "run_admin_server": False})
    DBOS.launch()
    engine_turns.take(run)
    DBOS.destroy()
