"""What the strategies of tuning jobs ask for, and how many training jobs they may start.

Limits: developer guide, "Resource limits for automatic model tuning"; what is chosen where a request says nothing is
ours (docs/decisions/0018).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from stepwell.base.documents import Document
from stepwell.base.faults import Fault, validation
from stepwell.machines import tuning_settings
from stepwell.machines.tuning_ranges import Choice, Range, combinations

Space = Sequence[Range]

MOST_PARALLEL = 100
MOST_JOBS = {"Bayesian": 750, "Random": 10_000, "Hyperband": 750, "Grid": 750}
AUTOTUNED_JOBS_LEAST = 20
AUTOTUNED_JOBS_PER_TUNABLE = 10


def check(request: Document, spaces: Sequence[Space]) -> None:
    """Raises ValidationException when the strategy cannot search these ranges, or cannot be had here."""
    config = request["HyperParameterTuningJobConfig"]
    strategy = config["Strategy"]
    if strategy != "Hyperband" and "StrategyConfig" in config:
        raise validation(f"StrategyConfig can be provided only for the strategy Hyperband, not for {strategy}.")
    if strategy == "Grid":
        other = [each.name for ranges in spaces for each in ranges if not isinstance(each, Choice)]
        if other:
            raise validation(
                "Only categorical parameters are supported when using the grid search strategy; found other ranges "
                f"for: {', '.join(other)}."
            )
    if strategy == "Hyperband":
        _check_hyperband(request)
    if strategy == "Bayesian" and importlib.util.find_spec("optuna") is None:
        raise validation(
            "The strategy Bayesian needs the package optuna where Stepwell runs: pip install 'stepwell[tuning]'. "
            "Random, Grid and Hyperband do without."
        )


def _check_hyperband(request: Document) -> None:
    config = request["HyperParameterTuningJobConfig"]
    if config.get("TrainingJobEarlyStoppingType") == "Auto":
        raise validation(
            "TrainingJobEarlyStoppingType must be Off to use Hyperband, which has its own early stopping mechanism."
        )
    most = tuning_settings.most_resource(request)
    if most is None:
        raise validation(
            "MaxResource parameter is not provided and could not be inferred from provided static hyperparameters of "
            "TrainingJobDefinition."
        )
    least = config.get("StrategyConfig", {}).get("HyperbandStrategyConfig", {}).get("MinResource", 1)
    if not least <= most <= tuning_settings.MOST_RESOURCE:
        raise validation(
            f"MinResource [{least}] must be less than or equal to MaxResource [{most}], which must be less than or "
            f"equal to {tuning_settings.MOST_RESOURCE}."
        )


def limits(request: Document, spaces: Sequence[Space]) -> Document:
    """ResourceLimits with a number of training jobs: asked for, the grid's, or what Autotune chooses."""
    config = request["HyperParameterTuningJobConfig"]
    strategy, limits = config["Strategy"], config["ResourceLimits"]
    counts = [combinations(ranges) for ranges in spaces]
    count = None if None in counts else sum(each or 0 for each in counts)
    asked = limits.get("MaxNumberOfTrainingJobs")
    most = MOST_JOBS[strategy]
    if strategy == "Grid":
        assert count is not None
        if asked not in (None, count):
            raise validation(
                f"With the strategy Grid, MaxNumberOfTrainingJobs [{asked}] must equal the total number of distinct "
                f"categorical combinations [{count}]. You do not need to specify it."
            )
        asked = count
    elif asked is None:
        asked = _unasked(request, spaces, count, most)
    elif count is not None and count < asked:
        raise validation(
            "You don't have enough combinations of hyperparameter ranges. The total number of hyperparameter "
            f"combinations for the provided ranges [{float(count)}] must be equal or greater than the value of "
            f"MaxNumberOfJobs, [{asked}]. Provide additional ranges."
        )
    _require_within(asked, most, f"training jobs per {strategy} hyperparameter tuning job")
    _require_within(
        limits["MaxParallelTrainingJobs"], MOST_PARALLEL, "parallel training jobs per hyperparameter tuning job"
    )
    return {**limits, "MaxNumberOfTrainingJobs": asked}


def _unasked(request: Document, spaces: Sequence[Space], count: int | None, most: int) -> int:
    """How many training jobs a tuning job may start that does not say it."""
    config = request["HyperParameterTuningJobConfig"]
    wanted = most
    if "Autotune" in request:
        tunables = max(len(ranges) for ranges in spaces)
        wanted = max(AUTOTUNED_JOBS_LEAST, AUTOTUNED_JOBS_PER_TUNABLE * tunables)
    elif "MaxRuntimeInSeconds" not in config["ResourceLimits"] and not config.get("TuningJobCompletionCriteria"):
        raise validation(
            "MaxNumberOfTrainingJobs is required unless the strategy is Grid, Autotune is enabled, or the tuning job "
            "has a MaxRuntimeInSeconds or completion criteria."
        )
    return min(wanted, most, most if count is None else count)


def _require_within(value: int, most: int, what: str) -> None:
    if value > most:
        raise Fault(
            "ResourceLimitExceeded",
            f"The account-level service limit 'Maximum number of {what}' is {most}, with current utilization of 0 "
            f"and a request delta of {value}. Please contact AWS support to request an increase for this limit.",
        )
