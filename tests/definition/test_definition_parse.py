"""Room definition, parse: the structure of a definition."""

from __future__ import annotations

import json

import pytest

from stepwell.definition.caching import CacheConfig
from stepwell.definition.conditions import Comparison
from stepwell.definition.expressions import Get, Join
from stepwell.definition.json_text import JSON
from stepwell.definition.loops import ForEach
from stepwell.definition.model import Dependency, Parameter, Parent, Pipeline, PropertyFile, Step
from stepwell.definition.outputs import OutputParameter
from stepwell.definition.parse import MAXIMUM_LENGTH, parse, read
from stepwell.definition.paths import Path
from stepwell.definition.problems import DefinitionError, Problem
from stepwell.definition.retries import RetryPolicy

WORK: dict[str, JSON] = {"Name": "A", "Type": "Processing", "Arguments": {}}


def parsed(**members: JSON) -> Pipeline:
    return parse(json.dumps({"Steps": [], **members}))


def problems(text: str) -> list[Problem]:
    with pytest.raises(DefinitionError) as refused:
        parse(text)
    return list(refused.value.problems)


def test_the_smallest_definition_has_no_steps() -> None:
    assert parse('{"Steps": []}') == Pipeline(())


def test_the_envelope_is_read() -> None:
    pipeline = parsed(
        Version="2020-12-01",
        Metadata={"Team": "x"},
        Parameters=[],
        PipelineExperimentConfig={"ExperimentName": {"Get": "Execution.PipelineName"}, "TrialName": "t"},
        MlflowConfig={"MlflowResourceArn": "arn", "MlflowExperimentName": "e"},
    )
    assert pipeline.metadata == {"Team": "x"}
    assert pipeline.experiment == {"ExperimentName": Get(Path("Execution", "PipelineName")), "TrialName": "t"}
    assert pipeline.mlflow == {"MlflowResourceArn": "arn", "MlflowExperimentName": "e"}


def test_null_means_not_there() -> None:
    members: dict[str, JSON] = dict.fromkeys(
        ("Version", "Metadata", "Parameters", "PipelineExperimentConfig", "MlflowConfig")
    )
    step = {**WORK, **dict.fromkeys(("DependsOn", "DisplayName", "Description", "PropertyFiles"))}
    assert parsed(**members) == Pipeline(())
    assert parsed(Steps=[step]).steps == (Step("A", "Processing", {}, "/Steps/0"),)


def test_a_trial_name_may_be_a_join_without_its_wrapper() -> None:
    pipeline = parsed(PipelineExperimentConfig={"TrialName": {"On": "-", "Values": ["a", "b"]}})
    assert pipeline.experiment == {"TrialName": Join("-", ("a", "b"))}


@pytest.mark.parametrize(
    ("item", "parameter"),
    [
        ({"Name": "P"}, Parameter("P", "String", None, "/Parameters/0")),
        (
            {"Name": "P", "Type": "String", "DefaultValue": "", "Description": "d"},
            Parameter("P", "String", "", "/Parameters/0", description="d"),
        ),
        (
            {"Name": "P", "DefaultValue": "a", "EnumValues": ["a", "b"]},
            Parameter("P", "String", "a", "/Parameters/0", enum=("a", "b")),
        ),
        ({"Name": "P", "Type": "Integer", "DefaultValue": 0}, Parameter("P", "Integer", 0, "/Parameters/0")),
        ({"Name": "P", "Type": "Integer", "DefaultValue": 2.0}, Parameter("P", "Integer", 2, "/Parameters/0")),
        ({"Name": "P", "Type": "Float", "DefaultValue": 1}, Parameter("P", "Float", 1, "/Parameters/0")),
        ({"Name": "P", "Type": "Float", "DefaultValue": 0.5}, Parameter("P", "Float", 0.5, "/Parameters/0")),
        ({"Name": "P", "Type": "Boolean", "DefaultValue": False}, Parameter("P", "Boolean", False, "/Parameters/0")),
    ],
)
def test_parameters_are_read(item: JSON, parameter: Parameter) -> None:
    (found,) = parsed(Parameters=[item]).parameters
    assert found == parameter
    assert type(found.default) is type(parameter.default)


def test_steps_are_flat_and_know_where_they_stand() -> None:
    inner = {
        "Name": "Inner",
        "Type": "Condition",
        "Arguments": {"Conditions": [], "IfSteps": [{**WORK, "Name": "Deep"}], "ElseSteps": []},
    }
    outer = {
        "Name": "Outer",
        "Type": "Condition",
        "Arguments": {
            "Conditions": [{"Type": "Equals", "LeftValue": 1, "RightValue": 1}],
            "IfSteps": [inner],
            "ElseSteps": [{**WORK, "Name": "Else"}],
        },
    }
    steps = parsed(Steps=[outer, {**WORK, "Name": "Last"}]).steps
    assert [(step.name, step.parent, step.pointer) for step in steps] == [
        ("Outer", None, "/Steps/0"),
        ("Inner", Parent("Outer", "IfSteps"), "/Steps/0/Arguments/IfSteps/0"),
        ("Deep", Parent("Inner", "IfSteps"), "/Steps/0/Arguments/IfSteps/0/Arguments/IfSteps/0"),
        ("Else", Parent("Outer", "ElseSteps"), "/Steps/0/Arguments/ElseSteps/0"),
        ("Last", None, "/Steps/1"),
    ]
    assert steps[0].conditions == (Comparison("Equals", 1, 1),)
    assert steps[0].arguments == {}


def test_a_condition_needs_no_branches() -> None:
    step: JSON = {"Name": "C", "Type": "Condition", "Arguments": {"Conditions": [], "ElseSteps": None}}
    assert [found.name for found in parsed(Steps=[step]).steps] == ["C"]


def test_bodies_of_loops_are_steps_too() -> None:
    body = {**WORK, "Name": "Body", "Arguments": {"X": {"Get": "ForEach.CurrentItem"}}}
    arguments: JSON = {"IterableItems": [1], "MaxConcurrency": 2, "ForEachBody": [body]}
    pipeline = parsed(Steps=[{"Name": "F", "Type": "ForEach", "Arguments": arguments}])
    loop, inside = pipeline.steps
    assert loop.arguments == {}
    assert loop.loop == ForEach((1,), 2)
    assert pipeline.held == {"F": (inside,)}
    assert inside.parent == Parent("F", "ForEachBody")
    assert inside.arguments == {"X": Get(Path("ForEach", "CurrentItem"))}


def test_all_members_of_a_step_are_kept() -> None:
    step: JSON = {
        **WORK,
        "Arguments": {"RoleArn": {"Get": "Parameters.Role"}},
        "DependsOn": ["B", {"Step": "C"}, {"Step": "D", "Trigger": "Any"}],
        "DisplayName": "shown",
        "Description": "told",
        "PropertyFiles": [{"PropertyFileName": "f", "OutputName": "o", "FilePath": "p.json"}],
        "CacheConfig": {"Enabled": True, "ExpireAfter": "30d"},
        "RetryPolicies": [{"ExceptionType": ["Step.THROTTLING"]}],
        "OutputParameters": [{"OutputName": "o"}],
        "FunctionArn": {"Get": "Parameters.F"},
    }
    assert parsed(Steps=[step]).steps == (
        Step(
            "A",
            "Processing",
            {"RoleArn": Get(Path("Parameters", "Role"))},
            "/Steps/0",
            depends_on=(
                Dependency("B", "/Steps/0/DependsOn/0"),
                Dependency("C", "/Steps/0/DependsOn/1"),
                Dependency("D", "/Steps/0/DependsOn/2", "Any"),
            ),
            display_name="shown",
            description="told",
            property_files=(PropertyFile("f", "o", "p.json", "/Steps/0/PropertyFiles/0"),),
            cache=CacheConfig(True, 30 * 86400),
            retries=(RetryPolicy(("Step.THROTTLING",), "/Steps/0/RetryPolicies/0"),),
            outputs=(OutputParameter("o", "String", "/Steps/0/OutputParameters/0"),),
            extra={"FunctionArn": Get(Path("Parameters", "F"))},
        ),
    )


def test_a_pipeline_knows_its_steps_and_their_files() -> None:
    step: JSON = {**WORK, "PropertyFiles": [{"PropertyFileName": "f", "OutputName": "o", "FilePath": "p"}]}
    pipeline = parsed(Steps=[step])
    assert pipeline.named == {"A": pipeline.steps[0]}
    assert pipeline.property_file("A", "f") == pipeline.steps[0].property_files[0]
    assert pipeline.property_file("A", "g") is None
    assert pipeline.property_file("B", "f") is None


def step_with(**members: JSON) -> dict[str, JSON]:
    return {"Steps": [{**WORK, **members}]}


@pytest.mark.parametrize(
    ("definition", "pointer", "message"),
    [
        ([], "", "Expecting start of Json Object."),
        ({}, "", "Missing required member 'Steps'"),
        ({"Steps": {}}, "/Steps", "Expecting start of Json Array."),
        ({"Steps": [], "Step": []}, "/Step", "Unknown member 'Step'. Did you mean 'Steps'?"),
        ({"Steps": [], "X": []}, "/X", "Unknown member 'X'"),
        (
            {"Steps": [], "Version": "2021"},
            "/Version",
            "Unsupported Version '2021'; the only version is '2020-12-01'.",
        ),
        ({"Steps": [], "Metadata": 1}, "/Metadata", "Expecting start of Json Object."),
        ({"Steps": [], "Parameters": {}}, "/Parameters", "Expecting start of Json Array."),
        ({"Steps": [], "Parameters": [1]}, "/Parameters/0", "Expecting start of Json Object."),
        ({"Steps": [], "Parameters": [{}]}, "/Parameters/0", "Missing required member 'Name'"),
        ({"Steps": [], "Parameters": [{"Name": 1}]}, "/Parameters/0/Name", "Expecting a Json String."),
        (
            {"Steps": [], "Parameters": [{"Name": "P", "Type": "Int"}]},
            "/Parameters/0/Type",
            "Unknown parameter type 'Int'. Did you mean 'Integer'?",
        ),
        (
            {"Steps": [], "Parameters": [{"Name": "P", "Default": 1}]},
            "/Parameters/0/Default",
            "Unknown Parameter member 'Default'. Did you mean 'DefaultValue'?",
        ),
        (
            {"Steps": [], "PipelineExperimentConfig": "x"},
            "/PipelineExperimentConfig",
            "Expecting start of Json Object.",
        ),
        (
            {"Steps": [], "PipelineExperimentConfig": {"Name": "x"}},
            "/PipelineExperimentConfig/Name",
            "Unknown PipelineExperimentConfig member 'Name'",
        ),
        ({"Steps": [3]}, "/Steps/0", "Expecting start of Json Object."),
        ({"Steps": [{"Name": "A", "Arguments": {}}]}, "/Steps/0", "Missing required member 'Type'"),
        ({"Steps": [{"Type": "Fail", "Arguments": {}}]}, "/Steps/0", "Missing required member 'Name'"),
        ({"Steps": [{"Name": "A", "Type": "Fail"}]}, "/Steps/0", "Missing required member 'Arguments'"),
        (step_with(Arguments=[]), "/Steps/0/Arguments", "Expecting start of Json Object."),
        (step_with(DependsOn="A"), "/Steps/0/DependsOn", "Expecting start of Json Array."),
        (step_with(DependsOn=[1]), "/Steps/0/DependsOn/0", "Expecting a Json String."),
        (step_with(DependsOn=[{}]), "/Steps/0/DependsOn/0", "Missing required member 'Step'"),
        (
            step_with(DependsOn=[{"Step": "A", "Trigger": "Done"}]),
            "/Steps/0/DependsOn/0/Trigger",
            "Unknown trigger 'Done'. Known: Completed, Failed, Stopped, Any.",
        ),
        (step_with(DependsOn=[{"Step": "A", "On": 1}]), "/Steps/0/DependsOn/0/On", "Unknown DependsOn member 'On'"),
        (step_with(DisplayName=1), "/Steps/0/DisplayName", "Expecting a Json String."),
        (step_with(PropertyFiles=[{}]), "/Steps/0/PropertyFiles/0", "Missing required member 'FilePath'"),
        (step_with(Type="Condition"), "/Steps/0/Arguments", "Missing required member 'Conditions'"),
        (
            step_with(Type="Condition", Arguments={"Conditions": {}}),
            "/Steps/0/Arguments/Conditions",
            "Expecting start of Json Array.",
        ),
        (
            step_with(Type="Condition", Arguments={"Conditions": [], "IfSteps": [{}]}),
            "/Steps/0/Arguments/IfSteps/0",
            "Missing required member 'Name'",
        ),
        (
            step_with(Arguments={"A": {"b": [{"Get": "x"}]}}),
            "/Steps/0/Arguments/A/b/0/Get",
            "Invalid reference 'x': it must begin with one of [Parameters., ",
        ),
        (step_with(FunctionArn={"Get": "x"}), "/Steps/0/FunctionArn/Get", "Invalid reference 'x'"),
    ],
)
def test_wrong_structure_says_what_and_where(definition: JSON, pointer: str, message: str) -> None:
    found = problems(json.dumps(definition))
    assert (pointer, message) in [(problem.pointer, problem.message[: len(message)]) for problem in found]


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("String", 1),
        ("String", {"Get": "Parameters.Q"}),
        ("Integer", "1"),
        ("Integer", 1.5),
        ("Integer", True),
        ("Float", "1"),
        ("Float", False),
        ("Boolean", 0),
        ("Boolean", "true"),
    ],
)
def test_defaults_have_the_type_of_their_parameter(type_: str, value: JSON) -> None:
    parameter: JSON = {"Name": "P", "Type": type_, "DefaultValue": value}
    (found,) = problems(json.dumps({"Steps": [], "Parameters": [parameter]}))
    assert found.pointer == "/Parameters/0/DefaultValue"
    assert found.message.startswith(f"The default of a parameter of type {type_} cannot be ")


def test_enumerations_are_of_strings_and_hold_the_default() -> None:
    number: JSON = {"Name": "N", "Type": "Integer", "EnumValues": ["1"]}
    text: JSON = {"Name": "T", "DefaultValue": "c", "EnumValues": ["a", "b"]}
    found = problems(json.dumps({"Steps": [], "Parameters": [number, text]}))
    assert [str(problem) for problem in found] == [
        "Only a parameter of type String can have EnumValues. (at /Parameters/0/EnumValues)",
        "The default 'c' is not one of the EnumValues [a, b]. (at /Parameters/1/DefaultValue)",
    ]


def test_all_problems_are_told_at_once() -> None:
    text = '{"Version": 1, "X": 1, "Steps": [{"Name": "A", "Type": "Fail"}, 5]}'
    assert [problem.pointer for problem in problems(text)] == ["/X", "/Version", "/Steps/0", "/Steps/1"]


def test_malformed_json_is_refused() -> None:
    (found,) = problems('{"Steps": [}')
    assert found == Problem("", "Malformed JSON: Expecting value at line 1, column 12 (character 11).")


def test_a_definition_has_a_largest_length() -> None:
    text = '{"Steps": []' + " " * (MAXIMUM_LENGTH - 13) + "}"
    assert len(text) == MAXIMUM_LENGTH
    assert parse(text) == Pipeline(())
    (found,) = problems(text + " ")
    assert found.message == f"It has {MAXIMUM_LENGTH + 1} characters; at most {MAXIMUM_LENGTH} are allowed."


def test_what_can_be_read_is_read_besides_the_problems() -> None:
    pipeline, found = read(
        '{"Steps": [{"Name": "A", "Type": "Fail"}, {"Name": "B", "Type": "Fail", "Arguments": {}}]}'
    )
    assert [step.name for step in pipeline.steps] == ["A", "B"]
    assert found == [Problem("/Steps/0", "Missing required member 'Arguments'")]
