"""Room machines: which training jobs of a tuning job are not worth going on with. In: values so far. Out: a claim.

Two rules: the median rule of TrainingJobEarlyStoppingType Auto (developer guide, "Stop training jobs early"), and
successive halving for the strategy Hyperband, asynchronous, so that nobody waits for others. How many earlier jobs
the median needs, and the factor of the halving, AWS does not say (docs/decisions/0018).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stepwell.machines.tuning_search import number_of

EARLIER = 4
"""So many jobs must have come as far before the median means something."""
MOST_VALUES = 1000
"""Of so many values of an ended job the median rule knows; later values are not compared."""
FACTOR = 3
"""Of jobs that reach a rung, one in so many goes on."""


def is_below_median(values: Sequence[float], earlier: Sequence[Sequence[float]], *, minimize: bool) -> bool:
    """Whether the newest value is worse than the median of the earlier jobs' averages up to the same point."""
    point = len(values)
    averages = sorted(math.fsum(each[:point]) / point for each in earlier if len(each) >= point > 0)
    if len(averages) < EARLIER:
        return False
    middle = len(averages) // 2
    median = averages[middle] if len(averages) % 2 else (averages[middle - 1] + averages[middle]) / 2
    return values[-1] > median if minimize else values[-1] < median


@dataclass(frozen=True, slots=True)
class Hyperband:
    """From `least` to `most` units of the resource: values of the objective metric, which a job emits once a unit."""

    least: int
    most: int

    @property
    def brackets(self) -> tuple[tuple[int, ...], ...]:
        """The rungs of each bracket: after how many units it is decided who goes on; the boldest bracket first."""
        rungs = []
        rung = self.least
        while rung < self.most:
            rungs.append(rung)
            rung *= FACTOR
        return tuple(tuple(rungs[skipped:]) for skipped in range(len(rungs) + 1))

    def rungs_of(self, number: int, seed: str) -> tuple[int, ...]:
        """The rungs of trial `number`: as many trials begin in a bracket as Hyperband's budgets say."""
        brackets = self.brackets
        weights = [FACTOR ** len(rungs) / (len(rungs) + 1) for rungs in brackets]
        place = number_of(seed, "bracket", str(number)) / 2**64 * sum(weights)
        for rungs, weight in zip(brackets, weights, strict=True):
            place -= weight
            if place < 0:
                return rungs
        return brackets[-1]


def goes_on(value: float, others: Sequence[float], *, minimize: bool) -> bool:
    """Whether a job with this value at a rung is among the best of those that reached it; the first all go on."""
    reached = len(others) + 1
    better = sum(other < value if minimize else other > value for other in others)
    return reached < FACTOR or better < reached // FACTOR
