"""Room store: the versions of S3's objects. One row a version; the newest of a key is the latest.

A version without a blob is a delete marker. In a bucket that never had versioning every key has one version,
"null". `document` holds what S3 answers besides: headers, metadata, checksums, tags. The parts of a multipart
object are rows of their own, because there may be ten thousand. Rows are what keeps a blob alive.

`put` and `remove` are the only places that write versions: S3's rules of versioning are theirs. Reading bucket and
writing version belong in one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from stepwell.base import ids
from stepwell.base.documents import Document
from stepwell.store import buckets
from stepwell.store.buckets import Bucket
from stepwell.store.database import Transaction, metadata

NULL = "null"
"""The id of the version that is written while a bucket makes no versions."""

KEY = String().with_variant(String(collation="C"), "postgresql")
"""Sorts by the bytes of UTF-8, as SQLite's texts do."""

table = Table(
    "objects",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("bucket", ForeignKey(buckets.table.c.id), nullable=False),
    Column("key", KEY, nullable=False),
    Column("version", String, nullable=False),
    Column("is_latest", Boolean, nullable=False),
    Column("blob", String),
    Column("size", Integer, nullable=False),
    Column("etag", String, nullable=False),
    Column("modified", Float, nullable=False),
    Column("document", JSON, nullable=False),
    sqlite_autoincrement=True,
)

Index("object_versions", table.c.bucket, table.c.key, table.c.id.desc())

IS_LATEST = table.c.is_latest.is_(True)
IS_LISTED = and_(IS_LATEST, table.c.blob.is_not(None))
"""What lists of keys show. The same words make the partial index, so that such a list touches nothing else."""

Index(
    "object_listed",
    table.c.bucket,
    table.c.is_latest,  # always true here; one equality more is what makes the planner prefer this index
    table.c.key,
    unique=True,
    sqlite_where=IS_LISTED,
    postgresql_where=IS_LISTED,
)

parts = Table(
    "object_parts",
    metadata,
    Column("object", ForeignKey(table.c.id, ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("size", Integer, nullable=False),
    Column("checksum", JSON, nullable=False),
)

# Made once: building a statement costs five times what running it does.
_OF_KEY = and_(table.c.bucket == bindparam("of_bucket"), table.c.key == bindparam("of_key"))
_OF_VERSION = and_(_OF_KEY, table.c.version == bindparam("of_version"))
_FIND_LATEST = select(table).where(_OF_KEY).order_by(table.c.id.desc()).limit(1)
_FIND = select(table).where(_OF_VERSION)
_INSERT = insert(table)
_DELETE = delete(table).where(_OF_VERSION).returning(table)
_RETIRE = update(table).where(_OF_KEY, IS_LATEST).values(is_latest=False)
_NEWEST = select(func.max(table.c.id)).where(_OF_KEY).scalar_subquery()
_PROMOTE = update(table).where(table.c.id == _NEWEST).values(is_latest=True)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one key. `modified` is epoch seconds; `etag` stands without quotes."""

    key: str
    blob: str | None
    size: int
    etag: str
    modified: float
    document: Document = field(default_factory=dict)
    version: str = NULL
    is_latest: bool = True
    id: int = 0

    @property
    def is_marker(self) -> bool:
        """Whether it says that the key is deleted."""
        return self.blob is None


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart object, numbered from 1; `checksum` by S3's member names."""

    number: int
    size: int
    checksum: Document


def put(transaction: Transaction, bucket: Bucket, content: Version, of: Sequence[Part] = ()) -> Version:
    """Make `content` the latest version of its key. Returns it with its version id."""
    if bucket.versioning == "Enabled":
        version = ids.token(32, ids.ALPHANUMERIC)
    else:
        version = NULL
        _delete(transaction, bucket, content.key, NULL)
    if bucket.versioning:
        transaction.connection.execute(_RETIRE, _of(bucket, content.key))
    made = _insert(transaction, bucket, replace(content, version=version, is_latest=True))
    if of:
        rows = [{"object": made.id, "number": p.number, "size": p.size, "checksum": p.checksum} for p in of]
        transaction.connection.execute(insert(parts), rows)
    return made


def remove(transaction: Transaction, bucket: Bucket, key: str, now: float) -> Version | None:
    """Delete the key as S3 does: for good, or by a delete marker, which is returned."""
    if bucket.versioning:
        return put(transaction, bucket, Version(key, None, 0, "", now))
    _delete(transaction, bucket, key, NULL)
    return None


def remove_version(transaction: Transaction, bucket: Bucket, key: str, version: str) -> Version | None:
    """Delete one version for good and return what it was; the next newest becomes the latest."""
    gone = _delete(transaction, bucket, key, version)
    if gone is not None and gone.is_latest:
        transaction.connection.execute(_PROMOTE, _of(bucket, key))
    return gone


def set_document(transaction: Transaction, version: Version, document: Document) -> None:
    """Replace what S3 answers besides (its tags, say) without making a new version."""
    transaction.connection.execute(update(table).where(table.c.id == version.id).values(document=document))


def find(connection: Connection, bucket: Bucket, key: str, version: str | None = None) -> Version | None:
    """That version of the key, or its latest (which may be a delete marker); None if there is none."""
    if version is None:
        row = connection.execute(_FIND_LATEST, _of(bucket, key)).one_or_none()
    else:
        row = connection.execute(_FIND, {**_of(bucket, key), "of_version": version}).one_or_none()
    return _version(row) if row else None


def parts_of(connection: Connection, version: Version, *, after: int = 0, limit: int = 10_000) -> list[Part]:
    """The parts of a multipart object by number; empty for any other."""
    query = select(parts.c.number, parts.c.size, parts.c.checksum)
    query = query.where(parts.c.object == version.id, parts.c.number > after)
    rows = connection.execute(query.order_by(parts.c.number).limit(limit))
    return [Part(row.number, row.size, row.checksum) for row in rows]


def _insert(transaction: Transaction, bucket: Bucket, content: Version) -> Version:
    values = {
        "bucket": bucket.id,
        "key": content.key,
        "version": content.version,
        "is_latest": content.is_latest,
        "blob": content.blob,
        "size": content.size,
        "etag": content.etag,
        "modified": content.modified,
        "document": content.document,
    }
    (row_id,) = transaction.connection.execute(_INSERT, values).inserted_primary_key or (0,)
    return replace(content, id=row_id)


def _delete(transaction: Transaction, bucket: Bucket, key: str, version: str) -> Version | None:
    row = transaction.connection.execute(_DELETE, {**_of(bucket, key), "of_version": version}).one_or_none()
    return _version(row) if row else None


def _of(bucket: Bucket, key: str) -> dict[str, object]:
    return {"of_bucket": bucket.id, "of_key": key}


def _version(row: Row[tuple[object, ...]]) -> Version:
    return Version(
        row.key,
        row.blob,
        row.size,
        row.etag,
        row.modified,
        row.document,
        row.version,
        row.is_latest,
        row.id,
    )
