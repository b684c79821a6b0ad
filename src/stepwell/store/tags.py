"""Tags of anything that has an ARN."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Column, Connection, String, Table, bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from stepwell.store.database import Transaction, metadata
from stepwell.store.prepared import Prepared

table = Table(
    "tags",
    metadata,
    Column("arn", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("value", String, nullable=False),
)


_OF = Prepared(select(table.c.key, table.c.value).where(table.c.arn == bindparam("of_arn")).order_by(table.c.key))
_INSERT = insert(table).values(arn=bindparam("arn"), key=bindparam("key"), value=bindparam("value"))
_PUT = Prepared(_INSERT.on_conflict_do_update(index_elements=["arn", "key"], set_={"value": _INSERT.excluded.value}))
_REMOVE = Prepared(delete(table).where(table.c.arn == bindparam("of_arn"), table.c.key == bindparam("of_key")))
_CLEAR = Prepared(delete(table).where(table.c.arn == bindparam("of_arn")))


def of(connection: Connection, arn: str) -> dict[str, str]:
    """All tags of `arn`, by key in the order of the keys."""
    return dict(_OF.all(connection, of_arn=arn))


def put(transaction: Transaction, arn: str, tags: Mapping[str, str]) -> None:
    """Add these tags; a key that stands already gets the new value."""
    _PUT.run_all(transaction.connection, ({"arn": arn, "key": key, "value": value} for key, value in tags.items()))


def remove(transaction: Transaction, arn: str, keys: Iterable[str]) -> None:
    """Remove these keys; those that do not stand are ignored."""
    _REMOVE.run_all(transaction.connection, ({"of_arn": arn, "of_key": key} for key in keys))


def clear(transaction: Transaction, arn: str) -> None:
    """Remove all tags of `arn`."""
    _CLEAR.run(transaction.connection, of_arn=arn)
