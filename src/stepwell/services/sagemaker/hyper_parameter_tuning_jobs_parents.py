"""Warm start: which tuning jobs another may begin from, and the best that they found.

Developer guide, "Run a warm start hyperparameter tuning job": parents must be over, search for the same objective,
have the same hyperparameters in all, and, for IdenticalDataAndAlgorithm, the same data and image.
"""

from __future__ import annotations

from collections.abc import Sequence

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import validation
from stepwell.machines import tuning_progress, tuning_settings
from stepwell.machines.tuning_ranges import Choice, Range
from stepwell.machines.tuning_settings import objective_of, ranges_of, searched
from stepwell.services.sagemaker import hyper_parameter_tuning_jobs_rows as rows
from stepwell.services.sagemaker import jobs
from stepwell.store import resources
from stepwell.store.database import Connection
from stepwell.store.resources import Resource

MOST_CHANGES = 10
MOST_JOBS = 750
CHANGING = (
    "algorithmSpecification", "inputDataConfig", "outputDataConfig", "staticHyperParameters", "roleArn",
    "resourceConfig", "stoppingCondition", "vpcConfig", "enableManagedSpotTraining", "checkpointConfig",
)  # fmt: skip
"""Members of a definition in which a tuning job may differ from its parents (AWS's list, in its error message)."""
IDENTICAL = ("algorithmSpecification", "inputDataConfig")
"""Those among them in which it may not differ under IdenticalDataAndAlgorithm."""
UNCOMPARED = ("HyperParameterTuningResourceConfig", "HyperParameterRanges", "DefinitionName", "TuningObjective")


def names(document: Document) -> list[str]:
    """The names of the parents of a tuning job."""
    asked = document.get("WarmStartConfig", {}).get("ParentHyperParameterTuningJobs", ())
    return [each["HyperParameterTuningJobName"] for each in asked if "HyperParameterTuningJobName" in each]


def check(connection: Connection, scope: Scope, document: Document) -> None:
    """Raises Fault when a tuning job with this document cannot begin from the parents that it names."""
    asked = names(document)
    if "WarmStartConfig" in document and not asked:
        raise validation("WarmStartConfig needs the name of at least one parent hyperparameter tuning job.")
    jobs.refuse_doubled(asked, "Parent hyperparameter tuning jobs")
    parents = [rows.find(connection, scope, name) for name in asked]
    for parent in parents:
        _check_parent(document, parent)
    started = sum(len(rows.trials_of(connection, scope, parent.name)) for parent in parents)
    total = started + document["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxNumberOfTrainingJobs"]
    if parents and total > MOST_JOBS:
        raise validation(
            f"The training jobs of the parents count against the limit of {MOST_JOBS} training jobs of a "
            f"hyperparameter tuning job; this would make {total}."
        )


def best(connection: Connection, scope: Scope, document: Document) -> Document | None:
    """The summary of the best training job of all parents, if it may be compared with those to come."""
    if document.get("WarmStartConfig", {}).get("WarmStartType") != "IdenticalDataAndAlgorithm":
        return None
    found = [
        (value, rows.summary(trial), parent)
        for parent in names(document)
        for trial in rows.trials_of(connection, scope, parent)
        if (value := rows.objective_value(trial)) is not None
    ]
    if not found:
        return None
    (definition,) = tuning_settings.definitions_of(document)
    objective = objective_of(document, definition) or {}
    choose = min if objective.get("Type") == "Minimize" else max
    _, summary, parent = choose(found, key=lambda each: each[0])
    return {**summary, "TuningJobName": parent}


def static_hyperparameters(connection: Connection, scope: Scope, parent: str) -> dict[str, str]:
    """What every training job of a parent was given; nothing once the parent is deleted."""
    row = resources.find(connection, resources.key(scope, rows.KIND, parent))
    if row is None:
        return {}
    (definition,) = tuning_settings.definitions_of(row.document)
    return dict(definition["StaticHyperParameters"])


def _check_parent(document: Document, parent: Resource) -> None:
    if parent.status not in tuning_progress.FINAL:
        raise validation(
            f"The parent hyperparameter tuning job {parent.name} is in status {parent.status}. Parents of a warm "
            "start must be in a terminal state: Completed, Stopped or Failed."
        )
    earlier = tuning_settings.definitions_of(parent.document)
    if len(earlier) != 1:
        raise validation(f"The parent hyperparameter tuning job {parent.name} tunes several algorithms.")
    (definition,) = tuning_settings.definitions_of(document)
    if objective_of(document, definition) != objective_of(parent.document, earlier[0]):
        raise validation(
            f"The objective metric must be the same as in the parent hyperparameter tuning job {parent.name}."
        )
    _check_members(document["WarmStartConfig"]["WarmStartType"], definition, earlier[0])
    mine = searched(ranges_of(document, definition))
    theirs = searched(ranges_of(parent.document, earlier[0]))
    _check_hyperparameters(definition, mine, earlier[0], theirs)


def _check_members(kind: str, definition: Document, earlier: Document) -> None:
    changing = [name for name in CHANGING if kind == "TransferLearning" or name not in IDENTICAL]
    free = {name[:1].upper() + name[1:] for name in changing} | set(UNCOMPARED)
    differing = [
        name
        for name in sorted({*definition, *earlier} - free)
        if _compared(name, definition.get(name)) != _compared(name, earlier.get(name))
    ]
    if differing:
        raise validation(
            f"Only the following fields in TrainingJobDefinition are allowed to change: [{', '.join(changing)}]."
        )


def _compared(name: str, value: object) -> object:
    """What counts of a member: of the algorithm its image, since metric definitions do not change what is trained."""
    if name == "AlgorithmSpecification" and isinstance(value, dict):
        return value.get("TrainingImage")
    return value or None


def _check_hyperparameters(
    definition: Document, mine: Sequence[Range], earlier: Document, theirs: Sequence[Range]
) -> None:
    static, before = definition["StaticHyperParameters"], earlier["StaticHyperParameters"]
    if {*static, *(each.name for each in mine)} != {*before, *(each.name for each in theirs)}:
        raise validation(
            "The set of tunable plus static HyperParameter names is not the same across current and parent tuning "
            "jobs. Please ensure this set is constant when warm starting. Note that previously static "
            "HyperParameters can be tuned in warm start jobs and vice versa."
        )
    kinds = {each.name: _kind(each) for each in theirs}
    changed = [each.name for each in mine if kinds.get(each.name, _kind(each)) != _kind(each)]
    if changed:
        raise validation(
            "The type of a hyperparameter must not change between parent and current tuning jobs: "
            f"{', '.join(changed)}."
        )
    changes = sum(2 for name in static if name in before and static[name] != before[name])
    changes += sum(len(each.values) if isinstance(each, Choice) else 1 for each in theirs if each.name in static)
    if changes > MOST_CHANGES:
        raise validation(
            "The number of changes from tunable to static hyperparameters, plus the number of changes in the values "
            f"of static hyperparameters, cannot be more than {MOST_CHANGES}; found {changes}."
        )


def _kind(range_: Range) -> str:
    if isinstance(range_, Choice):
        return "categorical"
    return "integer" if range_.is_whole else "continuous"
