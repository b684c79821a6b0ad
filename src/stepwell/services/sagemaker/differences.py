"""How two runs differ: gathers what machines/run_differences compares, and opens the objects that differ.

In: two names, blobs. Out: a Comparison, for `stepwell diff`. Reads only, and never more of an object than LARGEST.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from stepwell.base.arn import Scope
from stepwell.blobs.folder import Blobs
from stepwell.machines import content_differences, run_differences
from stepwell.machines.content_differences import Findings
from stepwell.machines.run_differences import Row
from stepwell.machines.runs import Run
from stepwell.services.sagemaker import run_records
from stepwell.services.sagemaker.run_records import Packages
from stepwell.store.database import Connection

LARGEST = 16 << 20
"""Bytes of an object that is looked into."""
OBJECTS = ("code", "input", "output")
TOO_LARGE = Findings((f"not looked into: more than {LARGEST >> 20} MiB",))
GONE = Findings(("not looked into: the bytes are gone",))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs and every row about them, those that are the same too."""

    before: Run
    after: Run
    rows: list[Row]

    @property
    def is_same(self) -> bool:
        """Whether they were made of the same and led to the same."""
        return run_differences.is_same(self.rows)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the bytes of runs are, and what their environments hold."""

    blobs: Blobs
    packages: Packages


def compared(
    connection: Connection, source: Source, scopes: tuple[Scope, Scope], names: tuple[str, str]
) -> Comparison:
    """The comparison of the runs of these names. Raises Fault when there is no such run."""
    before, after = (
        run_records.named(connection, scope, name, source.packages) for scope, name in zip(scopes, names, strict=True)
    )
    known: dict[tuple[str, str], Findings] = {}
    rows = [_opened(row, source.blobs, known) for row in run_differences.compared(before, after)]
    return Comparison(before, after, rows)


def _opened(row: Row, blobs: Blobs, known: dict[tuple[str, str], Findings]) -> Row:
    """The row, with where the bytes differ. Of what a step before wrote that stands there already."""
    one, other = row.before, row.after
    if row.is_same or row.aspect not in OBJECTS or not isinstance(one, dict) or not isinstance(other, dict):
        return row
    pair = str(one["hash"]), str(other["hash"])
    if pair not in known:
        is_large = max(_size(one), _size(other)) > LARGEST
        known[pair] = TOO_LARGE if is_large else _looked_into(row, blobs, pair)
    found = known[pair]
    return replace(row, details=() if row.note == run_differences.MADE else found.lines, is_same=found.is_same)


def _looked_into(row: Row, blobs: Blobs, pair: tuple[str, str]) -> Findings:
    try:
        old, new = (_read(blobs, each) for each in pair)
    except FileNotFoundError:
        return GONE
    return content_differences.found(row.name, old, new, is_code=row.aspect == "code")


def _size(held: Mapping[str, object]) -> int:
    size = held["size"]
    return size if isinstance(size, int) else 0


def _read(blobs: Blobs, name: str) -> bytes:
    with blobs.open(name) as source:
        return source.read(LARGEST)
