"""What it takes to understand a definition of 10,000 steps: parse, check, plan. In: workloads. Out: seconds of each.

Nothing runs and nothing is served: these are the functions that CreatePipeline and the engine call, in this process.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from engine_stepwell import definition
from engine_workloads import WORKLOADS, Workload, layers
from meters import middle

from stepwell.checks.running import findings
from stepwell.definition.parse import parse
from stepwell.machines.pipeline_execution import plan_of
from stepwell.spec import models

ROUNDS = 3
LARGE = (
    WORKLOADS["W4"],
    Workload("400 x 25", "10,000 steps in 400 layers, each on 3 of the layer before", lambda: layers(400, 25, 3)),
)


@dataclass(frozen=True, slots=True)
class Planning:
    """Seconds, each the median of some rounds. `checked` is parsing and checking together, as in CreatePipeline."""

    characters: int
    parsed: float
    checked: float
    planned: float

    @property
    def whole(self) -> float:
        return self.checked + self.planned


def measure(workload: Workload) -> Planning:
    """Raises AssertionError when the definition is found wrong: then there is nothing to measure."""
    text = definition(workload)
    pipeline = parse(text)
    assert not findings(text, models.operation)[1]
    return Planning(
        len(text),
        seconds(lambda: parse(text)),
        seconds(lambda: findings(text, models.operation)),
        seconds(lambda: plan_of(pipeline)),
    )


def seconds(act: Callable[[], object]) -> float:
    taken = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        act()
        taken.append(time.process_time() - begun)
    return middle(taken)
