"""Room store: S3's buckets, and the documents that are put beside them.

A bucket's name is unique in the installation, as it is in the world. Objects refer to its row id, so a bucket that
is made again under an old name starts empty. `versioning` is "", "Enabled" or "Suspended". A document (policy,
CORS rules, …) is stored as the client sent it, by the kind its operations give it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Float,
    ForeignKey,
    Integer,
    Row,
    String,
    Table,
    and_,
    bindparam,
    delete,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import IntegrityError

from stepwell.base.documents import Document
from stepwell.store.database import Transaction, metadata

table = Table(
    "buckets",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("account", String, nullable=False),
    Column("region", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("versioning", String, nullable=False, default=""),
    sqlite_autoincrement=True,
)

documents = Table(
    "bucket_documents",
    metadata,
    Column("bucket", ForeignKey(table.c.id, ondelete="CASCADE"), primary_key=True),
    Column("kind", String, primary_key=True),
    Column("document", JSON, nullable=False),
)

ENCRYPTION = "encryption"
"""The kind of the document that every write to a bucket looks at: it is read with the bucket."""

# Made once: building a statement costs five times what running it does, and every S3 request runs this one.
_FIND = (
    select(table, documents.c.document.label("encryption"))
    .outerjoin(documents, and_(documents.c.bucket == table.c.id, documents.c.kind == ENCRYPTION))
    .where(table.c.name == bindparam("name"))
)


@dataclass(frozen=True, slots=True)
class Bucket:
    """One row; `created` is epoch seconds, `encryption` the document of that kind (None: there is none)."""

    name: str
    account: str
    region: str
    created: float
    versioning: str = ""
    encryption: Document | None = None
    id: int = 0


class AlreadyExists(Exception):
    """A bucket of that name stands already."""


class NotEmpty(Exception):
    """The bucket holds versions or delete markers."""


def add(transaction: Transaction, bucket: Bucket) -> Bucket:
    """Insert; raises AlreadyExists. Returns the bucket with its row id."""
    values = {name: getattr(bucket, name) for name in ("name", "account", "region", "created", "versioning")}
    try:
        result = transaction.connection.execute(table.insert().values(**values))
    except IntegrityError as error:
        raise AlreadyExists(bucket.name) from error
    (row_id,) = result.inserted_primary_key or (0,)
    return replace(bucket, id=row_id)


def find(connection: Connection, name: str) -> Bucket | None:
    """The bucket of that name, or None."""
    row = connection.execute(_FIND, {"name": name}).one_or_none()
    if row is None:
        return None
    return Bucket(row.name, row.account, row.region, row.created, row.versioning, row.encryption, row.id)


def page(
    connection: Connection, account: str, *, prefix: str = "", region: str = "", after: str = "", limit: int
) -> tuple[list[Bucket], str | None]:
    """Buckets of an account by name, without documents, and the name after which the next page begins."""
    query = select(table).where(table.c.account == account, table.c.name > after)
    if prefix:
        query = query.where(table.c.name.startswith(prefix, autoescape=True))
    if region:
        query = query.where(table.c.region == region)
    found = [_bucket(row) for row in connection.execute(query.order_by(table.c.name).limit(limit + 1))]
    return found[:limit], found[limit - 1].name if len(found) > limit else None


def remove(transaction: Transaction, bucket: Bucket) -> None:
    """Delete the bucket and its documents. Raises NotEmpty."""
    try:
        transaction.connection.execute(delete(table).where(table.c.id == bucket.id))
    except IntegrityError as error:
        raise NotEmpty(bucket.name) from error


def set_versioning(transaction: Transaction, bucket: Bucket, status: str) -> None:
    """From now on writes to the bucket make versions ("Enabled") or replace the null version ("Suspended")."""
    transaction.connection.execute(update(table).where(table.c.id == bucket.id).values(versioning=status))


def document(connection: Connection, bucket: Bucket, kind: str) -> Document | None:
    """The document of that kind, or None."""
    wanted = (documents.c.bucket == bucket.id, documents.c.kind == kind)
    found: Document | None = connection.execute(select(documents.c.document).where(*wanted)).scalar_one_or_none()
    return found


def put_document(transaction: Transaction, bucket: Bucket, kind: str, content: Document) -> None:
    """Keep the document in place of any other of its kind."""
    statement = insert(documents).values(bucket=bucket.id, kind=kind, document=content)
    statement = statement.on_conflict_do_update(index_elements=["bucket", "kind"], set_={"document": content})
    transaction.connection.execute(statement)


def remove_document(transaction: Transaction, bucket: Bucket, kind: str) -> None:
    """Forget the document, if there is one."""
    wanted = (documents.c.bucket == bucket.id, documents.c.kind == kind)
    transaction.connection.execute(delete(documents).where(*wanted))


def _bucket(row: Row[tuple[object, ...]]) -> Bucket:
    return Bucket(row.name, row.account, row.region, row.created, row.versioning, id=row.id)
