"""Room store: multipart uploads in progress, and the parts that have arrived.

An upload lives until it is completed or aborted. `document` is what its object will answer besides (headers,
metadata, tags) and how it is to be checked. A part that is sent again replaces the one before. Rows are what keeps
the parts' blobs alive.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    delete,
    or_,
    select,
)
from sqlalchemy.dialects.sqlite import insert

from stepwell.base.documents import Document
from stepwell.store import buckets, object_listing
from stepwell.store.buckets import Bucket
from stepwell.store.database import Transaction, metadata
from stepwell.store.object_listing import Page, Position, Wanted, between
from stepwell.store.objects import KEY

table = Table(
    "uploads",
    metadata,
    Column("id", String, primary_key=True),
    Column("bucket", ForeignKey(buckets.table.c.id, ondelete="CASCADE"), nullable=False),
    Column("key", KEY, nullable=False),
    Column("initiated", Float, nullable=False),
    Column("initiator", String, nullable=False),
    Column("document", JSON, nullable=False),
    Index("upload_keys", "bucket", "key", "id"),
)

parts = Table(
    "upload_parts",
    metadata,
    Column("upload", ForeignKey(table.c.id, ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("blob", String, nullable=False),
    Column("size", Integer, nullable=False),
    Column("etag", String, nullable=False),
    Column("modified", Float, nullable=False),
    Column("checksum", JSON, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload. `initiated` is epoch seconds, `initiator` the ARN of who began it."""

    id: str
    key: str
    initiated: float
    initiator: str
    document: Document = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UploadedPart:
    """A part that has arrived. `etag` is its MD5 in hexadecimal; `checksum` by S3's member names."""

    number: int
    blob: str
    size: int
    etag: str
    modified: float
    checksum: Document = field(default_factory=dict)


def add(transaction: Transaction, bucket: Bucket, upload: Upload) -> None:
    """Begin the upload."""
    values = {
        "id": upload.id,
        "bucket": bucket.id,
        "key": upload.key,
        "initiated": upload.initiated,
        "initiator": upload.initiator,
        "document": upload.document,
    }
    transaction.connection.execute(table.insert().values(**values))


def find(connection: Connection, bucket: Bucket, key: str, upload: str) -> Upload | None:
    """The upload of that id, if it is one of that key."""
    wanted = (table.c.id == upload, table.c.bucket == bucket.id, table.c.key == key)
    row = connection.execute(select(table).where(*wanted)).one_or_none()
    return _upload(row) if row else None


def remove(transaction: Transaction, upload: str) -> None:
    """Forget the upload and its parts."""
    transaction.connection.execute(delete(table).where(table.c.id == upload))


def put_part(transaction: Transaction, upload: str, part: UploadedPart) -> None:
    """Keep the part, in place of any other of its number."""
    values = {
        "upload": upload,
        "number": part.number,
        "blob": part.blob,
        "size": part.size,
        "etag": part.etag,
        "modified": part.modified,
        "checksum": part.checksum,
    }
    statement = insert(parts).values(**values)
    statement = statement.on_conflict_do_update(index_elements=["upload", "number"], set_=values)
    transaction.connection.execute(statement)


def parts_of(connection: Connection, upload: str, *, after: int = 0, limit: int = 10_000) -> list[UploadedPart]:
    """The parts that have arrived, by number."""
    query = select(parts).where(parts.c.upload == upload, parts.c.number > after)
    rows = connection.execute(query.order_by(parts.c.number).limit(limit))
    return [UploadedPart(r.number, r.blob, r.size, r.etag, r.modified, r.checksum) for r in rows]


def page(connection: Connection, bucket: Bucket, wanted: Wanted) -> Page[Upload]:
    """One page of the uploads in progress, by key and id."""

    def rows(start: Position, end: str | None, limit: int) -> list[Upload]:
        query = select(table).where(table.c.bucket == bucket.id, *between(table.c.key, start.key, end))
        if start.row is not None:
            query = query.where(or_(table.c.key > start.key, table.c.id > start.row))
        found = connection.execute(query.order_by(table.c.key, table.c.id).limit(limit))
        return [_upload(row) for row in found]

    return object_listing.page(rows, wanted, lambda last: Position(last.key, last.id))


def _upload(row: Row[tuple[object, ...]]) -> Upload:
    return Upload(row.id, row.key, row.initiated, row.initiator, row.document)
