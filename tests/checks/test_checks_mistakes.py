"""Rooms definition and checks: the mistakes users report, each with all that is said about it.

mistakes/*.json: what the mistake is, the problems, the definition. Numbers of issues are of the SDK's public tracker.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stepwell.checks.running import findings
from stepwell.definition.source import locate
from stepwell.spec.models import operation

MISTAKES = {file.stem: json.loads(file.read_text()) for file in (Path(__file__).parent / "mistakes").glob("*.json")}


@pytest.mark.parametrize("name", sorted(MISTAKES))
def test_a_mistake_is_told(name: str) -> None:
    text = json.dumps(MISTAKES[name]["definition"])
    _pipeline, problems = findings(text, operation)
    assert [{"pointer": found.pointer, "message": found.message} for found in problems] == MISTAKES[name]["problems"]
    assert problems
    for found in problems:
        assert locate(text, found.pointer).text == text


def test_rules_are_heard_about_whole_steps_beside_broken_ones() -> None:
    broken = {"Name": "A", "Type": "Fail", "Arguments": {"ErrorMessage": {"Get": "nonsense"}}, "X": 1}
    whole = {"Name": "B", "Type": "Fail", "Arguments": {}}
    _pipeline, problems = findings(json.dumps({"Steps": [broken, whole]}), operation)
    assert [found.pointer for found in problems] == [
        "/Steps/0/Arguments/ErrorMessage/Get",
        "/Steps/0/X",
        "/Steps/1/Arguments",
    ]
