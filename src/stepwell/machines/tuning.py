"""Room machines: one tuning job. In: how far it has come. Out: what to do next, and what follows of what came of it.

A trial is proposed (its values are written down), launched (the training job is created under a name that follows
from its number), seen to end, and counted. So a crash between any two of these is only a repetition. Completion
criteria: developer guide, "Track and set completion criteria".
"""

from __future__ import annotations

from dataclasses import replace

from stepwell.machines.tuning_events import (
    Conclude,
    Dropped,
    Effect,
    Event,
    Finish,
    Launch,
    Launched,
    Observe,
    Propose,
    Proposed,
    Refused,
    Seen,
    Settle,
    Sight,
    StopTrials,
)
from stepwell.machines.tuning_state import Counters, Ending, Plateau, Proposal, Trial, Tuning

ATTEMPTS = 5
"""After so many training jobs without a value of the objective metric a tuning job gives up."""
IMPROVEMENT = 0.01
"""By so much of the best value a better one must differ to count as an improvement."""
CONVERGED_LEAST = 10
CONVERGED_PER_TUNABLE = 3
"""A tuning job has converged after so many training jobs without improvement; AWS does not say (decision 0018)."""

NONE_SUCCEEDED = (
    "No training job succeeded after {} attempts. For additional details, please take a look at the training job "
    "failures by listing training jobs for the hyperparameter tuning job."
)
NO_METRICS = (
    "No objective metrics found after running {} training jobs. Please ensure that the custom algorithm is emitting "
    "the objective metric as defined by the regular expression provided."
)


class IllegalEvent(Exception):
    """An event that cannot happen now: a bug of ours."""


def decide(job: Tuning, now: float) -> tuple[Effect, ...]:
    """What to do now. `now` is epoch seconds."""
    if job.is_over:
        return ()
    if job.stopping or job.ending is not None:
        return _winding_up(job)
    ending = _due_ending(job, now)
    if ending is not None:
        return (Conclude(ending),)
    effects: list[Effect] = []
    if job.proposal is not None:
        effects.append(Launch(job.proposal))
    if job.active:
        effects.append(Observe())
    if job.proposal is None and job.given < job.settings.most and len(job.active) < job.settings.parallel:
        effects.append(Propose(job.given + 1))
    return tuple(effects) or (_finish(job),)


def due(job: Tuning, now: float, seconds: float) -> float | None:
    """When to look again although nobody wakes us: in `seconds`, or when its time is up."""
    if job.is_over:
        return None
    return now + seconds if job.deadline is None else min(now + seconds, max(job.deadline, now))


def evolve(job: Tuning, event: Event, now: float) -> Tuning:
    """The tuning job after `event`. Raises IllegalEvent."""
    match event:
        case Proposed(proposal):
            if job.proposal is not None or proposal.number != job.given + 1:
                raise IllegalEvent(f"{event}, after number {job.given}")
            return replace(job, proposal=proposal, given=proposal.number)
        case Launched(name):
            proposal = _standing(job)
            trial = Trial(proposal.number, name, proposal.definition, proposal.values, now)
            return replace(job, proposal=None, active={**job.active, trial.number: trial})
        case Dropped():
            return replace(job, proposal=None, given=_standing(job).number - 1)
        case Refused(reason):
            given = _standing(job).number - 1
            return replace(job, proposal=None, given=given, ending="Refused", refusal=reason)
        case Seen(sights):
            for sight in sights:
                job = _with_sight(job, sight, now)
            return job
        case Conclude(ending):
            return replace(job, ending=job.ending or ending)
        case Finish():
            return replace(job, is_over=True)


def _standing(job: Tuning) -> Proposal:
    if job.proposal is None:
        raise IllegalEvent("nothing was proposed")
    return job.proposal


def _winding_up(job: Tuning) -> tuple[Effect, ...]:
    if job.proposal is not None:
        return (Settle(job.proposal),)
    running = tuple(trial.number for trial in job.active.values() if trial.status == "InProgress")
    if running:
        return StopTrials(running), Observe()
    return (Observe(),) if job.active else (_finish(job),)


def _due_ending(job: Tuning, now: float) -> Ending | None:
    settings = job.settings
    if job.best and settings.target is not None and not settings.is_better(settings.target, job.best[1]):
        return "TargetReached"
    if settings.patience is not None and job.plateau.length >= settings.patience:
        return "NotImproving"
    if settings.ends_converged and job.converged is not None:
        return "Converged"
    if job.deadline is not None and now >= job.deadline:
        return "RuntimeExceeded"
    if job.counters.over >= ATTEMPTS and not job.counters.succeeded:
        return "NothingFound"
    return None


def _finish(job: Tuning) -> Finish:
    counters = job.counters
    if job.stopping:
        return Finish("Stopped")
    if job.ending == "Refused":
        return Finish("Failed", job.refusal)
    if counters.succeeded:
        return Finish("Completed")
    text = NO_METRICS if counters.completed + counters.stopped else NONE_SUCCEEDED
    return Finish("Failed", text.format(counters.over))


def _with_sight(job: Tuning, sight: Sight, now: float) -> Tuning:
    trial = job.active.get(sight.number)
    if trial is None:
        raise IllegalEvent(f"{sight}, but the trial is not under way")
    if not sight.is_over:
        changed = replace(
            trial,
            status=sight.status,
            started=sight.started,
            stopped_early=trial.stopped_early or sight.stopped_early,
            rungs=sight.rungs,
        )
        return replace(job, active={**job.active, trial.number: changed})
    active = {number: each for number, each in job.active.items() if number != trial.number}
    job = replace(job, active=active, counters=_counted(job.counters, sight))
    return _with_objective(job, sight, now) if sight.has_objective else job


def _with_objective(job: Tuning, sight: Sight, now: float) -> Tuning:
    value = sight.objective
    assert value is not None
    best = job.best
    if best is None or job.settings.is_better(value, best[1]):
        best = (sight.number, value)
    plateau = _plateau(job, value)
    length = max(CONVERGED_LEAST, CONVERGED_PER_TUNABLE * job.settings.tunables)
    converged = now if job.converged is None and plateau.length >= length else job.converged
    return replace(job, best=best, plateau=plateau, converged=converged)


def _plateau(job: Tuning, value: float) -> Plateau:
    reference = job.plateau.reference
    if reference is None:
        return Plateau(value)
    margin = IMPROVEMENT * abs(reference)
    wanted = reference - margin if job.settings.minimize else reference + margin
    if job.settings.is_better(value, wanted):
        return Plateau(value)
    return replace(job.plateau, length=job.plateau.length + 1)


def _counted(counters: Counters, sight: Sight) -> Counters:
    match sight.status:
        case "Completed":
            counters = replace(counters, completed=counters.completed + 1)
        case "Stopped":
            counters = replace(counters, stopped=counters.stopped + 1)
        case _ if sight.reason.startswith("InternalServerError"):
            counters = replace(counters, retryable_error=counters.retryable_error + 1)
        case _:
            counters = replace(counters, non_retryable_error=counters.non_retryable_error + 1)
    if sight.has_objective:
        return replace(counters, succeeded=counters.succeeded + 1)
    return replace(counters, failed=counters.failed + 1)
