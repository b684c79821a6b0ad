"""Room store: callback tokens of pipeline steps, and the answer each of them got.

A token is made in the transaction that sends it to a queue, and answered once. It stays when its step is over, so
that a late answer is told from one to a token that never was.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import JSON, Column, Connection, Float, String, Table, bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from stepwell.base.documents import Document
from stepwell.store.database import Transaction, metadata

table = Table(
    "callbacks",
    metadata,
    Column("token", String, primary_key=True),
    Column("execution", String, nullable=False),
    Column("step", String, nullable=False),
    Column("expires", Float, nullable=False),
    Column("status", String, nullable=False),
    Column("outputs", JSON, nullable=False),
    Column("reason", String),
    Column("request", String),
)

_FIND = select(table).where(table.c.token == bindparam("of_token"))
_FIELDS = tuple(column.name for column in table.c)
_SAVE = insert(table).values({name: bindparam(name) for name in _FIELDS})
_SAVE = _SAVE.on_conflict_do_update(
    index_elements=["token"], set_={name: _SAVE.excluded[name] for name in _FIELDS if name != "token"}
)

WAITING = "Waiting"


@dataclass(frozen=True, slots=True)
class Callback:
    """One token. `status` is Waiting, Succeeded, Failed or Closed; `request` says which request answered it."""

    token: str
    execution: str
    step: str
    expires: float
    status: str = WAITING
    outputs: tuple[Document, ...] = ()
    reason: str | None = None
    request: str | None = None


def save(transaction: Transaction, callback: Callback) -> None:
    """Insert the token, or bring its row up to date."""
    row = {name: getattr(callback, name) for name in _FIELDS}
    transaction.connection.execute(_SAVE, {**row, "outputs": list(callback.outputs)})


def find(connection: Connection, token: str) -> Callback | None:
    """The token's row, or None."""
    row = connection.execute(_FIND, {"of_token": token}).one_or_none()
    if row is None:
        return None
    return Callback(**{**row._mapping, "outputs": tuple(row.outputs)})


def remove_of_pipeline(transaction: Transaction, pipeline: str) -> None:
    """Forget the tokens of all executions of the pipeline of that ARN."""
    of_it = table.c.execution.startswith(f"{pipeline}/execution/", autoescape=True)
    transaction.connection.execute(delete(table).where(of_it))
