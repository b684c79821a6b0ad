"""Room runtime: the machine of tuning jobs. Performs what `machines/tuning` decides, writes down what came of it.

Values are written down before a training job is created with them, and its name follows from the tuning job and its
number, so that whoever comes back after a crash creates the same training job again and is told that it exists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from stepwell.base.documents import Document
from stepwell.machines import tuning as machine
from stepwell.machines import tuning_events as events
from stepwell.machines import tuning_progress
from stepwell.machines.tuning_events import Effect, Event, Sight
from stepwell.machines.tuning_state import Trial, Tuning
from stepwell.runtime import tuning_trials
from stepwell.runtime.tuning_trials import LiveValues, State, nothing_live
from stepwell.services.registry import Door
from stepwell.services.sagemaker import hyper_parameter_tuning_jobs_rows as rows
from stepwell.services.sagemaker.pipeline_executions import MACHINE as PIPELINE_EXECUTION
from stepwell.steps.requests import EXECUTION_TAG
from stepwell.store import resources, tags
from stepwell.store.database import Transaction
from stepwell.store.resources import Resource

TRAINING_JOB = "training-job"
LOOK_AGAIN_SECONDS = 10.0
"""How often training jobs are looked at although nobody told of their end."""
WATCH_SECONDS = 1.0
"""The same where what they emit on their way matters, of which nobody tells."""


class TuningMachine:
    """Meets runtime.machine.Machine. `live` tells what running training jobs have emitted so far."""

    name = rows.MACHINE

    def __init__(self, door: Door, live: LiveValues = nothing_live) -> None:
        self._door = door
        self._site = door.site
        self._live = live

    def load(self, connection: Connection, subject: str) -> State | None:
        """The tuning job; None when it is over or deleted."""
        scope, key = rows.scope_and_key(subject)
        row = resources.find(connection, key)
        if row is None or row.status in tuning_progress.FINAL:
            return None
        return State(subject, scope, row, _tuning(row))

    def decide(self, state: State, now: float) -> Sequence[Effect]:
        """What the pure machine says."""
        return machine.decide(state.tuning, now)

    def due(self, state: State, now: float) -> float | None:
        """Soon, and when its time is up."""
        watches = state.tuning.settings.watches
        return machine.due(state.tuning, now, WATCH_SECONDS if watches else LOOK_AGAIN_SECONDS)

    def perform(self, state: State, effect: Effect, now: float) -> Event | None:  # noqa: ARG002 - the machine's
        door = self._door
        match effect:
            case events.Propose(number):
                proposal = tuning_trials.values_of(door, state, number)
                return None if proposal is None else events.Proposed(proposal)
            case events.Launch(proposal):
                return tuning_trials.launch(door, state, proposal)
            case events.Settle(proposal):
                if tuning_trials.stands(door, state, proposal):
                    return events.Launched(tuning_trials.name_of(state, proposal.number))
                return events.Dropped()
            case events.StopTrials(numbers):
                trials = [state.tuning.active[number] for number in numbers]
                return _seen([_stopping(each) for each in trials if tuning_trials.stop(door, state, each)])
            case events.Observe():
                return _seen(tuning_trials.observed(door, self._live, state))
            case events.Conclude() | events.Finish():
                return effect

    def apply(self, transaction: Transaction, state: State, event: Event, now: float) -> None:
        row = resources.find(transaction.connection, state.row.key)
        if row is None:
            return
        before = _tuning(row)
        if isinstance(event, events.Seen):
            # Another effect of the same look may have noted some of it already.
            event = events.Seen(tuple(each for each in event.sights if each.number in before.active))
        after = machine.evolve(before, event, now)
        members = {tuning_progress.MEMBER: tuning_progress.written(after), **tuning_progress.shown(after)}
        for trial_row in self._write_trials(transaction, state, after, event, now):
            members.update(_best(row, after, trial_row))
        status, modified = row.status, row.modified if isinstance(event, events.Proposed) else now
        if isinstance(event, events.Finish):
            status = event.status
            members.update(HyperParameterTuningEndTime=now, FailureReason=event.reason or None)
        moved = row.with_changes(modified, status=status, **members)
        resources.save(transaction, moved)
        if moved.status != row.status:
            rows.announce(self._site, transaction, moved, now)
            self._tell_execution(transaction, state.arn, now)

    def _write_trials(
        self, transaction: Transaction, state: State, after: Tuning, event: Event, now: float
    ) -> list[Resource]:
        """Bring the rows of the trials that `event` is about up to date; they are returned."""
        match event:
            case events.Launched(name):
                trial = next(each for each in after.active.values() if each.name == name)
                resources.add(transaction, rows.trial_row(state.scope, state.name, after.settings, trial))
                _adopt(transaction, state, trial, now)
                return []
            case events.Seen(sights):
                return [self._write_sight(transaction, state, after, sight, now) for sight in sights]
            case _:
                return []

    def _write_sight(
        self, transaction: Transaction, state: State, after: Tuning, sight: Sight, now: float
    ) -> Resource:
        name = tuning_trials.name_of(state, sight.number)
        row = resources.find(transaction.connection, resources.key(state.scope, rows.TRIAL, name, state.name))
        assert row is not None, f"the trial {name} has no row"
        seen = rows.with_sight(row, sight, after.settings, now)
        resources.save(transaction, seen)
        return seen

    def _tell_execution(self, transaction: Transaction, arn: str, now: float) -> None:
        """The pipeline execution that created the tuning job goes on in the transaction that ends it."""
        execution = tags.of(transaction.connection, arn).get(EXECUTION_TAG)
        if execution is not None:
            self._site.wake(transaction, PIPELINE_EXECUTION, execution, now, about=arn)


def _tuning(row: Resource) -> Tuning:
    return tuning_progress.read(row.name, row.status, row.created, row.document)


def _seen(sights: list[Sight]) -> events.Seen | None:
    return events.Seen(tuple(sights)) if sights else None


def _stopping(trial: Trial) -> Sight:
    return Sight(trial.number, "Stopping", trial.started, stopped_early=trial.stopped_early, rungs=trial.rungs)


def _adopt(transaction: Transaction, state: State, trial: Trial, now: float) -> None:
    """Note in the training job to which tuning job it belongs. Its time of change moves on: whoever is about to write
    what he read before must notice."""
    row = resources.find(transaction.connection, resources.key(state.scope, TRAINING_JOB, trial.name))
    if row is not None:
        document = {**row.document, "TuningJobArn": state.arn}
        resources.save(transaction, replace(row, modified=max(now, row.modified + 0.001), document=document))


def _best(row: Resource, after: Tuning, trial: Resource) -> Document:
    """BestTrainingJob and OverallBestTrainingJob, if `trial` is the best now."""
    value = rows.objective_value(trial)
    if value is None or after.best is None or after.best[0] != trial.document[rows.OWN]["number"]:
        return {}
    summary = rows.summary(trial)
    members: Document = {"BestTrainingJob": summary}
    if row.document.get("WarmStartConfig", {}).get("WarmStartType") == "IdenticalDataAndAlgorithm":
        overall = row.document.get("OverallBestTrainingJob", {})
        known = overall.get("FinalHyperParameterTuningJobObjectiveMetric", {}).get("Value")
        if known is None or after.settings.is_better(value, known):
            members["OverallBestTrainingJob"] = {**summary, "TuningJobName": row.name}
    return members
