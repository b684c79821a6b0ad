"""Planted bugs, at least one for each invariant: a mutant changes one function, and its invariant must break.

To add one: a function that patches, marked with the invariant that it is for; and a story (stories.py) in which it
shows. `test_simulation_mutants.py` tells them all.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from pytest import MonkeyPatch

from stepwell.base import clock
from stepwell.machines import pipeline_execution, pipeline_retries, pipeline_state
from stepwell.machines.pipeline_events import FinishExecution
from stepwell.runtime import (
    pipeline_executions,
    pipeline_sessions,
    step_callbacks,
    step_contexts,
    step_jobs,
    step_lambdas,
)
from stepwell.runtime.pipeline_sessions import Change
from stepwell.services.sagemaker import callbacks as callback_operations
from stepwell.services.sagemaker import pipeline_executions as operations
from stepwell.steps import names, requests
from stepwell.store import callbacks, resources, signals, steps

Mutant = Callable[[MonkeyPatch], None]

MUTANTS: dict[str, Mutant] = {}
"""Invariant -> the bug that it must catch."""


def breaks(invariant: str) -> Callable[[Mutant], Mutant]:
    """Marks the mutant that this invariant must catch."""

    def marked(mutant: Mutant) -> Mutant:
        MUTANTS[invariant] = mutant
        return mutant

    return marked


# What executions make


def _are_created_alone(patch: MonkeyPatch) -> None:
    """What steps make is not created in the transaction that writes their rows."""

    def create(look: Any, begun: Any, *_: Any) -> bool:
        for one in begun:
            look._note(look._created(one, clock.now()))
        look._write()
        return False

    patch.setattr(pipeline_executions._Look, "_create", create)


@breaks("every_job_is_made_once")
def names_are_fresh(patch: MonkeyPatch) -> None:
    """Whoever comes back after a crash creates under another name, and does not know what was created before."""
    _are_created_alone(patch)
    fresh, name = itertools.count(), names.job_name
    patch.setattr(requests, "job_name", lambda *causes: f"{name(*causes)[:-4]}{next(fresh):04}")


@breaks("every_function_is_called_once")
def calls_are_fresh(patch: MonkeyPatch) -> None:
    """The same of Lambda steps."""
    _are_created_alone(patch)
    tries: Counter[tuple[Any, ...]] = Counter()
    create = step_lambdas.Lambdas.create

    def another(performer: Any, context: Any, step: Any, *rest: Any) -> Change:
        tries[context.session.arn, step.name, step.attempt] += 1
        return create(performer, context, step, *rest)

    def job_name(*causes: Any) -> str:
        return f"{names.job_name(*causes)[:-4]}{tries[causes]:04}"

    patch.setattr(step_lambdas.Lambdas, "create", another)
    patch.setattr(step_lambdas, "names", SimpleNamespace(job_name=job_name))


@breaks("every_message_is_sent_once")
def rows_come_after_messages(patch: MonkeyPatch) -> None:
    """That a message was sent is written in another transaction than the message."""
    _are_created_alone(patch)
    patch.setattr(step_callbacks, "steps", SimpleNamespace(save=lambda transaction, step: None))


@breaks("everything_made_is_listed")
def rows_come_after_jobs(patch: MonkeyPatch) -> None:
    """What a step makes is there before its row is."""
    _are_created_alone(patch)


@breaks("nothing_outlives_its_execution")
def jobs_are_not_stopped(patch: MonkeyPatch) -> None:
    """Steps are noted as Stopped, and what they made runs on."""
    patch.setattr(step_jobs.Jobs, "stop", lambda jobs, context, step, now: Change(step.with_end("Stopped", now)))


@breaks("attempts_are_bounded")
def retries_never_end(patch: MonkeyPatch) -> None:
    """A policy allows any number of attempts."""
    patch.setattr(
        pipeline_retries, "next_attempt", lambda policies, exception, attempts, now: now if exception else None
    )


# When steps begin


@breaks("no_step_begins_too_early")
def one_need_is_enough(patch: MonkeyPatch) -> None:
    """A step is ready when the first thing it waits for has happened."""

    def met(execution: Any, step: str, needed: int) -> None:
        if not execution.is_ready(step):
            execution.set_ready(step)

    patch.setattr(pipeline_state, "_note_met", met)


@breaks("parallelism_is_kept")
def nothing_takes_room(patch: MonkeyPatch) -> None:
    """Nothing counts for MaxParallelExecutionSteps."""
    patch.setattr(pipeline_state, "ROOMLESS", pipeline_state.ROOMLESS | {"job", "lambda", "callback"})


@breaks("turns_are_bounded")
def turns_do_not_wait(patch: MonkeyPatch) -> None:
    """All turns of a loop begin at once."""
    patch.setattr(pipeline_state, "_begins_turn", lambda execution, loop, body: True)


@breaks("nothing_starts_after_a_failure")
def failures_are_ignored(patch: MonkeyPatch) -> None:
    """Steps go on beginning after a failure."""
    patch.setattr(pipeline_execution, "_starts_more", lambda execution: True)


@breaks("only_what_was_chosen_runs")
def choices_are_forgotten(patch: MonkeyPatch) -> None:
    """A selective execution goes on behind the steps that were selected."""
    patch.setattr(operations, "chosen", lambda row: None)


# What steps read


@breaks("steps_read_what_was_written")
def turns_read_the_first(patch: MonkeyPatch) -> None:
    """Every turn of a loop reads what the first one wrote."""
    patch.setattr(step_contexts.Context, "_in_turn", lambda context, turn, name: pipeline_state.child_name(name, 0))


@breaks("a_cached_result_is_real")
def results_never_expire(patch: MonkeyPatch) -> None:
    """ExpireAfter is not asked."""
    newest = steps.newest_success
    patch.setattr(steps, "newest_success", lambda connection, key, oldest: newest(connection, key, 0.0))


# What stays


@breaks("what_has_ended_stays")
def everybody_may_write(patch: MonkeyPatch) -> None:
    """A process whose lease is gone writes what it had in mind."""
    patch.setattr(step_contexts.Context, "require_lease", lambda context, transaction: None)


@breaks("what_was_acknowledged_stands")
def ends_are_written_from_memory(patch: MonkeyPatch) -> None:
    """The end of an execution is written over what users changed meanwhile."""
    end, find = pipeline_executions._Look._end, resources.find

    def remembered(look: Any, now: float) -> bool:
        row = look._session.row
        with MonkeyPatch.context() as memory:
            memory.setattr(resources, "find", lambda *asked: row if asked[1] == row.key else find(*asked))
            return end(look, now)

    patch.setattr(pipeline_executions._Look, "_end", remembered)


@breaks("a_stop_is_not_lost")
def stops_are_forgotten(patch: MonkeyPatch) -> None:
    """How an execution ends does not depend on whether it was stopped."""
    patch.setattr(pipeline_execution, "_end", lambda execution: FinishExecution("Succeeded"))


@breaks("an_answer_is_not_lost")
def answers_expire(patch: MonkeyPatch) -> None:
    """An answer that nobody looked at in time is too late."""
    find = callbacks.find

    def expired(connection: Any, token: str) -> Any:
        found = find(connection, token)
        return replace(found, status=callbacks.WAITING) if found and clock.now() >= found.expires else found

    patch.setattr(callbacks, "find", expired)


@breaks("a_token_is_answered_once")
def the_last_answer_counts(patch: MonkeyPatch) -> None:
    """Answers are taken as if none had come before."""
    find = callback_operations._find
    patch.setattr(callback_operations, "_find", lambda *given: replace(find(*given), status=callbacks.WAITING))


# How it ends


@breaks("the_end_fits_the_steps")
def failures_always_count(patch: MonkeyPatch) -> None:
    """An execution fails although some step has taken up every failure."""
    end = pipeline_execution._end

    def failed(execution: Any) -> FinishExecution:
        return FinishExecution("Failed") if execution.unsuccessful else end(execution)

    patch.setattr(pipeline_execution, "_end", failed)


@breaks("nothing_is_left_out")
def outcomes_are_forgotten(patch: MonkeyPatch) -> None:
    """A new process does not know which branches were taken."""
    state = pipeline_sessions._state
    patch.setattr(pipeline_sessions, "_state", lambda step: replace(state(step), outcome=None))


@breaks("every_execution_ends")
def ends_are_not_signalled(patch: MonkeyPatch) -> None:
    """The execution is woken and not told of which step, and it never looks at all of them."""
    patch.setattr(signals, "add", lambda transaction, subject, key: None)
    patch.setattr(pipeline_executions, "LOOK_AGAIN_SECONDS", 1e9)


@breaks("crashes_change_nothing")
def branches_are_confused(patch: MonkeyPatch) -> None:
    """A new process takes the other branch of each Condition for the one that was taken."""
    state = pipeline_sessions._state

    def confused(step: Any) -> Any:
        found = state(step)
        return found if found.outcome is None else replace(found, outcome=not found.outcome)

    patch.setattr(pipeline_sessions, "_state", confused)
