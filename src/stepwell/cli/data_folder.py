"""How a command reads the database of a data folder, whether or not a server runs on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from stepwell import settings
from stepwell.base import times
from stepwell.base.arn import Scope
from stepwell.base.faults import validation
from stepwell.blobs.folder import Blobs
from stepwell.cli import connection
from stepwell.services.registry import Site
from stepwell.services.sagemaker import recording
from stepwell.settings import Settings
from stepwell.store import tables
from stepwell.store.database import Database

__all__ = ["Folder", "counted", "moment_text", "opened", "printable", "short_arn", "size_text", "tables"]

UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
STEP = 1000


@dataclass(frozen=True, slots=True)
class Folder:
    """What is kept, and the settings that say where and whose."""

    settings: Settings
    database: Database
    blobs: Blobs

    @property
    def scope(self) -> Scope:
        """Where names belong first of all; an ARN says so itself."""
        return connection.scope_of(self.settings)

    def catch_up(self) -> None:
        """Record what follows from resources, if a server was stopped before it did."""
        recording.catch_up(Site(self.settings.data, self.settings.account, "", self.database, self.blobs))


@contextmanager
def opened(data: str | None) -> Iterator[Folder]:
    """The data folder that was named, or that of the settings. Raises Fault when nothing is kept there; a database
    of an earlier version gets the tables that it lacks."""
    set_up = settings.load({"data": data})
    path = set_up.data / "stepwell.db"
    if not path.exists():
        raise validation(f"there is no data in {set_up.data}. Name the server's folder with --data.")
    database = Database(path)
    try:
        yield Folder(set_up, database, Blobs(set_up.data / "blobs"))
    finally:
        database.close()


def size_text(count: int) -> str:
    """A number of bytes as people say it: `12 B`, `3.4 MB`."""
    value, unit = float(count), 0
    while round(value, 1) >= STEP and unit < len(UNITS) - 1:
        value, unit = value / STEP, unit + 1
    return f"{count} B" if unit == 0 else f"{value:.1f} {UNITS[unit]}"


def printable(text: str) -> str:
    """`text` in one line and without control characters: names and URIs come from clients, and none of them may
    steer the terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)


def moment_text(moment: float) -> str:
    """A moment to the second: `2026-11-22 21:03:11Z`."""
    return times.iso(moment)[:19].replace("T", " ") + "Z"


def short_arn(arn: str) -> str:
    """What tells an ARN from others at home: `training-job/x`; anything else as it is."""
    return arn.split(":", 5)[-1] if arn.startswith("arn:") else arn


def counted(count: int, noun: str) -> str:
    """`1 job`, `2 jobs`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
