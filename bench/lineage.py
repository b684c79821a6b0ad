"""`python bench/lineage.py`: QueryLineage beside a plain recursive CTE, over the same rows of one database.

In: this checkout, a folder for databases of some hundred megabytes. Out: a table on standard output. Each graph has
three edges from every entity; about 5,000 entities are within ten edges of the start. "near" joins entities whose ids
are close together, as those of one project are; "far" is the same graph with its ids shuffled.

* walk: what the server does to find everything within ten edges (store/lineage_walks.py).
* CTE: the same set by one `WITH RECURSIVE`, with the same integer ids and the same indexes.
* first page, next page: 50 vertices and their edges; whole, filtered: everything is walked and looked at, none fits.
  These go through the door, without HTTP.
"""

from __future__ import annotations

import argparse
import gc
import random
import tempfile
import time
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from meters import middle
from rich.console import Console
from rich.table import Table
from sqlalchemy import bindparam, insert, text

from stepwell.base.arn import Scope
from stepwell.blobs.folder import Blobs
from stepwell.services.registry import Door, Site
from stepwell.store import associations, lineage_entities, lineage_walks, resources, tables
from stepwell.store.database import Connection, Database
from stepwell.store.prepared import Prepared

__all__ = ["tables"]

Cost: TypeAlias = tuple[float, float]
"""Wall and processor seconds."""

SCOPE = Scope("123456789012", "us-east-1", "arn:aws:sts::123456789012:assumed-role/SageMakerRole/bench")
DEPTH = 10
EDGES = 3
REACH = 1000
"""An entity is joined to entities at most this many places further on: ten steps reach about five times as many."""
STARTS = 21
WARMING = 3
CHUNK = 20_000
ADD_RESOURCE, ADD_ENTITY, ADD_EDGE = (
    Prepared(insert(table).values({column.name: bindparam(column.name) for column in table.c}))
    for table in (resources.table, lineage_entities.table, associations.table)
)
CTE = text(
    "WITH RECURSIVE walk(entity, depth) AS (SELECT :start, 0 UNION SELECT associations.destination, depth + 1 "
    "FROM walk JOIN associations ON associations.source = walk.entity WHERE depth < :depth) "
    "SELECT DISTINCT entity FROM walk"
)


def build(database: Database, size: int, *, far: bool) -> list[int]:
    """A graph of `size` entities. Returns their ids by place."""
    dice = random.Random(size)
    ids = list(range(1, size + 1))
    if far:
        dice.shuffle(ids)
    indexes = [*resources.table.indexes, *lineage_entities.table.indexes, *associations.table.indexes]
    with database.write() as transaction:
        for index in indexes:
            index.drop(transaction.connection)
    for begin in range(1, size + 1, CHUNK):
        rows = [_resource(number) for number in range(begin, min(begin + CHUNK, size + 1))]
        with database.write() as transaction:
            ADD_RESOURCE.run_all(transaction.connection, rows)
            ADD_ENTITY.run_all(transaction.connection, (_entity(row) for row in rows))
    offsets = array("H", (dice.randint(1, REACH) for _ in range(EDGES * size)))
    places = sorted(range(size), key=ids.__getitem__)
    for begin in range(0, size, CHUNK):
        with database.write() as transaction:
            ADD_EDGE.run_all(transaction.connection, _edges(offsets, ids, places[begin : begin + CHUNK]))
    with database.write() as transaction:
        for index in indexes:
            index.create(transaction.connection)
    return ids


def _resource(number: int) -> dict[str, object]:
    return {
        "id": number,
        "kind": "artifact",
        "account": SCOPE.account,
        "region": SCOPE.region,
        "parent": "",
        "name": f"{number:032x}",
        "status": "",
        "created": float(number),
        "modified": float(number),
        "document": {"Source": {"SourceUri": f"s3://bucket/{number}"}, "ArtifactType": "DataSet"},
        "revision": 0,
    }


def _entity(row: dict[str, object]) -> dict[str, object]:
    kept = {name: row[name] for name in ("id", "kind", "account", "region", "name", "created", "modified")}
    return {
        **kept,
        "title": "",
        "type": ("DataSet", "Model")[int(str(row["id"])) % 2],
        "uri": f"s3://bucket/{row['id']}",
    }


def _edges(offsets: array[int], ids: list[int], places: list[int]) -> Iterator[dict[str, object]]:
    for place in places:
        for other in {place + offset for offset in offsets[EDGES * place : EDGES * place + EDGES]}:
            if other < len(ids):
                yield {"source": ids[place], "destination": ids[other], "type": "ContributedTo", "created": 1.0}


def walked(connection: Connection, start: int) -> int:
    """How many the server's walk finds."""
    walk = lineage_walks.begin(connection, start, "Descendants", DEPTH)
    while not walk.is_over:
        walk.further(connection)
    return len(walk.depths)


def recursed(connection: Connection, start: int) -> int:
    """How many the CTE finds."""
    return len(connection.execute(CTE, {"start": start, "depth": DEPTH}).all())


def beside(connection: Connection, starts: list[int]) -> tuple[list[Cost], list[int]]:
    """What walk and CTE cost, taking turns, in the middle of all starts; and how many entities they found."""
    costs: list[list[Cost]] = [[], []]
    found = []
    for start in starts:
        answers = []
        for act, cost in zip((walked, recursed), costs, strict=True):
            wall, processor = time.perf_counter(), time.thread_time()
            answers.append(act(connection, start))
            cost.append((time.perf_counter() - wall, time.thread_time() - processor))
        if answers[0] != answers[1]:
            raise AssertionError(f"walk and CTE disagree from {start}: {answers}")
        found.append(answers[0])
    return [(middle([wall for wall, _ in cost]), middle([cpu for _, cpu in cost])) for cost in costs], found


def measure(folder: Path, size: int, *, far: bool) -> list[str]:
    """One row of the table."""
    database = Database(folder / f"{size}-{'far' if far else 'near'}.db")
    ids = build(database, size, far=far)
    door = Door(Site(folder, SCOPE.account, "http://127.0.0.1:0", database, Blobs(folder / "blobs")))
    dice = random.Random(1)
    starts = [ids[dice.randrange(size - (DEPTH + 1) * REACH)] for _ in range(STARTS)]
    gc.collect()
    with database.read() as connection:
        beside(connection, starts[:WARMING])
        (walk, cte), found = beside(connection, starts)
    pages = [_pages(door, start) for start in starts]
    first, second = (middle([page[place] for page in pages]) for place in (0, 1))
    whole = middle([_filtered(door, start) for start in starts])
    database.close()
    return [
        f"{size:,}",
        "far" if far else "near",
        f"{middle([float(each) for each in found]):,.0f}",
        *(shown(wall, cpu) for wall, cpu in (walk, cte)),
        f"{cte[0] / walk[0]:.1f} ({cte[1] / walk[1]:.1f})",
        *(f"{each * 1000:.1f} ms" for each in (first, second, whole)),
    ]


def shown(wall: float, cpu: float) -> str:
    """Wall and processor time."""
    return f"{wall * 1000:.1f} ({cpu * 1000:.1f}) ms"


def _pages(door: Door, start: int) -> tuple[float, float]:
    """Seconds of the first page with edges, and of the second."""
    arn = SCOPE.arn("sagemaker", f"artifact/{start:032x}")
    request = {"StartArns": [arn], "Direction": "Descendants", "MaxDepth": DEPTH, "MaxResults": 50}
    begun = time.perf_counter()
    answer = door.call(SCOPE, "sagemaker", "QueryLineage", request)
    between = time.perf_counter()
    door.call(SCOPE, "sagemaker", "QueryLineage", {**request, "NextToken": answer["NextToken"]})
    return between - begun, time.perf_counter() - between


def _filtered(door: Door, start: int) -> float:
    """Seconds of a query whose filter lets nothing through, so that everything is walked and looked at."""
    arn = SCOPE.arn("sagemaker", f"artifact/{start:032x}")
    begun = time.perf_counter()
    request = {
        "StartArns": [arn],
        "Direction": "Descendants",
        "Filters": {"Types": ["Endpoint"]},
        "IncludeEdges": False,
    }
    answer = door.call(SCOPE, "sagemaker", "QueryLineage", {**request, "MaxDepth": DEPTH})
    assert answer["Vertices"] == []
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--folder", type=Path, help="where the databases are made; a temporary one without")
    options = parser.parse_args()
    table = Table(
        "entities", "ids", "found", "walk", "CTE", "ratio", "first page", "next page", "whole, filtered",
        title="QueryLineage, depth 10, p50 of wall (processor) time",
    )  # fmt: skip
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for size in options.sizes:
            for far in (False, True):
                table.add_row(*measure(Path(folder), size, far=far))
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
