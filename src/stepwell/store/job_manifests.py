"""Room store: what exactly each job read and wrote. One row a job: objects by the hashes of their bytes.

Lineage, `stepwell diff` and `stepwell reproduce` stand on it, and it keeps blobs alive (docs/decisions/0031): an
object that was replaced in its bucket is still here. Written in the transaction in which the job has its data, and
in the one in which it has handed its outputs in. An attempt of a job replaces what the one before it wrote.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass

from sqlalchemy import Column, Connection, LargeBinary, String, Table, bindparam, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from stepwell.store.database import Transaction, metadata
from stepwell.store.prepared import Prepared

table = Table(
    "job_manifests",
    metadata,
    Column("job", String, primary_key=True),
    Column("environment", String, nullable=False),
    Column("inputs", LargeBinary, nullable=False),
    Column("outputs", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)


@dataclass(frozen=True, slots=True)
class Piece:
    """One object of an input or output. `channel` is the name of that; `blob` names the bytes."""

    channel: str
    bucket: str
    key: str
    size: int
    blob: str

    @property
    def uri(self) -> str:
        """Where it lay."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a job read and wrote, and the environment it ran in: the name of its folder, which holds the hash of its
    locks; empty for an image that brings its own."""

    environment: str
    inputs: tuple[Piece, ...]
    outputs: tuple[Piece, ...] = ()


_INSERT = insert(table)
_BEGIN = Prepared(
    _INSERT.on_conflict_do_update(
        index_elements=["job"],
        set_={name: _INSERT.excluded[name] for name in ("environment", "inputs", "outputs")},
    )
)
_END = Prepared(update(table).values(outputs=bindparam("written")).where(table.c.job == bindparam("of_job")))
_FIND = Prepared(
    select(table.c.environment, table.c.inputs, table.c.outputs).where(table.c.job == bindparam("of_job"))
)
_ALL = select(table.c.environment, table.c.inputs, table.c.outputs)
_BY_JOB = select(table.c.job, *_ALL.selected_columns)
_REMOVE = Prepared(delete(table).where(table.c.job == bindparam("of_job")))


def begin(transaction: Transaction, job: str, environment: str, inputs: Sequence[Piece]) -> None:
    """The job of that ARN has its data."""
    row = {"job": job, "environment": environment, "inputs": _packed(inputs), "outputs": _packed(())}
    _BEGIN.run(transaction.connection, **row)


def end(transaction: Transaction, job: str, outputs: Sequence[Piece]) -> None:
    """The job has handed in its outputs."""
    _END.run(transaction.connection, of_job=job, written=_packed(outputs))


def find(connection: Connection, job: str) -> Manifest | None:
    """What the job of that ARN read and wrote; None for one that never had its data."""
    row = _FIND.first(connection, of_job=job)
    return _manifest(*row) if row else None


def every(connection: Connection) -> Iterator[Manifest]:
    """All of them, in no order: for who wants to know which blobs are needed."""
    for row in connection.execute(_ALL):
        yield _manifest(*row)


def every_by_job(connection: Connection) -> Iterator[tuple[str, Manifest]]:
    """All of them with the ARNs of their jobs, in no order."""
    for job, *row in connection.execute(_BY_JOB):
        yield job, _manifest(*row)


def remove(transaction: Transaction, job: str) -> None:
    """Forget a job that was deleted."""
    _REMOVE.run(transaction.connection, of_job=job)


def _manifest(environment: str, inputs: bytes, outputs: bytes) -> Manifest:
    return Manifest(environment, _unpacked(inputs), _unpacked(outputs))


def _packed(pieces: Sequence[Piece]) -> bytes:
    return zlib.compress(json.dumps([astuple(piece) for piece in pieces]).encode(), 1) if pieces else b""


def _unpacked(packed: bytes) -> tuple[Piece, ...]:
    return tuple(Piece(*row) for row in json.loads(zlib.decompress(packed))) if packed else ()
