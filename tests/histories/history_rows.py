"""What a history is: the rows of one execution, as JSON. Dumped from one database, loaded into another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sqlalchemy import select

from stepwell.store import callbacks, resources, signals, steps, tags, work
from stepwell.store.database import Database

TABLES = {
    each.name: each for each in (resources.table, steps.table, work.table, signals.table, callbacks.table, tags.table)
}
FOLDER = Path(__file__).parent
RELEASE = "0.1.0"


def dump(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Every row of the tables of executions."""
    with database.read() as connection:
        return {
            name: [dict(row._mapping) for row in connection.execute(select(table))] for name, table in TABLES.items()
        }


def load(database: Database, history: dict[str, list[dict[str, Any]]]) -> None:
    """Put the rows of a history into a database of today; columns that came later take their defaults."""
    with database.write() as transaction:
        for name, rows in history.items():
            for row in rows:
                transaction.connection.execute(TABLES[name].insert(), row)


def read(file: Path) -> dict[str, list[dict[str, Any]]]:
    return dict(json.loads(file.read_text()))
