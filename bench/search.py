"""Search: Stepwell beside moto over 1,000 trial components, and Stepwell alone over up to 100,000.

In: nothing but this checkout. Out: tables on standard output. `python bench/search.py [--most N]`; README.md beside
this file explains wall and CPU. The large tables are filled through the store before the server starts, since only
what Search costs is measured; the first search of a property builds its index entries and is shown by itself.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import peers
from meters import cpu_seconds, middle
from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from stepwell.base.arn import Scope
from stepwell.store import component_metrics, resources, tables  # noqa: F401 - declares every table
from stepwell.store.database import Database
from stepwell.store.resources import Resource

RESOURCE = "ExperimentTrialComponent"
COMPONENTS = 1000
SCOPE = Scope("123456789012", "us-east-1", "")
GOAL_SECONDS, GOAL_RATIO = 0.050, 20
RATE = "Parameters.rate"


def where(name: str, operator: str, value: str) -> dict[str, object]:
    return {"Filters": [{"Name": name, "Operator": operator, "Value": value}]}


FILTERED: dict[str, dict[str, object]] = {
    "metric filter, same sort": {
        "SearchExpression": where("Metrics.loss", "LessThan", "0.5"),
        "SortBy": "Metrics.loss",
        "SortOrder": "Ascending",
    },
    "metric filter, other sort": {
        "SearchExpression": where("Metrics.loss", "LessThan", "0.5"),
        "SortBy": "Metrics.accuracy",
    },
    "rare metric, other sort": {
        "SearchExpression": where("Metrics.loss", "LessThan", "0.01"),
        "SortBy": "Metrics.accuracy",
    },
    "two filters, default sort": {
        "SearchExpression": {
            "Filters": [
                {"Name": "Metrics.loss", "Operator": "LessThan", "Value": "0.2"},
                {"Name": RATE, "Operator": "GreaterThan", "Value": "0.5"},
            ]
        },
    },
}


def create(peer: peers.Peer) -> None:
    """The same thousand components for every server."""
    client = peer.client("sagemaker")
    for number in range(COMPONENTS):
        client.create_trial_component(
            TrialComponentName=f"component-{number:04}",
            Parameters={"rate": {"NumberValue": number / COMPONENTS}, "kind": {"StringValue": "tree"}},
            InputArtifacts={"data": {"Value": f"s3://bucket/{number}", "MediaType": "text/csv"}},
        )


def all_of_them(peer: peers.Peer) -> int:
    """Every component, in as many pages as the server makes of it."""
    pages = 0
    found: set[str] = set()
    following: dict[str, str] = {}
    while True:
        answer = peer.client("sagemaker").search(Resource=RESOURCE, MaxResults=100, **following)
        found.update(each["TrialComponent"]["TrialComponentName"] for each in answer["Results"])
        pages += 1
        if "NextToken" not in answer:
            break
        following = {"NextToken": answer["NextToken"]}
    if len(found) != COMPONENTS:
        raise ValueError(f"{peer.name} found {len(found)} of {COMPONENTS}")
    return pages


def first_page(peer: peers.Peer) -> int:
    """One call."""
    answer = peer.client("sagemaker").search(Resource=RESOURCE, MaxResults=100)
    return len(answer["Results"])


def measured(peer: peers.Peer, act: Callable[[peers.Peer], int], times: int) -> tuple[float, float, int]:
    """p50 of wall seconds, server CPU seconds a call, and what the last call gave."""
    walls, before, last = [], cpu_seconds(peer.process.pid), 0
    for _ in range(times):
        begun = time.perf_counter()
        last = act(peer)
        walls.append(time.perf_counter() - begun)
    return middle(walls), (cpu_seconds(peer.process.pid) - before) / times, last


def beside_moto(console: Console, folder: Path) -> None:
    """The whole thousand, and one call."""
    table = Table(title=f"Search of {COMPONENTS:,} unfiltered trial components, ms of server CPU")
    for heading in ("what", "Stepwell", "moto", "ratio", "answers"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    running = [peers.stepwell(folder / "stepwell"), peers.moto(folder / "moto")]
    try:
        for peer in running:
            create(peer)
            all_of_them(peer)
        for name, act, unit in (("one call", first_page, "results"), ("all of them", all_of_them, "calls")):
            ours, theirs = ([measured(peer, act, 5) for _ in range(3)] for peer in running)
            mine, other = middle([each[1] for each in ours]), middle([each[1] for each in theirs])
            ratio = other / mine
            goal = "" if name != "one call" else f" (goal {GOAL_RATIO}x)"
            answers = f"{ours[0][2]} and {theirs[0][2]} {unit}"
            table.add_row(name + goal, f"{mine * 1000:.1f}", f"{other * 1000:.1f}", f"{ratio:.1f}", answers)
    finally:
        for peer in running:
            peer.stop()
    console.print(table)


def fill(path: Path, number: int) -> None:
    """A data folder with so many components; nothing is left to be recorded of them."""
    path.mkdir(parents=True)
    database, chance = Database(path / "stepwell.db"), random.Random(1)
    with database.write() as transaction:
        for each in range(number):
            moment = 1.7e9 + each
            document = {
                "DisplayName": f"component-{each}",
                "Parameters": {"rate": {"NumberValue": chance.random()}, "kind": {"StringValue": "tree"}},
                "InputArtifacts": {"data": {"Value": f"s3://bucket/{each}", "MediaType": "text/csv"}},
            }
            key = resources.key(SCOPE, "experiment-trial-component", f"component-{each}")
            made = resources.add(transaction, Resource(key, "", moment, moment, document))
            rows = {name: (1, value, 0.0, value, value, value, moment) for name, value in values(chance)}
            component_metrics.put(transaction, made.id, rows)
        transaction.connection.execute(text("DELETE FROM unrecorded"))
    database.close()


def values(chance: random.Random) -> list[tuple[str, float]]:
    return [("loss", chance.random()), ("accuracy", chance.random())]


def by_size(console: Console, folder: Path, most: int) -> None:
    """The same searches over tables that grow tenfold."""
    table = Table(title="Search with filter and sort, ms: p50 wall / server CPU, 10 results; first: with its index")
    table.add_column("what")
    columns: dict[str, list[str]] = {name: [] for name in FILTERED}
    worst = 0.0
    size = most
    while size >= COMPONENTS:
        table.add_column(f"{size:,}", justify="right")
        table.add_column("first, s", justify="right")
        fill(folder / str(size) / "data", size)
        peer = peers.stepwell(folder / str(size))
        try:
            for name, request in FILTERED.items():
                begun = time.perf_counter()
                peer.client("sagemaker").search(Resource=RESOURCE, **request)
                first = time.perf_counter() - begun
                wall, cpu, found = measured(peer, lambda of, request=request: search(of, request), 20)  # type: ignore[misc]
                if found == 0:
                    raise ValueError(f"{name} found nothing among {size:,}")
                worst = max(worst, wall) if size == most else worst
                columns[name] += [f"{wall * 1000:.1f} / {cpu * 1000:.1f}", f"{first:.1f}"]
        finally:
            peer.stop()
        size //= 10
    for name, cells in columns.items():
        table.add_row(name, *cells)
    console.print(table)
    verdict = "[green]met[/]" if worst < GOAL_SECONDS else "[red]missed[/]"
    console.print(f"Goal: under {GOAL_SECONDS * 1000:.0f} ms over {most:,}: {verdict}")


def search(peer: peers.Peer, request: dict[str, object]) -> int:
    return len(peer.client("sagemaker").search(Resource=RESOURCE, **request)["Results"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=100_000, help="components of the largest table")
    arguments = parser.parse_args()
    console = Console(width=None if Console().is_terminal else 120)
    with tempfile.TemporaryDirectory(prefix="stepwell-bench-") as folder:
        beside_moto(console, Path(folder))
        by_size(console, Path(folder), arguments.most)


if __name__ == "__main__":
    main()
