"""Room runtime: the search that learns from results, by Optuna's tree-structured Parzen estimator.

In: ranges, what was tried and what came of it. Out: the values of the next trial. Nothing is remembered between two
calls: the sampler is fed with the whole history each time, and its seed follows from the number of the trial. Optuna
is an optional part of an installation and takes half a second to import, so that it is imported when it is needed.
"""

from __future__ import annotations

import statistics
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from stepwell.machines.tuning_ranges import Choice, Range, Values, at, position
from stepwell.machines.tuning_search import Key, number_of, untaken

FIRST_LEAST = 3
FIRST_MOST = 10
"""So many trials are drawn by chance before results are asked: a third of all, within these bounds."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A trial: its values, and what came of it (None: it is under way). `origin` is the tuning job it belongs to."""

    values: Values
    objective: float | None
    origin: str = ""


def bayesian_values(
    ranges: Sequence[Range],
    seed: str,
    number: int,
    most: int,
    tried: Sequence[Tried],
    taken: Collection[Key],
    *,
    minimize: bool,
) -> Values | None:
    """The values that promise most; None when every combination was tried."""
    known = [_placed(ranges, each) for each in tried]

    def proposed(draw: int) -> Values:
        study = _study(f"{seed}/{number}/{draw}", most, minimize=minimize)
        distributions = {each.name: _distribution(each) for each in ranges}
        for place, objective in known:
            if place is not None:
                study.add_trial(_trial(place, objective, distributions))
        asked = study.ask(distributions).params
        return {
            each.name: asked[each.name] if isinstance(each, Choice) else at(each, asked[each.name]) for each in ranges
        }

    return untaken(proposed, ranges, taken)


def standardised(tried: Sequence[Tried]) -> list[Tried]:
    """The same trials with objectives that can be compared across tuning jobs whose data differ: in units of each
    tuning job's own spread around its own mean."""
    found = []
    for each in tried:
        of_same = [other.objective for other in tried if other.origin == each.origin and other.objective is not None]
        spread = statistics.pstdev(of_same) if of_same else 0.0
        objective = each.objective
        if objective is not None:
            objective = (objective - statistics.fmean(of_same)) / spread if spread else 0.0
        found.append(Tried(each.values, objective, each.origin))
    return found


Place = dict[str, float | str]


def _placed(ranges: Sequence[Range], tried: Tried) -> tuple[Place | None, float | None]:
    """Where a trial lies in these ranges; None where it lies outside, such as one of a parent with wider ones."""
    place: Place = {}
    for each in ranges:
        value = tried.values.get(each.name)
        where = position(each, value)
        if where is None or value is None:
            return None, tried.objective
        place[each.name] = value if isinstance(each, Choice) else where
    return place, tried.objective


def _study(seed: str, most: int, *, minimize: bool) -> Any:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    first = min(max(FIRST_LEAST, most // 3), FIRST_MOST)
    sampler = optuna.samplers.TPESampler(seed=number_of(seed) % 2**32, n_startup_trials=first, constant_liar=True)
    return optuna.create_study(sampler=sampler, direction="minimize" if minimize else "maximize")


def _distribution(range_: Range) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    return CategoricalDistribution(range_.values) if isinstance(range_, Choice) else FloatDistribution(0.0, 1.0)


def _trial(place: Place, objective: float | None, distributions: dict[str, Any]) -> Any:
    from optuna.trial import TrialState, create_trial

    state = TrialState.RUNNING if objective is None else TrialState.COMPLETE
    return create_trial(state=state, value=objective, params=place, distributions=distributions)
