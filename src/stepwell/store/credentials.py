"""Access keys: the root key of the installation and the short-lived keys of assumed roles and jobs."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Column, Connection, Float, Index, String, Table, bindparam, delete, insert, select

from stepwell.store.database import Transaction, metadata
from stepwell.store.prepared import Prepared

table = Table(
    "credentials",
    metadata,
    Column("access_key_id", String, primary_key=True),
    Column("secret", String, nullable=False),
    Column("session_token", String),
    Column("account", String, nullable=False),
    Column("principal", String, nullable=False),
    Column("expires", Float),
    Index("credential_expires", "expires"),
)


@dataclass(frozen=True, slots=True)
class Credential:
    """One access key. `principal` is the ARN it stands for; `expires` epoch seconds, None for the root key."""

    access_key_id: str
    secret: str
    session_token: str | None
    account: str
    principal: str
    expires: float | None


_INSERT = Prepared(insert(table).values({name: bindparam(name) for name in Credential.__slots__}))
_FORGET = Prepared(delete(table).where(table.c.expires < bindparam("before")))


def add(transaction: Transaction, credential: Credential) -> None:
    """Store a new key."""
    _INSERT.run(transaction.connection, **{name: getattr(credential, name) for name in Credential.__slots__})


def find(connection: Connection, access_key_id: str) -> Credential | None:
    """The key of that id, expired or not."""
    row = connection.execute(select(table).where(table.c.access_key_id == access_key_id)).one_or_none()
    return Credential(**row._mapping) if row else None


def root(connection: Connection) -> Credential | None:
    """The key that never expires, made at the first start."""
    row = connection.execute(select(table).where(table.c.expires.is_(None)).limit(1)).one_or_none()
    return Credential(**row._mapping) if row else None


def forget_expired(transaction: Transaction, before: float) -> None:
    """Delete keys that expired before that moment (epoch seconds)."""
    _FORGET.run(transaction.connection, before=before)
