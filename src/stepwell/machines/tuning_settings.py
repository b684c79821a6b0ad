"""Room machines: what was asked of a tuning job, typed. In: its document, as Describe shows it. Out: Settings.

The document was checked when it was created and holds every default (services/sagemaker); nothing is refused here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from stepwell.base.documents import Document
from stepwell.machines.tuning_ranges import Range, from_hint, parsed
from stepwell.machines.tuning_stopping import Hyperband

Strategy: TypeAlias = Literal["Bayesian", "Random", "Hyperband", "Grid"]

OBJECTIVE_PARAMETER = "_tuning_objective_metric"
"""The hyperparameter by which training jobs learn which metric counts."""
EPOCHS = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")
"""Static hyperparameters that say what MaxResource is when the request does not (API HyperbandStrategyConfig)."""
MOST_RESOURCE = 20_000


@dataclass(frozen=True, slots=True)
class Definition:
    """One kind of training job. `name` is "" when there is only one."""

    name: str
    metric: str
    ranges: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides about a tuning job."""

    strategy: Strategy
    minimize: bool
    definitions: tuple[Definition, ...]
    most: int
    """How many training jobs it may start."""
    parallel: int
    seed: str
    seconds: int | None = None
    """How long it may run."""
    stops_early: bool = False
    """Whether training jobs are measured by the median rule."""
    hyperband: Hyperband | None = None
    target: float | None = None
    patience: int | None = None
    """After so many training jobs without a better one it ends."""
    ends_converged: bool = False

    @property
    def tunables(self) -> int:
        return max(len(each.ranges) for each in self.definitions)

    @property
    def watches(self) -> bool:
        """Whether values that training jobs emit on their way matter."""
        return self.stops_early or self.hyperband is not None

    def is_better(self, value: float, than: float) -> bool:
        return value < than if self.minimize else value > than


def definitions_of(document: Document) -> list[Document]:
    """The training job definitions of a request or a stored document."""
    single = document.get("TrainingJobDefinition")
    return [single] if single is not None else document.get("TrainingJobDefinitions", [])


def objective_of(document: Document, definition: Document) -> Document | None:
    """The objective of a definition: its own, or that of the whole tuning job."""
    config = document["HyperParameterTuningJobConfig"]
    found: Document | None = definition.get("TuningObjective") or config.get("HyperParameterTuningJobObjective")
    return found


def ranges_of(document: Document, definition: Document) -> Document:
    """The ParameterRanges of a definition: its own, or those of the whole tuning job."""
    config = document["HyperParameterTuningJobConfig"]
    found: Document = definition.get("HyperParameterRanges") or config.get("ParameterRanges") or {}
    return found


def searched(ranges: Document) -> tuple[Range, ...]:
    """Everything that is searched, what Autotune finds ranges for included. Raises RangeProblem."""
    hints = (from_hint(each["Name"], each["ValueHint"]) for each in ranges.get("AutoParameters", ()))
    return (*parsed(ranges), *hints)


def most_resource(document: Document) -> int | None:
    """Hyperband's MaxResource: as given, or inferred from a static hyperparameter; None when neither is there."""
    config = document["HyperParameterTuningJobConfig"]
    given = config.get("StrategyConfig", {}).get("HyperbandStrategyConfig", {}).get("MaxResource")
    if given is not None:
        return int(given)
    for definition in definitions_of(document):
        static = definition.get("StaticHyperParameters", {})
        for name in EPOCHS:
            text = static.get(name, "").strip('"')
            if text.isdigit() and int(text) > 0:
                return int(text)
    return None


def read(document: Document, name: str, created: float) -> Settings:
    """The settings of a stored tuning job. `created` is epoch seconds."""
    config = document["HyperParameterTuningJobConfig"]
    limits, criteria = config["ResourceLimits"], config.get("TuningJobCompletionCriteria", {})
    asked = definitions_of(document)
    objectives = [objective_of(document, each) or {} for each in asked]
    definitions = tuple(
        Definition(each.get("DefinitionName", ""), objective["MetricName"], searched(ranges_of(document, each)))
        for each, objective in zip(asked, objectives, strict=True)
    )
    return Settings(
        strategy=config["Strategy"],
        minimize=objectives[0]["Type"] == "Minimize",
        definitions=definitions,
        most=limits["MaxNumberOfTrainingJobs"],
        parallel=limits["MaxParallelTrainingJobs"],
        seed=str(config.get("RandomSeed", f"{name}@{created}")),
        seconds=limits.get("MaxRuntimeInSeconds"),
        stops_early=config.get("TrainingJobEarlyStoppingType") == "Auto",
        hyperband=_hyperband(document) if config["Strategy"] == "Hyperband" else None,
        target=criteria.get("TargetObjectiveMetricValue"),
        patience=criteria.get("BestObjectiveNotImproving", {}).get("MaxNumberOfTrainingJobsNotImproving"),
        ends_converged=criteria.get("ConvergenceDetected", {}).get("CompleteOnConvergence") == "Enabled",
    )


def _hyperband(document: Document) -> Hyperband:
    config = document["HyperParameterTuningJobConfig"]
    least = config.get("StrategyConfig", {}).get("HyperbandStrategyConfig", {}).get("MinResource", 1)
    return Hyperband(least, most_resource(document) or MOST_RESOURCE)
