"""What must hold at every moment, whatever users do and however processes die. Each has a mutant.

An invariant looks at one Run of a World: `run.entries` and `run.status` were listed just now, `before` is what was
listed the time before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from world import FINAL, Run, World

MOST_RETRIES = 2
"""MaxAttempts of the policies that simulations use."""


class Broken(AssertionError):
    """An invariant does not hold. `name` is the invariant's."""

    def __init__(self, name: str, detail: object) -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name


Before = tuple[str, dict[str, dict[str, Any]]]
Invariant = Callable[[World, Run, Before], object]


def every_job_is_made_once(world: World, run: Run, before: Before) -> object:
    """A step has made at most one job for each of its attempts."""
    del before
    made = Counter(step_of(name) for name in world.jobs.created if execution_of(name) == own_id(run))
    return [step for step, count in made.items() if step in run.entries and count > run.entries[step]["AttemptCount"]]


def every_job_is_listed(world: World, run: Run, before: Before) -> object:
    """Nothing was made that the execution does not know of."""
    del before
    made = {step_of(job.name) for job in world.running(run)}
    return sorted(made - run.entries.keys())


def no_step_begins_too_early(world: World, run: Run, before: Before) -> object:
    """A step begins when all it waits for has ended as it should."""
    del world, before
    if run.was_retried:
        return []
    needs = {step["Name"]: step.get("DependsOn", []) for step in flat(run.steps)}
    early = []
    for name in run.entries:
        for need in needs.get(name, []):
            wanted, trigger = (need["Step"], need["Trigger"]) if isinstance(need, dict) else (need, "Succeeded")
            found = run.entries.get(wanted, {}).get("StepStatus")
            if found not in (("Succeeded", "Failed", "Stopped") if trigger == "Any" else (trigger,)):
                early.append((name, wanted, found))
    return early


def parallelism_is_kept(world: World, run: Run, before: Before) -> object:
    """Never more jobs at once than were ever allowed."""
    del before
    count = len(world.running(run))
    return count if run.highest_limit is not None and count > run.highest_limit else 0


def nothing_starts_after_a_failure(world: World, run: Run, before: Before) -> object:
    """Once a failure is listed that no step takes up, no further step begins."""
    del world, before
    if run.begun_when_broken is None:
        taken = {
            need["Step"] for step in flat(run.steps) for need in step.get("DependsOn", []) if isinstance(need, dict)
        }
        ends = {name: entry for name, entry in run.entries.items() if "IterationContext" not in entry}
        broken = any(entry["StepStatus"] == "Failed" and name not in taken for name, entry in ends.items())
        run.begun_when_broken = frozenset(run.entries) if broken else None
        return []
    return sorted(run.entries.keys() - run.begun_when_broken)


def what_has_ended_stays(world: World, run: Run, before: Before) -> object:
    """A step or an execution that has ended does not change."""
    del world
    status, entries = before
    changed: list[object] = [
        name
        for name, entry in entries.items()
        if entry["StepStatus"] in ("Succeeded", "Failed", "Stopped") and run.entries.get(name) != entry
    ]
    if status in FINAL and run.status != status:
        changed.append(run.status)
    return changed


def a_stop_is_not_lost(world: World, run: Run, before: Before) -> object:
    """An execution whose stop was acknowledged ends as Stopped."""
    del world, before
    return run.status if run.was_stopped and run.status in FINAL and run.status != "Stopped" else ""


def no_job_outlives_its_execution(world: World, run: Run, before: Before) -> object:
    """When an execution has ended, nothing it made still runs."""
    del before
    return [job.name for job in world.running(run)] if run.status in FINAL else []


def attempts_are_bounded(world: World, run: Run, before: Before) -> object:
    """No step is tried more often than its policy allows."""
    del world, before
    if run.was_retried:
        return []
    return [name for name, entry in run.entries.items() if entry["AttemptCount"] > 1 + MOST_RETRIES]


ALWAYS: tuple[Invariant, ...] = (
    every_job_is_made_once,
    every_job_is_listed,
    no_step_begins_too_early,
    parallelism_is_kept,
    nothing_starts_after_a_failure,
    what_has_ended_stays,
    a_stop_is_not_lost,
    no_job_outlives_its_execution,
    attempts_are_bounded,
)


def check(world: World, run: Run) -> None:
    """Raises Broken for the first invariant that does not hold."""
    before = (run.status, run.entries)
    run.status, run.entries = world.status(run), world.entries(run)
    for invariant in ALWAYS:
        detail = invariant(world, run, before)
        if detail:
            raise Broken(invariant.__name__, detail)


def every_execution_ends(run: Run) -> None:
    """Asked when jobs have ended, time has passed and processes have lived for long enough."""
    if run.status not in FINAL:
        raise Broken("every_execution_ends", run.entries)


def crashes_change_nothing(run: Run, calm: Run) -> None:
    """An execution that nobody called ends as the same one does in a world without crashes."""
    if run.status != calm.status:
        raise Broken("crashes_change_nothing", (run.status, calm.status))
    if run.status == "Succeeded":
        found, wanted = ({name: entry["StepStatus"] for name, entry in each.entries.items()} for each in (run, calm))
        if found != wanted:
            raise Broken("crashes_change_nothing", (found, wanted))


def flat(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The steps and, behind each, those of its branches; bodies of loops are patterns and no steps."""
    for step in steps:
        yield step
        for branch in ("IfSteps", "ElseSteps"):
            yield from flat(step["Arguments"].get(branch, []))


def step_of(job: str) -> str:
    """The step of a scripted job's name: pipelines-<execution>-<step>-<suffix>."""
    return job.split("-", 2)[2].rpartition("-")[0]


def execution_of(job: str) -> str:
    return job.split("-")[1]


def own_id(run: Run) -> str:
    return run.arn.rpartition("/")[2]
