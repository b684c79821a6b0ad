"""How two runs differ: what is a cause, what follows, what does not count."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stepwell.machines import run_differences, runs
from stepwell.machines.run_differences import MADE, Row
from stepwell.machines.runs import Held, Run, StepRun

DEFINITION: dict[str, Any] = {
    "Version": "2020-12-01",
    "Parameters": [{"Name": "Depth", "DefaultValue": 3}],
    "Steps": [
        {"Name": "Train", "Type": "Training", "Arguments": {"ResourceConfig": {"InstanceType": "small"}}},
        {
            "Name": "Check",
            "Type": "Condition",
            "Arguments": {"IfSteps": [{"Name": "Inner", "Type": "Processing", "Arguments": {"A": 1}}]},
        },
    ],
}
REQUEST: dict[str, Any] = {
    "HyperParameters": {"depth": "3"},
    "Environment": {"A/B": "1"},
    "AlgorithmSpecification": {"TrainingImage": "image:1"},
    "ResourceConfig": {"InstanceType": "small"},
    "InputDataConfig": [{"ChannelName": "train", "Uri": "s3://b/one"}],
}


def held(name: str, blob: str, **members: Any) -> Held:
    return Held(name, f"s3://b/{name}", 3, blob, **members)


def step(**members: Any) -> StepRun:
    return replace(StepRun("Train", "Training", "Succeeded", 1.0, request=REQUEST), **members)


def run(*steps: StepRun, **members: Any) -> Run:
    whole = {"definition": DEFINITION, "parameters": {"Depth": 3}, **members}
    return Run("arn", "p/one", "Succeeded", 0.0, 1.0, steps={each.name: each for each in steps}, **whole)


def differing(before: Run, after: Run) -> list[Row]:
    return [row for row in run_differences.compared(before, after) if not row.is_same]


def told(before: Run, after: Run) -> list[tuple[bool, str, str, Any, Any]]:
    return [(row.is_cause, row.aspect, row.name, row.before, row.after) for row in differing(before, after)]


def test_the_same_is_the_same() -> None:
    rows = run_differences.compared(run(step()), run(step()))
    assert rows
    assert all(row.is_same for row in rows)
    assert run_differences.is_same(rows)
    assert all(row.before is not None or row.after is not None for row in rows)


CAUSE, FOLLOWED = True, False


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": "Failed"}, (FOLLOWED, "status", "", "Succeeded", "Failed")),
        ({"reason": "no"}, (FOLLOWED, "status", "reason", None, "no")),
        ({"result": {"Outcome": True}}, (FOLLOWED, "result", "/Outcome", None, True)),
        ({"metrics": {"auc": 0.5}}, (FOLLOWED, "metric", "auc", None, 0.5)),
        ({"environment": "e-1"}, (CAUSE, "environment", "", None, "e-1")),
    ],
)
def test_each_aspect_of_a_step(changes: dict[str, Any], expected: tuple[Any, ...]) -> None:
    assert told(run(step()), run(step(**changes))) == [expected]


@pytest.mark.parametrize(
    ("member", "value", "aspect", "pointer"),
    [
        ("HyperParameters", {"depth": "5"}, "hyperparameter", "/HyperParameters/depth"),
        ("Environment", {"A/B": "2"}, "variable", "/Environment/A~1B"),
        ("AlgorithmSpecification", {"TrainingImage": "image:2"}, "image", "/AlgorithmSpecification/TrainingImage"),
        ("ResourceConfig", {"InstanceType": "large"}, "instances", "/ResourceConfig/InstanceType"),
        ("StoppingCondition", {"Seconds": 5}, "request", "/StoppingCondition"),
    ],
)
@pytest.mark.parametrize("has_definition", [True, False])
def test_each_part_of_a_request(member: str, value: object, aspect: str, pointer: str, has_definition: bool) -> None:
    members: dict[str, Any] = {} if has_definition else {"definition": None}
    changed = step(request={**REQUEST, member: value})
    (row,) = differing(run(step(), **members), run(changed, **members))
    assert (row.aspect, row.name, row.steps) == (aspect, pointer, ("Train",))
    assert row.is_cause is not has_definition, "what a definition asks for follows from it; a job alone is asked"


def test_a_definition_says_it_once() -> None:
    steps = [{**DEFINITION["Steps"][0], "Arguments": {"ResourceConfig": {"InstanceType": "large"}}}]
    changed = {**DEFINITION, "Steps": [*steps, DEFINITION["Steps"][1]]}
    asked = step(request={**REQUEST, "ResourceConfig": {"InstanceType": "large"}})
    assert told(run(step()), run(asked, definition=changed)) == [
        (True, "definition", "/Arguments/ResourceConfig/InstanceType", "small", "large")
    ]


def test_a_step_more_does_not_shift_the_others() -> None:
    more = {"Name": "More", "Type": "Fail", "Arguments": {}}
    changed = {**DEFINITION, "Steps": [more, *DEFINITION["Steps"]]}
    (row,) = differing(run(step()), run(step(), definition=changed))
    assert (row.aspect, row.before, row.after, row.steps) == ("definition", None, "Fail", ("More",))


@pytest.mark.parametrize("branch", ["IfSteps", "ElseSteps", "ForEachBody"])
def test_steps_within_others_are_compared_by_their_names(branch: str) -> None:
    def holding(value: int) -> Run:
        inner = {"Name": "Inner", "Type": "Processing", "Arguments": {"A": value}}
        return run(definition={"Steps": [{"Name": "Outer", "Type": "any", "Arguments": {branch: [inner]}}]})

    (row,) = differing(holding(1), holding(2))
    assert (row.name, row.before, row.after, row.steps) == ("/Arguments/A", 1, 2, ("Inner",))


@pytest.mark.parametrize("value", ["3", 3.5, True, None])
def test_a_parameter(value: Any) -> None:
    assert told(run(), run(parameters={"Depth": value})) == [(True, "parameter", "Depth", 3, value)]


def test_one_is_not_true() -> None:
    assert told(run(parameters={"P": 1}), run(parameters={"P": True})) == [(True, "parameter", "P", 1, True)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (held("data/x", "1"), held("data/x", "2"), (True, "input", "")),
        (held("code/x", "1", is_code=True), held("code/x", "2", is_code=True), (True, "code", "")),
        (held("data/x", "1", is_made=True), held("data/x", "2", is_made=True), (False, "input", MADE)),
        (held("data/x", "1"), held("data/x", "2", is_made=True), (False, "input", MADE)),
    ],
)
def test_bytes_that_are_read(before: Held, after: Held, expected: tuple[Any, ...]) -> None:
    (row,) = differing(run(step(inputs=(before,))), run(step(inputs=(after,))))
    assert (row.is_cause, row.aspect, row.note) == expected


def test_an_object_more_or_less() -> None:
    one, other = held("data/x", "1"), held("data/y", "1")
    rows = differing(run(step(inputs=(one,))), run(step(inputs=(other,))))
    assert [(row.name, row.before is None, row.after is None) for row in rows] == [
        ("data/y", True, False),
        ("data/x", False, True),
    ]


def test_the_same_bytes_elsewhere_are_the_same() -> None:
    moved = replace(held("data/x", "1"), uri="s3://elsewhere/x")
    assert differing(run(step(inputs=(held("data/x", "1"),))), run(step(inputs=(moved,)))) == []


@pytest.mark.parametrize(("blob", "note"), [("1", "the same bytes"), ("2", "other bytes"), (None, "")])
def test_what_the_bytes_say_where_a_uri_differs(blob: str | None, note: str) -> None:
    def at(uri: str, content: str | None) -> StepRun:
        inputs = (Held("train/x", f"{uri}/x", 1, content),) if content else ()
        channel = {"ChannelName": "train", "Uri": uri}
        return step(inputs=inputs, request={**REQUEST, "InputDataConfig": [channel]})

    rows = differing(run(at("s3://b/one", "1")), run(at("s3://b/two", blob)))
    (row,) = [each for each in rows if each.aspect == "request"]
    assert (row.name, row.note) == ("/InputDataConfig/train/Uri", note)


def test_a_cause_in_two_steps_is_told_once() -> None:
    def both(blob: str) -> Run:
        first = step(inputs=(held("data/x", blob),))
        return run(first, replace(first, name="Again"))

    (row,) = differing(both("1"), both("2"))
    assert row.steps == ("Train", "Again")


def test_packages_of_environments() -> None:
    one = step(environment="e-1", packages={"numpy": "1", "six": "1"})
    other = step(environment="e-2", packages={"numpy": "2", "six": "1"})
    assert told(run(one), run(other)) == [
        (True, "environment", "", "e-1", "e-2"),
        (True, "package", "numpy", "1", "2"),
    ]
    image = replace(other, request={**REQUEST, "AlgorithmSpecification": {"TrainingImage": "image:2"}})
    rows = differing(run(one), run(image))
    assert [row.is_cause for row in rows] == [False, False, False], "it is another because the image is"


@pytest.mark.parametrize("changes", [{"seconds": 9.0}, {"cache": "hit", "seconds": None}])
def test_how_it_went_does_not_count(changes: dict[str, Any]) -> None:
    rows = run_differences.compared(run(step()), run(replace(step(), **changes)))
    assert not all(row.is_same for row in rows)
    assert run_differences.is_same(rows)


def test_a_step_that_did_not_run() -> None:
    assert told(run(step()), run()) == [(False, "status", "", "Succeeded", None)]


@pytest.mark.parametrize(
    ("before", "after", "delta"), [(1, 3.5, 2.5), ("1", 2, None), (True, 2, None), (None, 1, None)]
)
def test_by_how_much(before: Any, after: Any, delta: float | None) -> None:
    assert Row("metric", "m", before, after).delta == delta


def test_names_of_a_run() -> None:
    names = runs.names_of({"": "nothing", "abc": "<execution>", "job-abc-1": "<job of Train>"})
    assert runs.renamed({"job-abc-1": ["s3://b/abc/job-abc-1/x", 3, None]}, names) == {
        "<job of Train>": ["s3://b/<execution>/<job of Train>/x", 3, None]
    }
    assert runs.renamed_text("abc job-abc-1", names) == "<execution> <job of Train>"


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ([{"Name": "a"}, {"Name": "b", "X": 1}], {"a": {"Name": "a"}, "b": {"Name": "b", "X": 1}}),
        ([{"Name": "a"}, {"Name": "a"}], [{"Name": "a"}, {"Name": "a"}]),
        ([{"Name": "a"}, 1], [{"Name": "a"}, 1]),
        ([], []),
    ],
)
def test_lists_of_named_things(elements: Any, expected: Any) -> None:
    assert runs.keyed({"x": elements}) == {"x": expected}
