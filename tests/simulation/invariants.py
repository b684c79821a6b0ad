"""What must hold at every moment, whatever users do and however processes die. Each has a mutant (mutants.py).

An invariant looks at one Run of a World: `run.entries` and `run.status` were listed just now, `entries_before` and
`status_before` the time before. It answers what is wrong; something empty if all is well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from evidence import answered_otherwise, is_taken, made_too_often, written
from order import ACTIVE, ENDED
from random_definitions import MAKERS, MOST_RETRIES
from runs import FINAL, Run
from world import World

DAY = 86_400.0
MOST_ATTEMPTS = {"Processing": 1 + MOST_RETRIES, "Lambda": 1 + 5}
"""Of a job by its policy; of a function by the one that holds where no policy names an exception. Others: 1."""

Entry = dict[str, Any]
Invariant = Callable[[World, Run], object]

ALWAYS: list[Invariant] = []
"""All but the last two, which are asked in the end."""


def always(invariant: Invariant) -> Invariant:
    """Marks an invariant that is asked again and again."""
    ALWAYS.append(invariant)
    return invariant


class Broken(AssertionError):
    """An invariant does not hold. `name` is the invariant's."""

    def __init__(self, name: str, detail: object) -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name


# What executions make


@always
def every_job_is_made_once(world: World, run: Run) -> object:
    """A step has made at most one job for each of its attempts."""
    return made_too_often(world, run, "job")


@always
def every_function_is_called_once(world: World, run: Run) -> object:
    """A step has called its function at most once for each of its attempts."""
    return made_too_often(world, run, "call")


@always
def every_message_is_sent_once(world: World, run: Run) -> object:
    """A Callback step that waits has sent its token once; one that is being stopped has said so once."""
    sent = Counter((message.made.name, message.is_stop) for message in world.worker.messages)
    wrong: list[object] = [key for key, count in sent.items() if count > 1]
    for name, entry in run.entries.items():
        token = entry["Metadata"].get("Callback", {}).get("CallbackToken")
        if token is not None and not sent[token, False]:
            wrong.append((name, "was not sent"))
        if token is not None and entry["StepStatus"] == "Stopping" and not sent[token, True]:
            wrong.append((name, "was not told to stop"))
    return wrong


@always
def everything_made_is_listed(world: World, run: Run) -> object:
    """Nothing was made that the execution does not know of."""
    return sorted({made.step for made in world.made(run)} - run.entries.keys())


@always
def nothing_outlives_its_execution(world: World, run: Run) -> object:
    """When an execution has ended, nothing it made still runs."""
    return [made.name for made in world.running(run)] if run.status in FINAL else []


@always
def attempts_are_bounded(world: World, run: Run) -> object:
    """No step is tried more often than its policy allows, unless users have it tried again."""
    if run.kept is not None:
        return []
    attempts = {name: entry["AttemptCount"] for name, entry in run.entries.items() if not is_taken(entry)}
    return [name for name, count in attempts.items() if count > MOST_ATTEMPTS.get(run.order.type_of(name), 1)]


# When steps begin


@always
def no_step_begins_too_early(world: World, run: Run) -> object:
    """A step begins when all it waits for has ended as it should, and within a loop that has begun."""
    early = []
    for name, entry in run.entries.items():
        if "SelectiveExecutionResult" in entry or name in (run.kept or ()):
            continue
        early += [(name, need) for need in run.order.needs(name) if not need.is_met(run.entries)]
        loop = entry.get("IterationContext", {}).get("ParentStepName")
        if loop is not None and loop not in run.entries:
            early.append((name, loop))
    return early


@always
def parallelism_is_kept(world: World, run: Run) -> object:
    """Never more steps at once that make something than were ever allowed."""
    active = [name for name, entry in run.entries.items() if entry["StepStatus"] in ACTIVE]
    count = sum(run.order.type_of(name) in MAKERS for name in active)
    return count if run.highest_limit is not None and count > run.highest_limit else 0


@always
def turns_are_bounded(world: World, run: Run) -> object:
    """Never more turns of a loop at once than its MaxConcurrency."""
    active: dict[str, set[int]] = {}
    for entry in run.entries.values():
        turn = entry.get("IterationContext")
        if turn is not None and entry["StepStatus"] in ACTIVE:
            active.setdefault(turn["ParentStepName"], set()).add(turn["Index"])
    limits = {loop: run.order.steps[loop]["Arguments"]["MaxConcurrency"] for loop in active}
    return [(loop, turns) for loop, turns in active.items() if len(turns) > limits[loop]]


@always
def nothing_starts_after_a_failure(world: World, run: Run) -> object:
    """Once a failure is listed that no step takes up, no further step begins."""
    if run.begun_when_broken is None:
        run.begun_when_broken = frozenset(run.entries) if run.order.breaks(run.entries) else None
        return []
    return sorted(run.entries.keys() - run.begun_when_broken)


@always
def only_what_was_chosen_runs(world: World, run: Run) -> object:
    """A selective execution runs the chosen steps; of others it lists what it has taken from its source."""
    if run.chosen is None:
        return []
    own = {name: entry for name, entry in run.entries.items() if "SelectiveExecutionResult" not in entry}
    outer = {run.order.loop_of.get(run.order.pattern(name)[0], name) for name in own}
    return sorted(outer - run.chosen)


# What steps read, and what is taken for their result


@always
def steps_read_what_was_written(world: World, run: Run) -> object:
    """What a step was given is what the steps that it reads have written, and in a loop the item of its turn."""
    wrong: list[object] = []
    for made in world.made(run):
        entry = run.entries.get(made.step, {})
        if "item" in made.arguments and made.arguments["item"] != entry.get("IterationContext", {}).get("Item"):
            wrong.append((made.step, "item", made.arguments["item"]))
        for key, value in made.arguments.items():
            wanted = written(world, run, made.step, key[2:]) if key.startswith("r_") else value
            if value != wanted:
                wrong.append((made.step, key, value, wanted))
    return wrong


@always
def a_cached_result_is_real(world: World, run: Run) -> object:
    """A cached step takes the result of one that ran, succeeded, and has not expired; and makes nothing itself."""
    wrong = []
    for name, entry in run.entries.items():
        if "CacheHitResult" not in entry:
            continue
        source = entry["CacheHitResult"]["SourcePipelineExecutionArn"]
        (found,) = (world.entries(each)[name] for each in world.runs if each.arn == source)
        is_same = found["StepStatus"] == "Succeeded" and found["Metadata"] == entry["Metadata"]
        is_fresh = not is_taken(found) and found.get("EndTime", 0.0) >= entry["StartTime"] - DAY
        makes = entry["AttemptCount"] == 1 and any(made.step == name for made in world.made(run))
        if makes or not (is_same and is_fresh):
            wrong.append((name, source))
    return wrong


# What stays


@always
def what_has_ended_stays(world: World, run: Run) -> object:
    """A step or an execution that has ended does not change."""
    ended = {name: entry for name, entry in run.entries_before.items() if entry["StepStatus"] in ENDED}
    changed: list[object] = [name for name, entry in ended.items() if run.entries.get(name) != entry]
    if run.status_before in FINAL and run.status != run.status_before:
        changed.append(run.status)
    return changed


@always
def what_was_acknowledged_stands(world: World, run: Run) -> object:
    """An execution whose start was acknowledged can be described, and has the limit that was last acknowledged."""
    if not run.described:
        return f"{run.arn} is unknown"
    limit = run.described.get("ParallelismConfiguration", {}).get("MaxParallelExecutionSteps")
    return "" if limit in run.limits else f"{limit} instead of {run.limits}"


@always
def a_stop_is_not_lost(world: World, run: Run) -> object:
    """An execution whose stop was acknowledged is being stopped, and ends as Stopped."""
    return run.status if run.was_stopped and run.status not in ("Stopping", "Stopped") else ""


@always
def an_answer_is_not_lost(world: World, run: Run) -> object:
    """A Callback step ends as its worker was told that it would."""
    return list(answered_otherwise(world.worker, run))


@always
def a_token_is_answered_once(world: World, run: Run) -> object:
    """Of two different answers to a token one counts; the same answer again is no other."""
    return world.worker.contradictions


# How it ends


@always
def the_end_fits_the_steps(world: World, run: Run) -> object:
    """An execution ends as its steps have ended."""
    statuses = {entry["StepStatus"] for entry in run.entries.values()}
    if run.status not in FINAL:
        return ""
    if run.was_stopped or (run.is_told_to_stop and run.status == "Stopped"):
        fitting = "Stopped"
    elif run.order.breaks(run.entries):
        fitting = "Failed"
    else:
        fitting = "Succeeded" if statuses <= {"Succeeded"} else "CompletedWithFailures"
    return "" if run.status == fitting and not statuses & {*ACTIVE} else f"{run.status} instead of {fitting}"


@always
def nothing_is_left_out(world: World, run: Run) -> object:
    """An execution that has ended well has begun every step that it could, in every turn of every loop."""
    if run.status not in ("Succeeded", "CompletedWithFailures"):
        return []
    names = [name for name in run.order.outer() if run.chosen is None or name in run.chosen]
    for name, entry in run.entries.items():
        if run.order.type_of(name) == "ForEach" and entry["StepStatus"] == "Succeeded" and not is_taken(entry):
            turns = range(entry["Metadata"]["ForEach"]["InputItemCount"])
            names += [f"{body}-{index}" for body in run.order.bodies(name) for index in turns]
    missing = [name for name in names if name not in run.entries]
    return [name for name in missing if all(need.is_met(run.entries) for need in run.order.needs(name))]


def check(world: World, *runs: Run) -> None:
    """Raises Broken for the first invariant that does not hold."""
    world.worker.collect(world.call)
    world.running()
    for run in runs:
        world.see(run)
        for invariant in ALWAYS:
            detail = invariant(world, run)
            if detail:
                raise Broken(invariant.__name__, detail)


def every_execution_ends(run: Run) -> None:
    """Asked when all that was made has ended, time has passed and processes have lived for long enough."""
    if run.status not in FINAL:
        raise Broken("every_execution_ends", run.entries)


def crashes_change_nothing(run: Run, calm: Run) -> None:
    """An execution that nobody disturbed ends as the same one does in a world without crashes, step by step."""
    shown = [(each.status, _results(each) if each.status != "Failed" else {}) for each in (run, calm)]
    if shown[0] != shown[1]:
        raise Broken("crashes_change_nothing", shown)


def _results(run: Run) -> dict[str, object]:
    kept = ("StepStatus", "AttemptCount", "IterationContext")
    return {name: [entry.get(member) for member in kept] for name, entry in run.entries.items()}
