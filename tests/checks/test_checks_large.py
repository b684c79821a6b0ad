"""Rooms definition and checks: a definition of a megabyte is judged in moments, and its refusal stays readable.

Each of these once took minutes, or would where something looks at every pair of things. The bound is a hundred times
what they take.
"""

from __future__ import annotations

import json

import pytest

from stepwell.checks.running import findings
from stepwell.definition.json_text import JSON
from stepwell.definition.problems import DefinitionError
from stepwell.spec.models import operation

LENGTH = 1_000_000


def calling(name: str = "Call", arguments: JSON = None, **members: JSON) -> JSON:
    return {"Name": name, "Type": "Lambda", "FunctionArn": "f", "Arguments": arguments or {}, **members}


def training(arguments: JSON) -> JSON:
    return {"Name": "Train", "Type": "Training", "Arguments": arguments}


def get(path: str) -> JSON:
    return {"Get": path}


MEMBERS: dict[str, JSON] = {f"M{number}": 1 for number in range(50_000)}
LARGE: dict[str, JSON] = {
    "a text that begins like an expression": [calling(arguments={"x": '{"Std:Join":' + " " * LENGTH})],
    "a text of braces": [calling(arguments={"x": "{" * LENGTH})],
    "a text of dollars": [calling(arguments={"x": "${Parameters." * (LENGTH // 13)})],
    "a text of representations": [calling(arguments={"x": "<sagemaker." * (LENGTH // 11)})],
    "a text that is a property": [calling(arguments={"x": "Call.properties." + "A" * LENGTH})],
    "unknown arguments": [training({f"Member{number}": 1 for number in range(50_000)})],
    "unknown members": [{"Name": "Stop", "Type": "Fail", "Arguments": {}, **MEMBERS}],
    "references to nobody": [
        calling(arguments={f"m{number}": get(f"Steps.x{number}.A") for number in range(15_000)})
    ],
    "references to outputs that are not declared": [
        calling(OutputParameters=[{"OutputName": f"output{number}"} for number in range(2_000)]),
        training(
            {"Environment": {f"E{number}": get(f"Steps.Call.OutputParameters.x{number}") for number in range(9_000)}}
        ),
    ],
    "one long path": [calling(arguments={"x": get("Steps." + "a." * (LENGTH // 2))})],
    "steps of one name": [calling() for _ in range(10_000)],
    "steps that wait for all before them": [
        calling(f"s{number}", DependsOn=[f"s{earlier}" for earlier in range(number)]) for number in range(400)
    ],
    "one long name": [calling("s" * LENGTH)],
    "one long key": [training({"K" * LENGTH: 1})],
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", LARGE)
def test_large_definitions_are_judged_at_once(name: str) -> None:
    _pipeline, problems = findings(json.dumps({"Steps": LARGE[name]}), operation)
    if problems:
        assert len(DefinitionError(problems).message) < 20_000


def test_a_long_enumeration_is_not_repeated() -> None:
    enumeration: list[JSON] = [str(number) for number in range(50_000)]
    parameter: JSON = {"Name": "P", "EnumValues": enumeration, "DefaultValue": "none of them"}
    _pipeline, problems = findings(json.dumps({"Parameters": [parameter], "Steps": []}), operation)
    assert len(DefinitionError(problems).message) < 500
