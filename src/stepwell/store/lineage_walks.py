"""Room store: a walk along associations, level by level from one entity. In: ids. Out: ids, each once.

Whatever is found stands in the order of its distance from the start, and of its id: an order that does not depend on
how far the walk has come, so a walk may stand still between pages, be lost, and be made again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection

from stepwell.store import associations
from stepwell.store.associations import Direction

MAPPED_BYTES = 2_000_000_000
"""Of the database's file; SQLite maps no more than 2 GiB."""

_OPPOSITE: dict[Direction, Direction] = {
    "Descendants": "Ascendants",
    "Ascendants": "Descendants",
    "Both": "Both",
}


@dataclass(slots=True)
class Walk:
    """A walk of at most `most_depth` edges. `depths` says how far from the start each found entity is."""

    direction: Direction
    most_depth: int
    depths: dict[int, int]
    frontier: list[int]
    depth: int = 0
    levels: list[list[int]] = field(default_factory=list)
    """What was found at each distance, in order."""

    @property
    def is_over(self) -> bool:
        """Whether there is nothing further to find."""
        return not self.frontier or self.depth >= self.most_depth

    def further(self, connection: Connection) -> list[int]:
        """What is one edge further than all that was found before, in order."""
        near = associations.neighbours(connection, self.frontier, self.direction)
        self.frontier = sorted(near.difference(self.depths))
        self.depth += 1
        self.depths.update(dict.fromkeys(self.frontier, self.depth))
        self.levels.append(self.frontier)
        return self.frontier

    def on_the_way(self, connection: Connection, found: Iterable[int]) -> set[int]:
        """Every entity on a shortest path from the start to one of these, which the walk has found; and both ends."""
        marked = set(found)
        by_depth: dict[int, set[int]] = {}
        for each in marked:
            by_depth.setdefault(self.depths[each], set()).add(each)
        for depth in range(max(by_depth, default=0), 0, -1):
            here = by_depth.get(depth, set())
            near = associations.neighbours(connection, here, _OPPOSITE[self.direction]) if here else set()
            before = {each for each in near if self.depths.get(each) == depth - 1}
            by_depth.setdefault(depth - 1, set()).update(before)
            marked |= before
        return marked


def begin(connection: Connection, start: int, direction: Direction, most_depth: int) -> Walk:
    """A walk that has found nothing but its start."""
    # A walk reads thousands of pages here and there. From a mapped file that takes half the time: no call for each.
    connection.exec_driver_sql(f"PRAGMA mmap_size={MAPPED_BYTES}")
    return Walk(direction, most_depth, {start: 0}, [start], levels=[[start]])
