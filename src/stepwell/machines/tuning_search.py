"""Room machines: searches that need no results. In: ranges, a seed, the number of a trial. Out: its values.

A trial's values follow from the seed and its number and nothing else, so whoever comes back after a crash finds the
same. No point is tried twice as long as there are others. The search that learns is in runtime/tuning_bayesian.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence

from stepwell.machines.tuning_ranges import Range, Values, at, combination, combinations

DRAWS = 50
"""So often is something new looked for by chance, before the points are gone through one by one."""

Key = frozenset[tuple[str, str]]


def key(values: Values) -> Key:
    """The same for the same values."""
    return frozenset(values.items())


def number_of(*causes: str) -> int:
    """A number of 64 bits that depends on `causes` and nothing else."""
    return int.from_bytes(hashlib.sha256("\0".join(causes).encode()).digest()[:8])


def random_values(ranges: Sequence[Range], seed: str, number: int, taken: Collection[Key]) -> Values | None:
    """Values by chance that nobody has tried yet; None when every combination was tried."""
    return untaken(lambda draw: _drawn(ranges, f"{seed}/{number}/{draw}"), ranges, taken)


def untaken(propose: Callable[[int], Values], ranges: Sequence[Range], taken: Collection[Key]) -> Values | None:
    """The first of the proposals number 0, 1, 2 … that is not `taken`, else the first such combination there is."""
    count = combinations(ranges)
    if count is not None and len(taken) >= count:
        return None
    for draw in range(DRAWS):
        values = propose(draw)
        if key(values) not in taken:
            return values
    if count is None:
        return propose(0)
    points = (combination(ranges, index) for index in range(count))
    return next((values for values in points if key(values) not in taken), None)


def grid_values(spaces: Sequence[Sequence[Range]], number: int) -> tuple[int, Values] | None:
    """The space and the values of trial `number` (from 1), one space after the other; None: there is no such."""
    index = number - 1
    for space, ranges in enumerate(spaces):
        count = combinations(ranges) or 0
        if index < count:
            return space, combination(ranges, index)
        index -= count
    return None


def _drawn(ranges: Sequence[Range], seed: str) -> Values:
    return {each.name: at(each, _unit(seed, each.name)) for each in ranges}


def _unit(*causes: str) -> float:
    """A number from 0 to 1 (exclusive)."""
    return (number_of(*causes) >> 11) / 2**53
