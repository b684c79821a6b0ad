"""Room store: statements that run all the time. In: a statement of SQLAlchemy Core. Out: rows, as plain tuples.

SQLAlchemy says the statement and the columns' types; the driver runs it. What lies between the two in an ordinary
`execute` (its cache, contexts, results and rows) costs several times as much as the look-up itself, most of all on
a processor whose caches another process used a moment ago. Only for where nearly all requests or steps come by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from sqlalchemy import ClauseElement, Connection, Dialect
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.compiler import SQLCompiler

Convert: TypeAlias = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """The statement for one kind of database."""

    text: str
    parameters: tuple[tuple[str, Convert | None], ...]
    """In the driver's order, with what makes each value one that the driver takes (None: as it is)."""
    fixed: Mapping[str, object]
    """Parameters that are the same each time."""
    columns: tuple[Convert | None, ...]
    """What makes each column's value ours."""
    refused: type[Exception]
    """The driver's own exception for a row that may not be."""


class Prepared:
    """A statement whose text never changes. What varies is a `bindparam`."""

    __slots__ = ("_compiled", "_statement")

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._compiled: _Compiled | None = None

    def first(self, connection: Connection, **parameters: object) -> tuple[Any, ...] | None:
        """The first row, or None when there is none. Raises sqlalchemy.exc.IntegrityError, as the others do."""
        compiled = self._compiled or self._compile(connection)
        with _executed(compiled, connection, _values(compiled, parameters)) as cursor:
            row = cursor.fetchone()
        return _row(compiled, row) if row is not None else None

    def all(self, connection: Connection, **parameters: object) -> list[tuple[Any, ...]]:
        """Every row."""
        compiled = self._compiled or self._compile(connection)
        with _executed(compiled, connection, _values(compiled, parameters)) as cursor:
            return [_row(compiled, row) for row in cursor.fetchall()]

    def run(self, connection: Connection, **parameters: object) -> int:
        """Change rows: how many there were."""
        compiled = self._compiled or self._compile(connection)
        with _executed(compiled, connection, _values(compiled, parameters)) as cursor:
            return cursor.rowcount

    def run_all(self, connection: Connection, rows: Iterable[Mapping[str, object]]) -> None:
        """The same change with the parameters of each row."""
        compiled = self._compiled or self._compile(connection)
        values = [_values(compiled, parameters) for parameters in rows]
        if values:
            with _executed(compiled, connection, *values):
                pass

    def _compile(self, connection: Connection) -> _Compiled:
        self._compiled = _compiled(self._statement, connection.dialect)
        return self._compiled


def _executed(compiled: _Compiled, connection: Connection, *values: list[object]) -> closing[DBAPICursor]:
    cursor = connection.connection.cursor()
    try:
        if len(values) == 1:
            cursor.execute(compiled.text, values[0])
        else:
            cursor.executemany(compiled.text, values)
    except compiled.refused as error:
        cursor.close()
        raise IntegrityError(compiled.text, None, error) from error
    return closing(cursor)


def _values(compiled: _Compiled, given: Mapping[str, object]) -> list[object]:
    known = {**compiled.fixed, **given} if compiled.fixed else given
    return [convert(known[name]) if convert else known[name] for name, convert in compiled.parameters]


def _row(compiled: _Compiled, row: tuple[Any, ...]) -> tuple[Any, ...]:
    columns = zip(compiled.columns, row, strict=True)
    return tuple([convert(value) if convert else value for convert, value in columns])


def _compiled(statement: ClauseElement, dialect: Dialect) -> _Compiled:
    compiled = cast("SQLCompiler", statement.compile(dialect=dialect))
    order = tuple(compiled.positiontup or ())
    returned = getattr(statement, "exported_columns", ())
    assert dialect.dbapi is not None
    return _Compiled(
        str(compiled),
        tuple((name, compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in order),
        {name: compiled.binds[name].effective_value for name in order if not compiled.binds[name].required},
        tuple(column.type.dialect_impl(dialect).result_processor(dialect, None) for column in returned),
        cast("type[Exception]", dialect.dbapi.IntegrityError),
    )
