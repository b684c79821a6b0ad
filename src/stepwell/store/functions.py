"""Which code Lambda's rows still need: one question over the generic nouns, across accounts and regions."""

from __future__ import annotations

from sqlalchemy import Connection, or_, select

from stepwell.store.resources import table

ROWS = ("lambda-function", "lambda-version")
INVOCATION = "lambda-invocation"


def code_in_use(connection: Connection) -> set[str]:
    """The code hashes that a function, a version, or an invocation on its way names."""
    of_row = table.c.document["CodeHash"].as_string()
    of_invocation = table.c.document["Function"]["CodeHash"].as_string()
    query = select(of_row, of_invocation).where(or_(table.c.kind.in_(ROWS), table.c.kind == INVOCATION))
    return {code for row in connection.execute(query) for code in row if code is not None}
