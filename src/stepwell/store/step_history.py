"""Room store: how steps ran in earlier executions of a pipeline, with what their cache keys were made of.

In: executions and step names. Out: rows of store/steps.py, without properties. Read only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, bindparam, select

from stepwell.store.steps import Step, table

AT_ONCE = 500
"""Names in one statement; SQLite allows some thousands."""

_COLUMNS = [column for column in table.c if column.name != "properties"]
_RUNS = select(*_COLUMNS).where(
    table.c.execution == bindparam("of_execution"), table.c.name.in_(bindparam("of_names", expanding=True))
)


def runs(connection: Connection, execution: str, names: Sequence[str]) -> Iterator[Step]:
    """The rows of these steps of one execution; none for a step that has not begun."""
    for start in range(0, len(names), AT_ONCE):
        wanted = {"of_execution": execution, "of_names": names[start : start + AT_ONCE]}
        for row in connection.execute(_RUNS, wanted):
            yield Step(**row._mapping)
