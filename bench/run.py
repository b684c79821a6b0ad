"""`make bench`: Stepwell beside moto in one run, its engine beside other engines, its jobs beside local mode.

In: this checkout installed in the running interpreter. Out: tables on standard output, and nothing else; the exit
code says that the measurements were made, not that they are good. README.md beside this file explains the figures.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import engine
import job_kinds
import jobs
import peers
from calls import Case, cases, create_bucket
from meters import cpu_seconds, memory_bytes, middle
from rich.console import Console
from rich.table import Table

IDLE_SECONDS = 2.0
PLAIN_WIDTH = 120


@dataclass
class Cost:
    """What a peer's calls of one case took: wall seconds per call, server processor seconds per call."""

    walls: list[float] = field(default_factory=list)
    cpus: list[float] = field(default_factory=list)
    error: str = ""


def measure(case: Case, running: list[peers.Peer]) -> dict[str, Cost]:
    """Blocks of calls, the peers taking turns, so that whatever else the machine does hits both alike."""
    costs = {peer.name: Cost() for peer in running}
    for block in range(case.blocks):
        order = running if block % 2 == 0 else running[::-1]
        for peer in order:
            cost = costs[peer.name]
            if not cost.error:
                measure_block(case, peer, block, cost)
    return costs


def measure_block(case: Case, peer: peers.Peer, block: int, cost: Cost) -> None:
    """One block on one peer. An answer that is not what the case expects ends the case for this peer."""
    before = cpu_seconds(peer.process.pid)
    for number in range(block * case.size, (block + 1) * case.size):
        begun = time.perf_counter()
        try:
            case.act(peer, number)
        except Exception as error:
            cost.error = f"{type(error).__name__}: {error}"[:100]
            return
        cost.walls.append(time.perf_counter() - begun)
    cost.cpus.append((cpu_seconds(peer.process.pid) - before) / case.size)


def milliseconds(seconds: float) -> str:
    value = seconds * 1000
    return f"{value:,.2f}" if value < 10 else f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"


def compare(console: Console, running: list[peers.Peer]) -> None:
    """The table of all cases; a ratio of 5 means that moto needs five times as much."""
    table = Table(title="Milliseconds per call: p50 of wall time, median of server CPU time")
    for heading in ("call", "wall", "moto's", "ratio", "CPU", "moto's", "ratio", "goal"):
        table.add_column(heading, justify="left" if heading == "call" else "right")
    with console.status("") as status:
        for case in cases():
            status.update(case.name)
            costs = measure(case, running)
            table.add_row(case.name, *row(case, costs["stepwell"], costs["moto"]))
            for name, cost in costs.items():
                if cost.error:
                    console.print(f"{case.name}: {name} failed: {cost.error}", highlight=False, markup=False)
    console.print(table)


def row(case: Case, ours: Cost, theirs: Cost) -> list[str]:
    ratios = {
        "wall": middle(theirs.walls) / middle(ours.walls),
        "cpu": middle(theirs.cpus) / middle(ours.cpus),
    }
    goal = ""
    if case.goal:
        what, times = case.goal
        goal = f"{what} {times:g}x: " + ("[green]met[/]" if ratios[what] >= times else "[red]missed[/]")
    return [
        milliseconds(middle(ours.walls)),
        milliseconds(middle(theirs.walls)),
        f"{ratios['wall']:.1f}",
        milliseconds(middle(ours.cpus)),
        milliseconds(middle(theirs.cpus)),
        f"{ratios['cpu']:.1f}",
        goal,
    ]


def show_start(console: Console, folder: Path, make: Callable[[Path], peers.Peer], name: str) -> None:
    """Time from spawn to first answer (fresh folder, then the same again), and memory after two idle seconds."""
    table = Table(title=f"Start of {name}")
    for heading in ("start", "ready, s", "RSS, MB", "PSS, MB"):
        table.add_column(heading, justify="left" if heading == "start" else "right")
    for start in ("fresh folder", "second", "third"):
        peer = make(folder)
        time.sleep(IDLE_SECONDS)
        resident, proportional = memory_bytes(peer.process.pid)
        peer.stop()
        table.add_row(start, f"{peer.ready_seconds:.2f}", f"{resident / 1e6:.0f}", f"{proportional / 1e6:.0f}")
    console.print(table)


def show_jobs(console: Console, peer: peers.Peer, count: int) -> None:
    """Where the time of a job that does nothing goes."""
    role = jobs.prepare(peer)
    whole = jobs.run_jobs(jobs.run_processing, peer, role, count)
    console.print(span_table(f"A Processing job that runs `true`, {count} times, one after another (ms)", whole))
    verdict = "[green]met[/]" if middle(whole["whole"]) < 0.150 else "[red]missed[/]"
    console.print(f"Goal: p50 of the whole under 150 ms: {verdict}")
    parts = jobs.run_jobs(jobs.run_training, peer, role, count)
    console.print(span_table("The same as a Training job, by secondary status (ms)", parts))


def span_table(title: str, spans: jobs.Spans) -> Table:
    table = Table(title=title)
    for heading in ("span", "p50", "least", "most"):
        table.add_column(heading, justify="left" if heading == "span" else "right")
    for name, values in spans.items():
        table.add_row(name, *map(milliseconds, (middle(values), min(values), max(values))))
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", choices=("start", "calls", "jobs", "engine", "kinds"), help="measure this part alone"
    )
    parser.add_argument("--jobs", type=int, default=20, help="how many trivial jobs to run")
    parser.add_argument("--quick", action="store_true", help="little data for kinds: only to see that they work")
    options = parser.parse_args()
    console = Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)
    with tempfile.TemporaryDirectory(prefix="stepwell-bench-") as name:
        folder = Path(name)
        if options.only in (None, "start"):
            show_start(console, folder / "start", peers.stepwell, "Stepwell")
            show_start(console, folder / "start-moto", peers.moto, "moto")
        if options.only in (None, "calls"):
            running: list[peers.Peer] = []
            try:
                running += [peers.stepwell(folder / "calls")]
                running += [peers.moto(folder / "calls-moto")]
                for peer in running:
                    create_bucket(peer)
                compare(console, running)
            finally:
                for peer in running:
                    peer.stop()
        if options.only in (None, "jobs"):
            alone = peers.stepwell(folder / "jobs")
            try:
                show_jobs(console, alone, options.jobs)
            finally:
                alone.stop()
        if options.only in (None, "engine"):
            engine.show(console)
        if options.only in (None, "kinds"):
            job_kinds.show(console, is_quick=options.quick)
    return 0


if __name__ == "__main__":
    sys.exit(main())
