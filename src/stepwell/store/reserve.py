"""Room on the disk that is kept back for the database: when jobs have filled the disk, the rows that end them must
still be written. In: the path of a file. Out: the file, whose bytes are given back when they are needed.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import OperationalError

NAME = "reserve"
"""What it is called in the data folder."""
BYTES = 8 << 20
"""Twice what the write-ahead log grows to before it begins again."""
FULL = "database or disk is full"
PROBLEMS: tuple[type[Exception], ...] = (OperationalError, sqlite.dialect.import_dbapi().OperationalError)
"""What a write raises that finds no room: SQLAlchemy's, and the driver's own where it is spoken to directly."""


def hold(path: Path) -> None:
    """Keep the room back, unless it is kept already or there is none."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, BYTES)
        finally:
            os.close(descriptor)


def give_back(path: Path, problem: BaseException) -> None:
    """Let the database have the room if `problem` says that it has none."""
    if FULL in str(problem):
        path.unlink(missing_ok=True)
