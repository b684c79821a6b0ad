"""Planted bugs, one for each invariant: a mutant changes one function, and the invariant it is for must break.

To add one: a function that patches, and its line in MUTANTS. `test_simulation_mutants.py` runs them all.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pytest import MonkeyPatch

from stepwell.machines import pipeline_execution, pipeline_retries, pipeline_state
from stepwell.machines.pipeline_events import FinishExecution
from stepwell.runtime import pipeline_executions, pipeline_sessions, step_contexts, step_jobs
from stepwell.runtime.pipeline_sessions import Change
from stepwell.steps import requests
from stepwell.store import signals

Mutant = Callable[[MonkeyPatch], None]


def names_are_fresh(patch: MonkeyPatch) -> None:
    """Whoever comes back after a crash creates under another name."""
    fresh, name = itertools.count(), requests.job_name

    def job_name(*causes: Any) -> str:
        return f"{name(*causes)[:-4]}{next(fresh):04}"

    patch.setattr(requests, "job_name", job_name)


def a_row_comes_after_its_job(patch: MonkeyPatch) -> None:
    """Nothing is written before something is created."""
    write = pipeline_executions._Look._write

    def late(look: Any, *, due: float | None = None, finish: bool = False) -> None:
        if due is not None or finish:
            write(look, due=due, finish=finish)

    patch.setattr(pipeline_executions._Look, "_write", late)


def one_requirement_is_enough(patch: MonkeyPatch) -> None:
    """A step is ready when the first thing it waits for has happened."""

    def met(execution: Any, step: str, needed: int) -> None:
        del needed
        if not execution.is_ready(step):
            execution.set_ready(step)

    patch.setattr(pipeline_state, "_note_met", met)


def nothing_takes_room(patch: MonkeyPatch) -> None:
    """Jobs do not count for MaxParallelExecutionSteps."""
    patch.setattr(pipeline_state, "ROOMLESS", frozenset({"job", "condition", "fail", "unbuilt", "foreach"}))


def failures_are_ignored(patch: MonkeyPatch) -> None:
    """Steps go on beginning after a failure."""
    patch.setattr(pipeline_execution, "_starts_more", lambda execution: True)


def everybody_may_write(patch: MonkeyPatch) -> None:
    """A process whose lease is gone writes what it had in mind."""
    patch.setattr(step_contexts.Context, "require_lease", lambda context, transaction: None)


def stops_are_forgotten(patch: MonkeyPatch) -> None:
    """How an execution ends does not depend on whether it was stopped."""
    patch.setattr(pipeline_execution, "_end", lambda execution: FinishExecution("Succeeded"))


def jobs_are_not_stopped(patch: MonkeyPatch) -> None:
    """Steps are noted as Stopped, and what they made runs on."""
    patch.setattr(step_jobs.Jobs, "stop", lambda jobs, context, step, now: Change(step.with_end("Stopped", now)))


def retries_never_end(patch: MonkeyPatch) -> None:
    """A policy allows any number of attempts."""
    patch.setattr(
        pipeline_retries,
        "next_attempt",
        lambda policies, exception, attempts, now: now if exception else None,
    )


def ends_are_not_signalled(patch: MonkeyPatch) -> None:
    """The execution is woken and not told of which step, and it never looks at all of them."""
    patch.setattr(signals, "add", lambda transaction, subject, key: None)
    patch.setattr(pipeline_executions, "LOOK_AGAIN_SECONDS", 1e9)


def starts_are_not_repeated(patch: MonkeyPatch) -> None:
    """A new process takes what was about to be made for made."""
    state = pipeline_sessions._state

    def forgetful(step: Any) -> Any:
        found = state(step)
        return replace(found, status="Executing") if found.status == "Starting" else found

    patch.setattr(pipeline_sessions, "_state", forgetful)


MUTANTS: Mapping[str, Mutant] = {
    "every_job_is_made_once": names_are_fresh,
    "every_job_is_listed": a_row_comes_after_its_job,
    "no_step_begins_too_early": one_requirement_is_enough,
    "parallelism_is_kept": nothing_takes_room,
    "nothing_starts_after_a_failure": failures_are_ignored,
    "what_has_ended_stays": everybody_may_write,
    "a_stop_is_not_lost": stops_are_forgotten,
    "no_job_outlives_its_execution": jobs_are_not_stopped,
    "attempts_are_bounded": retries_never_end,
    "every_execution_ends": ends_are_not_signalled,
    "crashes_change_nothing": starts_are_not_repeated,
}
"""Invariant -> the bug that it must catch."""
