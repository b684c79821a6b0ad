"""Tags of anything that has an ARN."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Column, Connection, String, Table, and_, bindparam, delete, insert, select

from stepwell.store.database import Transaction, metadata

table = Table(
    "tags",
    metadata,
    Column("arn", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("value", String, nullable=False),
)


_OF = select(table.c.key, table.c.value).where(table.c.arn == bindparam("arn")).order_by(table.c.key)


def of(connection: Connection, arn: str) -> dict[str, str]:
    """All tags of `arn`, by key in the order of the keys."""
    return {row.key: row.value for row in connection.execute(_OF, {"arn": arn})}


def put(transaction: Transaction, arn: str, tags: Mapping[str, str]) -> None:
    """Add these tags; a key that stands already gets the new value."""
    if not tags:
        return
    remove(transaction, arn, tags)
    rows = [{"arn": arn, "key": key, "value": value} for key, value in tags.items()]
    transaction.connection.execute(insert(table), rows)


def remove(transaction: Transaction, arn: str, keys: Iterable[str]) -> None:
    """Remove these keys; those that do not stand are ignored."""
    transaction.connection.execute(delete(table).where(and_(table.c.arn == arn, table.c.key.in_(list(keys)))))


def clear(transaction: Transaction, arn: str) -> None:
    """Remove all tags of `arn`."""
    transaction.connection.execute(delete(table).where(table.c.arn == arn))
