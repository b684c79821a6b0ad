"""Room services: which rows are read to explain an execution."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stepwell.base.arn import Scope
from stepwell.base.faults import Fault
from stepwell.machines.pipeline_explanations import Explanation
from stepwell.services.sagemaker import explanations
from stepwell.services.sagemaker.pipelines import EXECUTION, VERSION
from stepwell.store import resources, steps, tables
from stepwell.store.database import Database
from stepwell.store.resources import Resource
from stepwell.store.steps import Step

__all__ = ["tables"]
SCOPE = Scope("123456789012", "us-east-1")
CACHED = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P30D"}}


def training(name: str) -> dict[str, Any]:
    return {"Name": name, "Type": "Training", "Arguments": {"Environment": {"A": "1"}}, **CACHED}


def loop(*body: dict[str, Any]) -> dict[str, Any]:
    arguments = {"MaxConcurrency": 1, "IterableItems": ["x", "y"], "ForEachBody": list(body)}
    return {"Name": "Loop", "Type": "ForEach", "Arguments": arguments}


def branch(*steps: dict[str, Any]) -> dict[str, Any]:
    equal = {"Type": "Equals", "LeftValue": 1, "RightValue": 1}
    return {
        "Name": "Branch",
        "Type": "Condition",
        "Arguments": {"Conditions": [equal], "IfSteps": list(steps), "ElseSteps": []},
    }


def arn(execution: str) -> str:
    return f"arn:aws:sagemaker:us-east-1:123456789012:pipeline/p/execution/{execution}"


class Past:
    """A database to which executions are added."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.define(1, training("One"), training("Two"))

    def define(self, version: int, *defined: dict[str, Any]) -> None:
        text = json.dumps({"Version": "2020-12-01", "Steps": defined})
        with self.database.write() as transaction:
            key = resources.key(SCOPE, VERSION, str(version), "p")
            resources.add(transaction, Resource(key, "", 1.0, 1.0, {"PipelineDefinition": text}))

    def add(self, name: str, started: float, *rows: Step, version: int = 1) -> None:
        with self.database.write() as transaction:
            key = resources.key(SCOPE, EXECUTION, name, "p")
            resources.add(transaction, Resource(key, "Succeeded", started, started, {"PipelineVersionId": version}))
            steps.save_all(transaction, rows)

    def ask(self, execution: str, step: str | None = None) -> dict[str, Explanation]:
        with self.database.read() as connection:
            report = explanations.report(connection, SCOPE, execution, step)
        return {one.step: one for one in report.steps}


@pytest.fixture
def past(tmp_path: Path) -> Iterator[Past]:
    database = Database(tmp_path / "explained.db")
    yield Past(database)
    database.close()


def ran(execution: str, name: str, started: float, environment: str, source: str | None = None) -> Step:
    """A step that took five seconds, or took the result of `source`."""
    return Step(
        arn(execution),
        name,
        "Succeeded",
        1,
        started,
        started + 5,
        cache_key=None if source else environment,
        attributes={"Environment": {"A": environment}},
        source=source and arn(source),
    )


def test_runs_of_one_step_are_compared_with_that_step_alone(past: Past) -> None:
    past.add("a", 10, ran("a", "One", 10, "1"), ran("a", "Two", 10, "2"))
    past.add("b", 20, ran("b", "One", 20, "2"), ran("b", "Two", 20, "3"))
    told = past.ask(arn("b"))
    pairs = {
        name: (each.before, each.after)
        for name, one in told.items()
        if one.earlier is not None
        for each in one.earlier.differences
    }
    assert pairs == {"One": ("1", "2"), "Two": ("2", "3")}
    assert past.ask("p") == past.ask("p/b") == past.ask("p/execution/b") == past.ask(arn("b").lower()) == told
    assert list(past.ask("p", "Two")) == ["Two"]


def test_an_execution_that_began_later_counts_when_it_was_faster(past: Past) -> None:
    past.add("slow", 10, ran("slow", "One", 10, "1"), ran("slow", "Two", 100, "1"))
    past.add("fast", 20, ran("fast", "One", 20, "2"), ran("fast", "Two", 30, "2"))
    told = past.ask(arn("slow"))
    assert told["One"].because == "of 1 earlier run of it none had succeeded when it began"
    assert told["Two"].earlier is not None
    assert told["Two"].earlier.execution == arn("fast")


def test_a_source_is_found_however_old(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explanations, "MOST_EXECUTIONS", 0)
    past.add("source", 10, ran("source", "One", 10, "1"))
    past.add("between", 20, ran("between", "One", 20, "2"))
    past.add("now", 30, ran("now", "One", 30, "1", source="source"), ran("now", "Two", 30, "1"))
    told = past.ask(arn("now"))
    assert told["One"].because == "took the result of source, which ran 5 s and ended 15 s before"
    assert told["Two"].because == "there is no earlier run of it"


def test_no_run_counts_twice(past: Past) -> None:
    failed = replace(ran("source", "Two", 10, "1"), status="Failed")
    past.add("source", 10, ran("source", "One", 10, "1"), failed)
    past.add("now", 30, ran("now", "One", 30, "1", source="source"), ran("now", "Two", 30, "1"))
    assert past.ask("p")["Two"].because == "of 1 earlier run of it none had succeeded when it began"


def test_of_large_pipelines_fewer_executions_are_read(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explanations, "MOST_RUNS", 1)
    past.add("a", 10, ran("a", "One", 10, "same"))
    past.add("b", 20, ran("b", "One", 20, "other"))
    past.add("c", 30, ran("c", "One", 30, "same"))
    earlier = past.ask(arn("c"))["One"].earlier
    assert earlier is not None
    assert earlier.execution == arn("b")


def test_steps_of_loops_are_never_cached(past: Past) -> None:
    past.define(2, loop(branch(training("Inner"))))
    turn = {"ParentStepName": "Loop", "Index": 1, "Item": "y", "Body": "Inner"}
    past.add("a", 10, replace(ran("a", "Inner-1", 10, "1"), cache_key=None, attributes=None, turn=turn), version=2)
    told = past.ask("p")
    assert {name: one.verdict for name, one in told.items()} == dict.fromkeys(
        ("Loop", "Branch", "Inner"), "not cacheable"
    )
    made = past.ask("p", "Inner-1")["Inner-1"]
    assert (made.status, made.because) == (
        "Succeeded",
        "steps within a ForEach are never cached; its CacheConfig has no effect",
    )
    with pytest.raises(Fault, match="no step 'Inner-7'"):
        past.ask("p", "Inner-7")


@pytest.mark.parametrize(
    ("execution", "step", "code", "said"),
    [
        ("q", None, "ResourceNotFound", "There is no execution 'q' in us-east-1."),
        ("p/zzz", None, "ResourceNotFound", "There is no execution 'p/zzz'"),
        (arn("zzz"), None, "ResourceNotFound", "does not exist"),
        ("arn:aws:sagemaker:eu-west-1:123456789012:pipeline/p/execution/a", None, "ResourceNotFound", "not exist"),
        ("p", "Onne", "ValidationException", "The pipeline has no step 'Onne'. Did you mean 'One'?"),
        ("p", "zzzzz", "ValidationException", "The pipeline has no step 'zzzzz'. It has: One, Two."),
    ],
)
def test_what_does_not_exist(past: Past, execution: str, step: str | None, code: str, said: str) -> None:
    past.add("a", 10)
    with pytest.raises(Fault, match=code) as caught:
        past.ask(execution, step)
    assert said in caught.value.message
