"""Room definition: what SageMaker Python SDK v2 emits is read whole. sdk_v2/generate.py made the files."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepwell.definition.graph import Requirement, graph_of
from stepwell.definition.model import Pipeline
from stepwell.definition.parse import parse
from stepwell.definition.references import of_step

FOLDER = Path(__file__).parent / "sdk_v2"


def read(name: str) -> Pipeline:
    return parse((FOLDER / f"{name}.json").read_text())


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        (
            "abalone",
            {
                "AbaloneProcess": set(),
                "AbaloneTrain": {"AbaloneProcess"},
                "AbaloneEval": {"AbaloneTrain", "AbaloneProcess"},
                "AbaloneCondition": {"AbaloneEval"},
                "AbaloneRegister-RegisterModel": {"AbaloneCondition", "AbaloneTrain", "AbaloneEval"},
                "AbaloneCreate-CreateModel": {"AbaloneCondition", "AbaloneTrain"},
                "AbaloneFail": {"AbaloneCondition"},
            },
        ),
        (
            "nested_conditions",
            {
                "Outer": set(),
                "Inner": {"Outer"},
                "Deep": {"Inner"},
                "Stop": {"Inner"},
                "Shallow": {"Outer"},
                "After": {"Outer"},
                "Last": {"Deep"},
            },
        ),
        ("custom_prefix", {"Train": set()}),
        (
            "not_yet_built",
            {
                "Tune": set(),
                "Best-CreateModel": {"Tune"},
                "Score": {"Best-CreateModel"},
                "Tell": {"Score", "Best-CreateModel"},
            },
        ),
    ],
)
def test_steps_and_what_they_wait_for(name: str, steps: dict[str, set[str]]) -> None:
    requirements = graph_of(read(name)).requirements
    assert {step: {found.step for found in needed} for step, needed in requirements.items()} == steps
    assert list(requirements) == list(steps)


def test_branches_are_told_apart() -> None:
    requirements = graph_of(read("abalone")).requirements
    assert Requirement("AbaloneCondition", branch="ElseSteps") in requirements["AbaloneFail"]
    assert Requirement("AbaloneCondition", branch="IfSteps") in requirements["AbaloneCreate-CreateModel"]


def test_every_get_is_found() -> None:
    text = (FOLDER / "abalone.json").read_text()
    pipeline = read("abalone")
    outside = 2  # ExperimentName and TrialName
    assert sum(len(list(of_step(step))) for step in pipeline.steps) == text.count('"Get"') - outside


def test_parameters_and_property_files() -> None:
    pipeline = read("abalone")
    found = {parameter.name: (parameter.type, parameter.default) for parameter in pipeline.parameters}
    assert found == {
        "InstanceCount": ("Integer", 1),
        "MaxDepth": ("Integer", 5),
        "InstanceType": ("String", "ml.m5.xlarge"),
        "Approval": ("String", "PendingManualApproval"),
        "InputData": ("String", None),
        "MseThreshold": ("Float", 6.0),
    }
    file = pipeline.property_file("AbaloneEval", "EvaluationReport")
    assert file is not None
    assert (file.output_name, file.file_path) == ("evaluation", "evaluation.json")
    assert read("custom_prefix").experiment is None
