"""Room store: jobs whose trial component a user deleted: it is not made again when the job changes.

In: row ids of jobs, which never come back (a later job of the same name has another one).
"""

from __future__ import annotations

from sqlalchemy import Column, Connection, Integer, Table, bindparam, select
from sqlalchemy.dialects.sqlite import insert

from stepwell.store.database import Transaction, metadata
from stepwell.store.prepared import Prepared

table = Table("removed_components", metadata, Column("job", Integer, primary_key=True))

_ADD = Prepared(insert(table).values(job=bindparam("of_job")).on_conflict_do_nothing())
_FIND = Prepared(select(table.c.job).where(table.c.job == bindparam("of_job")))


def add(transaction: Transaction, job: int) -> None:
    """The component of the job of that row id was deleted."""
    _ADD.run(transaction.connection, of_job=job)


def has(connection: Connection, job: int) -> bool:
    """Whether it was."""
    return _FIND.first(connection, of_job=job) is not None
