"""Room checks: steps across branches, comparisons and loops that are fine, and the nearest that are not."""

from __future__ import annotations

import pytest
from whole_steps import get, problems, step

from stepwell.definition.json_text import JSON


def work(name: str, reads: list[str] | None = None, **members: JSON) -> dict[str, JSON]:
    """A Lambda step that reads the output of other steps, and gives one."""
    arguments: JSON = {read: get(f"Steps.{read}.OutputParameters['x']") for read in reads or []}
    outputs: JSON = [{"OutputName": "x", "OutputType": "String"}]
    return step(name, "Lambda", arguments, OutputParameters=outputs, **members)


def choice(name: str, if_steps: list[JSON], else_steps: list[JSON], **members: JSON) -> dict[str, JSON]:
    return step(name, "Condition", {"IfSteps": if_steps, "ElseSteps": else_steps}, **members)


BRANCHES: JSON = choice("C", [work("A"), work("A2")], [work("B")])


@pytest.mark.parametrize(
    ("last", "reachable"),
    [
        (work("Last", ["A", "A2"]), True),
        (work("Last", ["A", "B"]), False),
        (work("Last", ["A"], DependsOn=["B"]), False),
        (work("Last", ["A"], DependsOn=[{"Step": "B", "Trigger": "Any"}]), True),
        (work("Last", ["A"], DependsOn=[{"Step": "B", "Trigger": "Failed"}]), True),
        (work("Last", ["A"], DependsOn=["C"]), True),
        (choice("D", [work("Inner", ["A"])], [work("Other", ["B"])]), True),
        (choice("D", [work("Inner", ["B"])], [], DependsOn=["A"]), False),
    ],
)
def test_a_step_needs_one_branch_of_a_condition(last: JSON, reachable: bool) -> None:
    found = problems(Steps=[BRANCHES, last])
    assert [message.partition(":")[2] for _, message in found] == (
        [] if reachable else [" it needs steps of both branches of condition 'C'."]
    )


def test_only_the_first_step_that_cannot_run_is_told() -> None:
    assert [place for place, _ in problems(Steps=[BRANCHES, work("X", ["A", "B"]), work("Y", ["X"])])] == ["/Steps/1"]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, 0.5),
        (get("Parameters.I"), get("Parameters.F")),
        (get("Steps.T.BillableTimeInSeconds"), get("Parameters.I")),
        (get("Steps.T.TrainingStartTime"), "2020"),
        (get("Steps.T.HyperParameters['a']"), "x"),
        ({"Std:Join": {"On": "", "Values": [1]}}, get("Parameters.S")),
        (get("Execution.StartDateTime"), get("Parameters.S")),
        ({"Std:JsonGet": {"S3Uri": "s3://bucket/x.json", "Path": "a"}}, 1),
        (get("Steps.C.Outcome"), True),
    ],
)
def test_what_may_be_the_same_is_compared(left: JSON, right: JSON) -> None:
    parameters: JSON = [
        {"Name": "I", "Type": "Integer"},
        {"Name": "F", "Type": "Float"},
        {"Name": "S"},
    ]
    comparison: JSON = {"Type": "Equals", "LeftValue": left, "RightValue": right}
    steps: list[JSON] = [step("T"), choice("C", [], []), step("Ask", "Condition", {"Conditions": [comparison]})]
    assert problems(Steps=steps, Parameters=parameters) == []


def test_some_value_of_the_right_kind_is_enough() -> None:
    condition: JSON = {"Type": "In", "QueryValue": "a", "Values": [1, "b"]}
    assert problems(Steps=[step("C", "Condition", {"Conditions": [condition]})]) == []


def test_a_body_reads_its_own_steps_and_those_before_the_loop() -> None:
    body: list[JSON] = [work("One", ["Before"]), work("Two", ["One"], DependsOn=["One"])]
    loop = step("Loop", "ForEach", {"IterableItems": get("Steps.Before.OutputParameters['x']"), "ForEachBody": body})
    after = step("After", "Lambda", {"n": get("Steps.Loop.TotalStepCount")}, DependsOn=["Loop"])
    assert problems(Steps=[work("Before"), loop, after]) == []


def test_items_are_expressions_like_others() -> None:
    loop = step("Loop", "ForEach", {"IterableItems": [1, get("Parameters.P")]})
    assert problems(Steps=[loop]) == [("/Steps/0/Arguments/IterableItems/1/Get", "Unknown parameter 'P'.")]


def test_a_list_may_not_be_too_short() -> None:
    network: JSON = {"VpcConfig": {"SecurityGroupIds": [], "Subnets": ["subnet-1"]}}
    assert problems(Steps=[step("A", "Training", network)]) == [
        (
            "/Steps/0/Arguments/VpcConfig/SecurityGroupIds",
            "Model Validation failed: There are 0 elements: Member must have length greater than or equal to 1",
        )
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Parameters.Depth",
        "Execution.PipelineExecutionId",
        "Steps.Unknown.properties.ModelArtifacts",
        "a.properties.B",
        '{"Get": 1, "Put": 2}',
        '[{"Get": "Parameters.X"}]',
        "$(date) ${HOME} ${parameters}",
        "f(x) < 3",
        "log4j.properties.Level=INFO",
    ],
)
def test_texts_that_only_look_like_expressions(text: str) -> None:
    """`Parameters.X` alone is what a step of the @step decorator gets as an argument (spec 01, section 8)."""
    assert problems(Steps=[step("A", "Training", {"HyperParameters": {"a": text, text: "b"}})]) == []
