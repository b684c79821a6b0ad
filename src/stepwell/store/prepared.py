"""Room store: questions that are asked all the time. In: a SELECT of SQLAlchemy Core. Out: rows, as plain tuples.

SQLAlchemy says the statement and the columns' types; the driver runs it. What lies between the two in an ordinary
`execute` (its cache, contexts, results and rows) costs several times as much as the look-up itself, most of all on
a processor whose caches another process used a moment ago. Only for where nearly all requests come by.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from sqlalchemy import Connection, Dialect, Select

Reader: TypeAlias = Callable[[object], object]
Compiled: TypeAlias = tuple[str, tuple[str, ...], tuple[Reader | None, ...]]
"""The statement's text, its parameters in order, and how each column becomes a value (None: as it is)."""


class Prepared:
    """A SELECT whose text never changes. Its parameters reach the driver as they are: texts and numbers."""

    __slots__ = ("_compiled", "_statement")

    def __init__(self, statement: Select[Any]) -> None:
        self._statement = statement
        self._compiled: Compiled | None = None

    def first(self, connection: Connection, **parameters: object) -> tuple[object, ...] | None:
        """The first row, or None when there is none."""
        if self._compiled is None:
            self._compiled = _compiled(self._statement, connection.dialect)
        text, order, readers = self._compiled
        cursor = connection.connection.cursor()
        try:
            cursor.execute(text, [parameters[name] for name in order])
            row = cursor.fetchone()
        finally:
            cursor.close()
        if row is None:
            return None
        return tuple(read(value) if read else value for read, value in zip(readers, row, strict=True))


def _compiled(statement: Select[Any], dialect: Dialect) -> Compiled:
    compiled = statement.compile(dialect=dialect)
    types = (column.type.dialect_impl(dialect) for column in statement.selected_columns)
    return (
        str(compiled),
        tuple(compiled.positiontup or ()),
        tuple(type_.result_processor(dialect, None) for type_ in types),
    )
