"""Room runtime: the trials of a tuning job, as far as they are known and can be acted on. In: the state. Out: events.

Everything is done through the one door and may be repeated: a training job has one name for its trial, and a second
creation of it is told that it exists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from stepwell.base.arn import Scope
from stepwell.base.documents import Document
from stepwell.base.faults import Fault
from stepwell.machines import tuning_requests, tuning_search, tuning_stopping
from stepwell.machines.tuning_events import Launched, Refused, Sight
from stepwell.machines.tuning_ranges import Values, combinations
from stepwell.machines.tuning_settings import Settings, definitions_of
from stepwell.machines.tuning_state import Proposal, Trial, Tuning
from stepwell.machines.tuning_stopping import Hyperband
from stepwell.runtime import tuning_bayesian
from stepwell.runtime.tuning_bayesian import Tried
from stepwell.services.registry import Door
from stepwell.services.sagemaker import hyper_parameter_tuning_jobs_parents as parents
from stepwell.services.sagemaker import hyper_parameter_tuning_jobs_rows as rows
from stepwell.services.sagemaker.tag_lists import tag_list
from stepwell.store import tags
from stepwell.store.resources import Resource


class LiveValues(Protocol):
    """What a training job has emitted so far."""

    def __call__(self, training_job: str, metric: str) -> Sequence[float]:
        """The values of `metric`, in their order, of the training job of that ARN; those of an ended one as well."""


def nothing_live(training_job: str, metric: str) -> Sequence[float]:  # noqa: ARG001 - the Protocol's signature
    """Where nobody follows logs: training jobs are never stopped early."""
    return ()


@dataclass(frozen=True, slots=True)
class State:
    """A tuning job: its ARN, its row, and what the row says of it."""

    arn: str
    scope: Scope
    row: Resource
    tuning: Tuning

    @property
    def name(self) -> str:
        return self.row.name


def values_of(door: Door, state: State, number: int) -> Proposal | None:
    """The values of trial `number`, and which definition they are for; None when every combination was tried."""
    settings = state.tuning.settings
    spaces = [each.ranges for each in settings.definitions]
    if settings.strategy == "Grid":
        found = tuning_search.grid_values(spaces, number)
        return None if found is None else Proposal(number, *found)
    trials = _to_learn_from(door, state)
    for turn in range(len(spaces)):
        definition = (number - 1 + turn) % len(spaces)
        mine = [each for each in trials if each.document[rows.OWN]["definition"] == definition]
        values = _searched(door, state, number, definition, mine)
        if values is not None:
            return Proposal(number, definition, values)
    return None


def launch(door: Door, state: State, proposal: Proposal) -> Launched | Refused:
    """Create the training job of a proposal, or find that it stands."""
    name = name_of(state, proposal.number)
    definition = definitions_of(state.row.document)[proposal.definition]
    with door.site.database.read() as connection:
        given = tag_list(tags.of(connection, state.arn))
    request = tuning_requests.training_job(definition, name, proposal.values, given)
    try:
        door.call(state.scope, "sagemaker", "CreateTrainingJob", request)
    except Fault as fault:
        return Launched(name) if stands(door, state, proposal) else Refused(f"ClientError: {fault.message}")
    return Launched(name)


def stands(door: Door, state: State, proposal: Proposal) -> bool:
    """Whether the training job of a proposal was created."""
    return _described(door, state, name_of(state, proposal.number)) is not None


def name_of(state: State, number: int) -> str:
    """The name of the training job of trial `number`."""
    return tuning_requests.training_job_name(state.arn, state.row.created, number)


def stop(door: Door, state: State, trial: Trial) -> bool:
    """Have the training job of a trial end; False when it ended by itself in between."""
    try:
        door.call(state.scope, "sagemaker", "StopTrainingJob", {"TrainingJobName": trial.name})
    except Fault:
        return False
    return True


def observed(door: Door, live: LiveValues, state: State) -> list[Sight]:
    """What has changed of the trials that are under way; those that are not worth going on with are told to end."""
    found = []
    known = _known(door, state) if state.tuning.settings.watches else []
    for trial in state.tuning.active.values():
        sight = _sight(door, live, state, trial, known)
        before = Sight(
            trial.number, trial.status, trial.started, stopped_early=trial.stopped_early, rungs=trial.rungs
        )
        if sight != before:
            found.append(sight)
    return found


def inherited(door: Door, state: State) -> list[Tried]:
    """What the parents of a warm start tried; what was static in them may be searched now."""
    found: list[Tried] = []
    with door.site.database.read() as connection:
        for parent in parents.names(state.row.document):
            static = parents.static_hyperparameters(connection, state.scope, parent)
            tried = _tried(rows.trials_of(connection, state.scope, parent), parent)
            found += [replace(each, values={**static, **each.values}) for each in tried]
    return found


def _to_learn_from(door: Door, state: State) -> list[Resource]:
    """The trials so far, as far as the next one depends on them: chance in an endless space asks for none."""
    settings = state.tuning.settings
    if settings.strategy != "Bayesian" and not any(combinations(each.ranges) for each in settings.definitions):
        return []
    with door.site.database.read() as connection:
        return rows.trials_of(connection, state.scope, state.name)


def _searched(door: Door, state: State, number: int, definition: int, mine: Sequence[Resource]) -> Values | None:
    settings = state.tuning.settings
    ranges = settings.definitions[definition].ranges
    taken = {tuning_search.key(each.document["TunedHyperParameters"]) for each in mine}
    if settings.strategy != "Bayesian":
        return tuning_search.random_values(ranges, settings.seed, number, taken)
    tried = [*inherited(door, state), *_tried(mine, state.name)]
    if state.row.document.get("WarmStartConfig", {}).get("WarmStartType") == "TransferLearning":
        tried = tuning_bayesian.standardised(tried)
    return tuning_bayesian.bayesian_values(
        ranges, settings.seed, number, settings.most, tried, taken, minimize=settings.minimize
    )


def _tried(trials: Sequence[Resource], origin: str) -> list[Tried]:
    """Trials that have a value or may still get one; nothing is learnt from those that failed."""
    return [
        Tried(each.document["TunedHyperParameters"], rows.objective_value(each), origin)
        for each in trials
        if each.document["ObjectiveStatus"] != "Failed"
    ]


def _described(door: Door, state: State, name: str) -> Document | None:
    try:
        return door.call(state.scope, "sagemaker", "DescribeTrainingJob", {"TrainingJobName": name})
    except Fault:
        return None


def _sight(door: Door, live: LiveValues, state: State, trial: Trial, known: Sequence[Document]) -> Sight:
    settings = state.tuning.settings
    described = _described(door, state, trial.name)
    if described is None:
        reason = f"The training job {trial.name} was deleted before its end was noted."
        return Sight(trial.number, "Failed", trial.started, reason=reason, stopped_early=trial.stopped_early)
    metric = settings.definitions[trial.definition].metric
    finals = {each["MetricName"]: each["Value"] for each in described.get("FinalMetricDataList", ())}
    sight = Sight(
        trial.number,
        described["TrainingJobStatus"],
        described.get("TrainingStartTime"),
        described.get("TrainingEndTime"),
        reason=described.get("FailureReason", ""),
        stopped_early=trial.stopped_early,
        rungs=trial.rungs,
    )
    if sight.is_over:
        values = live(described["TrainingJobArn"], metric) if settings.stops_early else ()
        most = tuning_stopping.MOST_VALUES
        return replace(sight, objective=finals.get(metric), values=tuple(values[:most]))
    if not settings.watches or sight.status != "InProgress" or sight.started is None:
        return sight
    goes_on, rungs = _judged(settings, trial, live(described["TrainingJobArn"], metric), known)
    sight = replace(sight, rungs=rungs)
    if goes_on or not stop(door, state, trial):
        return sight
    return replace(sight, status="Stopping", stopped_early=True)


def _judged(
    settings: Settings, trial: Trial, values: Sequence[float], known: Sequence[Document]
) -> tuple[bool, tuple[float, ...]]:
    """Whether a training job that has emitted these values is worth going on with, and the rungs it has reached."""
    if settings.hyperband is not None:
        return _climbed(settings, settings.hyperband, trial, values, known)
    if not 0 < len(values) <= tuning_stopping.MOST_VALUES:
        return True, ()
    earlier = [own.get("values", ()) for own in known]
    return not tuning_stopping.is_below_median(values, earlier, minimize=settings.minimize), ()


def _climbed(
    settings: Settings, hyperband: Hyperband, trial: Trial, values: Sequence[float], known: Sequence[Document]
) -> tuple[bool, tuple[float, ...]]:
    if len(values) > hyperband.most:
        return False, trial.rungs
    levels = hyperband.rungs_of(trial.number, settings.seed)
    same = [
        own.get("rungs", ())
        for own in known
        if own["number"] != trial.number and hyperband.rungs_of(own["number"], settings.seed) == levels
    ]
    rungs = trial.rungs
    while len(rungs) < len(levels) and len(values) >= levels[len(rungs)]:
        rung, value = len(rungs), values[levels[len(rungs)] - 1]
        rungs = (*rungs, value)
        others = [reached[rung] for reached in same if len(reached) > rung]
        if not tuning_stopping.goes_on(value, others, minimize=settings.minimize):
            return False, rungs
    return True, rungs


def _known(door: Door, state: State) -> list[Document]:
    """What the machine noted of every trial so far."""
    with door.site.database.read() as connection:
        return [each.document[rows.OWN] for each in rows.trials_of(connection, state.scope, state.name)]
