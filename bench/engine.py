"""The engine beside its peers: the same graphs of steps that do nothing, in turns, and what only Stepwell does.

In: a console. Out: tables and goals, met or missed, on it. `python bench/engine.py` shows this part alone. A peer
that fails is named with its reason; nothing here decides whether a build is good.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import engine_planning
import engine_stepwell
from engine_outcomes import Outcome
from engine_peers import PEERS
from engine_workloads import WORKLOADS, Workload
from meters import middle
from rich.console import Console
from rich.table import Table

COMPARED = ("W1", "W2", "W3")
ALONE = ("W4", "W5", "I1", "I2")
ROUNDS = 2
LONG_SECONDS = 5.0
"""An engine that took longer than this for a graph is not run on it again."""
COMPARING_SECONDS = 120.0
"""After that, only what was never run is run."""
OURS = "Stepwell"

Runs: TypeAlias = dict[tuple[str, str], list[Outcome]]
"""(workload, engine) -> its runs."""


def show(console: Console) -> None:
    """Measure all and print it; under five minutes."""
    # the servers have sessions of their own: whoever ends the benchmark would leave them behind
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    console.print(f"Stepwell at {version()}, {time.strftime('%Y-%m-%d %H:%M:%S %Z')}", highlight=False)
    runs: Runs = {}
    with console.status("") as status:
        compare(runs, status.update)
        for name in ALONE:
            status.update(f"{name} on {OURS}")
            runs[name, OURS] = [engine_stepwell.run(WORKLOADS[name])]
    for (name, engine), outcomes in runs.items():
        for error in {each.error for each in outcomes if each.error}:
            console.print(f"{name}: {engine}: {error}", highlight=False, markup=False)
    console.print(compared_table(runs))
    console.print(alone_table(runs))
    show_planning(show_goals(console, runs))


def compare(runs: Runs, say: Callable[[str], None]) -> None:
    """Every engine on every compared graph, the engines taking turns and changing who goes first."""
    engines: list[tuple[str, Callable[[Workload], Outcome]]] = [(OURS, engine_stepwell.run)]
    engines += [(peer.title, peer.run) for peer in PEERS]
    begun = time.monotonic()
    for number in range(ROUNDS):
        for name in COMPARED:
            for engine, run in engines if number % 2 == 0 else engines[::-1]:
                known = runs.setdefault((name, engine), [])
                is_late = time.monotonic() > begun + COMPARING_SECONDS
                if known and (is_late or any(each.error or each.wall > LONG_SECONDS for each in known)):
                    continue
                say(f"{name} on {engine}")
                known.append(run(WORKLOADS[name]))


def version() -> str:
    """The commit that is checked out, and whether files differ from it."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.check_output(command, text=True, stderr=subprocess.DEVNULL).strip()
    except (OSError, subprocess.CalledProcessError):
        return "an unknown commit"


def cost(runs: Runs, name: str, engine: str = OURS) -> float:
    """Median processor seconds per step; NaN if there was no good run."""
    return middle([each.cpu_per_step for each in runs.get((name, engine), ()) if not each.error])


def compared_table(runs: Runs) -> Table:
    """A ratio of 5: that engine needs five times Stepwell's processor time for the same graph."""
    table = Table(title="Processor time per step, all processes of the engine (ms); wall time (s); peak memory (MB)")
    for heading in ("graph", "engine", "CPU/step", "ratio", "wall", "memory"):
        table.add_column(heading, justify="left" if heading in ("graph", "engine") else "right")
    for (name, engine), outcomes in runs.items():
        if name in COMPARED:
            table.add_row(
                WORKLOADS[name].words if engine == OURS else "",
                engine,
                *figures(outcomes, f"{cost(runs, name, engine) / cost(runs, name):.2f}"),
                end_section=engine == PEERS[-1].title,
            )
    return table


def alone_table(runs: Runs) -> Table:
    table = Table(title="What only Stepwell runs")
    for heading in ("graph", "CPU/step", "of W2's", "wall", "memory"):
        table.add_column(heading, justify="left" if heading == "graph" else "right")
    for name in ALONE:
        ratio = f"{cost(runs, name) / cost(runs, 'W2'):.2f}"
        table.add_row(f"{name}: {WORKLOADS[name].words}", *figures(runs[name, OURS], ratio))
    return table


def figures(outcomes: list[Outcome], ratio: str) -> tuple[str, ...]:
    good = [each for each in outcomes if not each.error]
    if not good:
        return ("failed", "", "", "")
    return (
        f"{middle([each.cpu_per_step for each in good]) * 1000:.2f}",
        ratio,
        f"{middle([each.wall for each in good]):.2f}",
        f"{max(each.memory for each in good) / 1e6:.0f}",
    )


def show_goals(console: Console, runs: Runs) -> Callable[[str, bool, str], None]:
    """Print each goal as met or missed; answers the function that prints one."""

    def goal(words: str, is_met: bool, found: str) -> None:
        verdict = "[green]met[/]" if is_met else "[red]missed[/]"
        console.print(f"Goal: {words}: {verdict} ({found})", highlight=False)

    # a comparison with NaN is false, so that what could not be measured counts as missed
    for name in COMPARED:
        ours = cost(runs, name)
        goal(f"{name} at most 1.5 ms of CPU per job step", ours <= 0.0015, f"{ours * 1000:.2f} ms")
        for peer in PEERS[1:]:
            theirs = cost(runs, name, peer.title)
            goal(f"{name} below {peer.title}", ours < theirs, f"{ours * 1000:.2f} and {theirs * 1000:.2f} ms")
    large, small, wall = cost(runs, "W4"), cost(runs, "W2"), middle([each.wall for each in runs["W4", OURS]])
    goal("W4 ends in under 60 s", wall < 60, f"{wall:.1f} s")
    goal("W4 within 1.3x of W2 per step", large <= 1.3 * small, f"{large / small:.2f}x")
    goal("W5 at most 0.7 ms per step", cost(runs, "W5") <= 0.0007, f"{cost(runs, 'W5') * 1000:.2f} ms")
    for name in ("I1", "I2"):
        ours = cost(runs, name)
        goal(f"{name} at most 0.5 ms per instant step", ours <= 0.0005, f"{ours * 1000:.2f} ms")
    return goal


def show_planning(goal: Callable[[str, bool, str], None]) -> None:
    for workload in engine_planning.LARGE:
        took = engine_planning.measure(workload)
        found = (
            f"{took.characters / 1e6:.1f} MB; parse {took.parsed:.2f}, parse and check {took.checked:.2f},"
            f" plan {took.planned:.2f} s"
        )
        goal(f"{workload.words}: parsed, checked and planned in under 2 s", took.whole < 2, found)


if __name__ == "__main__":
    show(Console() if sys.stdout.isatty() else Console(width=120))
