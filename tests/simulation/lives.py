"""Random lives of pipeline executions, as a hypothesis state machine: definitions, users, jobs, deaths."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import invariants
from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from world import FINAL, Crash, Run, World

from stepwell.base.faults import Fault

POLICIES = [
    {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 50, "MaxAttempts": invariants.MOST_RETRIES}
]
CACHE = {"Enabled": True, "ExpireAfter": "P1D"}
CONDITION = {"Type": "Equals", "LeftValue": 1, "RightValue": 1}


@some.composite
def definitions(draw: some.DrawFn) -> list[dict[str, Any]]:
    """Up to seven steps; each may wait for earlier ones and stand in a branch of an earlier condition."""
    steps: list[dict[str, Any]] = []
    branches: list[list[dict[str, Any]]] = [[]]
    for number in range(draw(some.integers(1, 7))):
        earlier = [step["Name"] for step in steps if step["Type"] != "Fail"]
        chosen = draw(some.lists(some.sampled_from(earlier), max_size=3, unique=True)) if earlier else []
        type_ = draw(some.sampled_from(["Processing"] * 6 + ["Condition", "Condition", "Fail", "ForEach"]))
        step: dict[str, Any] = {
            "Name": f"S{number}",
            "Type": type_,
            "DependsOn": [draw(need(name)) for name in chosen],
        }
        branches[draw(some.integers(0, len(branches) - 1))].append(step)
        steps.append(step)
        match type_:
            case "Condition":
                wanted = draw(some.sampled_from([1, 2]))
                arguments: dict[str, Any] = {
                    "Conditions": [{**CONDITION, "RightValue": wanted}],
                    "IfSteps": [],
                    "ElseSteps": [],
                }
                branches += [arguments["IfSteps"], arguments["ElseSteps"]]
            case "Fail":
                arguments = {"ErrorMessage": "no"}
            case "ForEach":
                body = {"Name": f"B{number}", "Type": "Processing", "Arguments": processing()}
                items = list(range(draw(some.integers(1, 3))))
                arguments = {
                    "IterableItems": items,
                    "MaxConcurrency": draw(some.integers(1, 2)),
                    "ForEachBody": [body],
                }
            case _:
                arguments = processing()
                step |= draw(some.sampled_from([{}, {}, {"RetryPolicies": POLICIES}, {"CacheConfig": CACHE}]))
        step["Arguments"] = arguments
    return branches[0]


def need(name: str) -> some.SearchStrategy[Any]:
    return some.sampled_from([name] * 5 + [{"Step": name, "Trigger": trigger} for trigger in ("Failed", "Any")])


def processing() -> dict[str, Any]:
    return {
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}
        },
        "AppSpecification": {"ImageUri": "python:3.11"},
    }


class Lives(RuleBasedStateMachine):
    """`world` is set by the test: making a database costs more than a life in it."""

    world: World
    is_called = False
    """Whether users call while it runs; only lives without calls can be compared with calm ones."""

    @initialize(
        steps=definitions(),
        limit=some.sampled_from([None, None, 1, 2]),
        failing=some.sampled_from([0.0, 0.0, 0.3, 0.6]),
        luck=some.integers(0, 99),
        is_called=some.booleans(),
    )
    def start(
        self, steps: list[dict[str, Any]], limit: int | None, failing: float, luck: int, is_called: bool
    ) -> None:
        self.is_called = is_called
        self.world.begin(failing, luck)
        try:
            self.world.create(steps)
        except Fault:  # such as a step that needs both branches of a condition: not ours to run
            self.world.create([{"Name": "S0", "Type": "Processing", "Arguments": processing()}])
        self.world.start(limit)

    @rule(
        worker=some.integers(0, 1),
        at=some.none() | some.integers(0, 12),
        death=some.sampled_from(["die", "die", "stall"]),
    )
    def look(self, worker: int, at: int | None, death: str) -> None:
        """A look at every execution; at its point number `at` the process dies, or another one takes over."""
        for run in self.world.runs:
            points = itertools.count()

            def fate(may_stall: bool, run: Run = run, points: Iterator[int] = points) -> None:
                if next(points) != at:
                    return
                if death == "die":
                    raise Crash
                if may_stall:
                    self.world.overtake(run, 1 - worker)
                    invariants.check(self.world, run)

            self.world.look(run, worker, fate)

    @rule(number=some.integers(0, 20))
    def end_job(self, number: int) -> None:
        running = self.world.running()
        if running:
            self.world.jobs.end(self.world.site, running[number % len(running)], self.world.now)

    @rule(seconds=some.sampled_from([1.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.world.now += seconds

    @precondition(lambda self: self.is_called and any(run.status == "Executing" for run in self.world.runs))
    @rule()
    def stop(self) -> None:
        run = next(run for run in self.world.runs if run.status == "Executing")
        self.world.call("StopPipelineExecution", PipelineExecutionArn=run.arn, ClientRequestToken="s" * 32)
        run.was_stopped = run.was_called = True

    @precondition(lambda self: self.is_called)
    @rule(limit=some.integers(1, 3))
    def update(self, limit: int) -> None:
        run = self.world.runs[0]
        self.world.call(
            "UpdatePipelineExecution",
            PipelineExecutionArn=run.arn,
            ParallelismConfiguration={"MaxParallelExecutionSteps": limit},
        )
        run.highest_limit = None if run.highest_limit is None else max(run.highest_limit, limit)
        run.was_called = True

    @precondition(lambda self: self.world.runs[-1].status in FINAL and len(self.world.runs) < 3)
    @rule(limit=some.sampled_from([None, 2]))
    def start_again(self, limit: int | None) -> None:
        self.world.start(limit)

    @precondition(lambda self: self.is_called and any(run.status in ("Failed", "Stopped") for run in self.world.runs))
    @rule()
    def retry(self) -> None:
        run = next(run for run in self.world.runs if run.status in ("Failed", "Stopped"))
        token = f"{self.world.database_ticks():032}"
        try:
            self.world.call("RetryPipelineExecution", PipelineExecutionArn=run.arn, ClientRequestToken=token)
        except Fault:  # a Fail step ended it
            return
        run.was_retried = run.was_called = True
        run.was_stopped = False
        run.begun_when_broken = None
        run.status, run.entries = "Executing", {}

    @invariant()
    def holds(self) -> None:
        for run in getattr(self.world, "runs", []):
            invariants.check(self.world, run)

    def teardown(self) -> None:
        for run in getattr(self.world, "runs", []):
            self.finish(run)
            invariants.every_execution_ends(run)
        if self.world.runs and not any(run.was_called for run in self.world.runs):
            self.compare()

    def compare(self) -> None:
        """The same execution again, calm. Its results must be its own: what was cached expires before."""
        self.world.now += 2 * 86_400
        calm = self.world.start(self.world.runs[0].limit)
        self.finish(calm)
        invariants.crashes_change_nothing(self.world.runs[0], calm)

    def finish(self, run: Run) -> None:
        """Jobs end and processes live until the execution is over, or for long enough."""
        for _ in range(40):
            if run.status in FINAL:
                return
            for job in self.world.running(run):
                self.world.jobs.end(self.world.site, job, self.world.now)
            self.world.now += 100
            self.world.look(run, 0)
            invariants.check(self.world, run)


def profile() -> settings:
    """What `--hypothesis-profile` chose; without it, a simulation of seconds."""
    chosen = settings()
    return (
        chosen
        if chosen.max_examples > settings.get_profile("simulation").max_examples * 10
        else settings.get_profile("simulation")
    )
