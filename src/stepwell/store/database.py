"""One database: connections, transactions, and what happens once a transaction is safe.

Reads run on a connection of their own and see the last commit. Writes are serial: one lock in this process,
`BEGIN IMMEDIATE` for others, so that a transaction never fails half-way because another one wrote first. Whatever a
thread reads or writes within a write of its own belongs to it, so that many small creations cost one commit.
SQLite runs in WAL mode with synchronous=NORMAL: every commit survives kill -9 (docs/decisions/0003);
`durable=True` makes it FULL, which survives power loss as well.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, MetaData, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from stepwell.store.reserve import PROBLEMS, give_back

metadata = MetaData()

__all__ = ["Connection", "Database", "Transaction", "metadata"]


class Transaction:
    """A write in progress. `connection` runs statements; `on_commit` keeps what must wait until it is safe."""

    __slots__ = ("_callbacks", "connection")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._callbacks: list[Callable[[], None]] = []

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Run `callback` after the commit; never, if the transaction fails."""
        self._callbacks.append(callback)

    def committed(self) -> None:
        """Run what was kept. Called by `Database.write` alone."""
        for callback in self._callbacks:
            callback()


class Database:
    """Opens (and creates) the database file; hands out reads and writes. Thread-safe."""

    def __init__(self, path: Path, *, durable: bool = False, reserve: Path | None = None) -> None:
        """`reserve`: a file whose room is the database's when the disk is full (`store/reserve.py`)."""
        self._engine = _sqlite(path, durable=durable)
        self._reserve = reserve
        self._writing = threading.Lock()
        self._own = _Own()
        self._idle: deque[Connection] = deque()
        """Connections nobody uses, the last used last: it is the one whose pages and statements are at hand."""
        metadata.create_all(self._engine)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees the last commit. Statements do not share a snapshot."""
        if self._own.transaction is not None:
            yield self._own.transaction.connection
            return
        connection = self._take()
        try:
            yield connection
        except BaseException:
            connection.close()  # a statement may have been left half-way; the pool sees to it
            raise
        self._idle.append(connection)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction: all of it is kept when the block ends, none of it when it raises.

        Within another one of this thread it is a part of that one, which may fail without the whole failing.
        """
        whole = self._own.transaction
        if whole is not None:
            with _part_of(whole) as self._own.transaction:
                try:
                    yield self._own.transaction
                finally:
                    self._own.transaction = whole
            return
        with self._writing, self.read() as connection:
            _order(connection, "BEGIN IMMEDIATE")
            self._own.transaction = transaction = Transaction(connection)
            try:
                yield transaction
            except BaseException:
                _order(connection, "ROLLBACK")
                raise
            else:
                self._commit(connection)
            finally:
                self._own.transaction = None
        transaction.committed()

    def _commit(self, connection: Connection) -> None:
        try:
            _order(connection, "COMMIT")
        except PROBLEMS as problem:
            if self._reserve is not None:
                give_back(self._reserve, problem)
            raise

    def close(self) -> None:
        """Release every connection."""
        while self._idle:
            self._idle.pop().close()
        self._engine.dispose()

    def _take(self) -> Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._engine.connect()


class _Own(threading.local):
    """The transaction that this thread is in."""

    transaction: Transaction | None = None


@contextmanager
def _part_of(whole: Transaction) -> Iterator[Transaction]:
    _order(whole.connection, "SAVEPOINT part")
    part = Transaction(whole.connection)
    try:
        yield part
    except BaseException:
        _order(whole.connection, "ROLLBACK TO part")
        _order(whole.connection, "RELEASE part")
        raise
    _order(whole.connection, "RELEASE part")
    whole.on_commit(part.committed)


def _order(connection: Connection, words: str) -> None:
    """Tell the driver itself: SQLAlchemy's `execute` takes many times as long as these words."""
    connection.connection.cursor().execute(words)


def _sqlite(path: Path, *, durable: bool) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        isolation_level="AUTOCOMMIT",  # transactions are begun by `write`; SQLAlchemy's own would be deferred
        poolclass=QueuePool,
        pool_size=32,
        max_overflow=64,
        connect_args={"check_same_thread": False, "timeout": 60, "cached_statements": 512},
        json_serializer=_compact,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA temp_store=MEMORY")
        cursor.close()

    return engine


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
