"""Rooms steps and checks: what every type of step takes and gives."""

from __future__ import annotations

import pytest
from whole_steps import MEMBERS, WHOLE, get, problems, step

from stepwell.definition.json_text import JSON
from stepwell.spec.models import operation
from stepwell.steps import forms
from stepwell.steps.registry import TYPES

ANYTHING = ("Lambda", "Callback")
"""Types whose Arguments are the user's own."""


@pytest.mark.parametrize("type_", sorted(TYPES))
def test_a_whole_step_of_every_type_passes(type_: str) -> None:
    steps: list[JSON] = [step("A", "Training"), step("S", type_, DependsOn=["A"])]
    assert problems(Steps=steps) == []


@pytest.mark.parametrize("type_", sorted(set(TYPES) - {"Lambda", "Callback", "ForEach"}))
def test_no_type_takes_any_argument(type_: str) -> None:
    steps: list[JSON] = [step("A", "Training"), step("S", type_, {"Xyzzy": 1})]
    (message,) = [message for pointer, message in problems(Steps=steps) if pointer == "/Steps/1/Arguments/Xyzzy"]
    assert message.startswith("Unknown Argument member 'Xyzzy'")


@pytest.mark.parametrize("type_", ANYTHING)
def test_events_are_free(type_: str) -> None:
    assert problems(Steps=[step("S", type_, {"a": {"b": [1, None, {"c": "d"}]}})]) == []


@pytest.mark.parametrize(
    ("type_", "member"),
    [(type_, member) for type_ in sorted(MEMBERS) for member in MEMBERS[type_]],
)
def test_members_of_steps_that_must_be_there(type_: str, member: str) -> None:
    assert problems(Steps=[step("S", type_, **{member: None})]) == [
        ("/Steps/0", f"Missing required member '{member}'")
    ]


@pytest.mark.parametrize(
    ("type_", "member"),
    [
        ("Training", "OutputDataConfig"),
        ("Processing", "AppSpecification"),
        ("QualityCheck", "ProcessingResources"),
        ("Transform", "ModelName"),
        ("Tuning", "HyperParameterTuningJobConfig"),
        ("AutoML", "InputDataConfig"),
        ("Endpoint", "EndpointConfigName"),
        ("EMR", "StepConfig"),
        ("EMRServerless", "JobConfig"),
        ("Job", "JobConfigDocument"),
        ("Cleanup", "Resources"),
        ("BedrockModelImport", "ModelDataSource"),
    ],
)
def test_arguments_that_must_be_there(type_: str, member: str) -> None:
    steps: list[JSON] = [step("A", "Training"), step("S", type_, {member: None})]
    assert ("/Steps/1/Arguments", f"Missing required member '{member}'") in problems(Steps=steps)


READABLE: dict[str, tuple[list[str], list[str]]] = {
    "Tuning": (["BestTrainingJob.TrainingJobName", "TrainingJobSummaries[0].TrainingJobName"], ["TrainingJobName"]),
    "AutoML": (
        [
            "BestCandidate.InferenceContainers[0].Environment['X']",
            "BestCandidateProperties.ModelInsightsJsonReportPath",
        ],
        ["BestCandidateProperties.Other"],
    ),
    "Transform": (["TransformOutput.S3OutputPath"], ["TransformOutput.Path"]),
    "QualityCheck": (["CalculatedBaselineStatistics"], ["ProcessingJobName", "CalculatedBaselineStatistics.X"]),
    "ClarifyCheck": (["BaselineUsedForDriftCheckConstraints"], ["CalculatedBaselineStatistics"]),
    "EMR": (["Status.State", "Config.Args[0]", "Id", "ClusterId"], ["Step.Id"]),
    "EMRServerless": (["jobRun.state", "jobRun.jobDriver.sparkSubmit.entryPoint"], ["JobRun.state"]),
    "Endpoint": (["EndpointArn", "ProductionVariants['v'].CurrentWeight"], ["EndpointId"]),
    "EndpointConfig": (["EndpointConfigName"], ["EndpointName"]),
    "InferenceComponent": (["InferenceComponentArn"], ["Arn"]),
    "Job": (["JobArn", "JobConfigDocument.a.b[0]"], ["JobId"]),
    "Lineage": (["ActionArns['a']", "Associations[0].SourceArn"], ["ActionArn"]),
    "BedrockCustomModel": (["ModelArn", "OutputDataConfig.S3Uri"], ["modelArn"]),
    "BedrockModelImport": (["ImportedModelArn"], ["importedModelArn"]),
    "BedrockCustomModelDeployment": (["Status"], ["status"]),
    "BedrockProvisionedModelThroughput": (["ProvisionedModelArn"], ["provisionedModelArn"]),
    "ForEach": (["Status", "SucceededStepCount"], ["Selected.X", "IterationOutputs.Body", "IterationOutputs[0].X"]),
}


@pytest.mark.parametrize("type_", READABLE)
def test_properties_of_types(type_: str) -> None:
    for path, fine in [(path, True) for path in READABLE[type_][0]] + [(path, False) for path in READABLE[type_][1]]:
        reader = step("R", "Lambda", {"X": get(f"Steps.S.{path}")})
        found = problems(Steps=[step("S", type_), reader])
        assert [pointer for pointer, _ in found] == ([] if fine else ["/Steps/1/Arguments/X/Get"]), path


def test_outputs_and_turns_are_read_as_they_are_declared() -> None:
    outputs: JSON = [{"OutputName": "score", "OutputType": "Float"}]
    body = step("Body", "Lambda", {"X": get("ForEach.CurrentItem.name")}, OutputParameters=outputs)
    selector: JSON = {"Pick": "MinBy", "Field": get("IterationOutput.Body.OutputParameters['score']")}
    loop = step("Loop", "ForEach", {"Selector": selector, "ForEachBody": [body]})

    def read(path: str) -> list[tuple[str, str]]:
        return problems(Steps=[loop, step("R", "Lambda", {"X": get(f"Steps.Loop.{path}")})])

    assert read("Selected.OutputParameters['score']") == []
    assert read("IterationOutputs[3].Body.OutputParameters.score") == []
    assert read("Selected.OutputParameters['scores']")
    assert read("IterationOutputs[3].Bodi")


def test_forms_that_hold_themselves_end() -> None:
    form = forms.request(operation, "emr", "RunJobFlow").members["Configurations"]
    for _ in range(50):
        form = form.inner.members["Configurations"]
    assert form.inner is forms.of_shape(operation("emr", "RunJobFlow").service.shape("Configuration"), forms.as_it_is)


def test_all_types_have_a_whole_step() -> None:
    assert set(WHOLE) | set(ANYTHING) | {"RegisterModel"} == set(TYPES)
