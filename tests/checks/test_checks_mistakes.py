"""Rooms definition and checks: the mistakes users report, each with all that is said about it.

mistakes/*.json: what the mistake is, the problems, and the definition, or its text where that is the mistake. Numbers
of issues are of the SDK's public tracker.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stepwell.checks import running
from stepwell.checks.running import Subject, findings
from stepwell.definition.parse import read
from stepwell.definition.problems import DefinitionError, Problem
from stepwell.definition.source import locate
from stepwell.spec.models import operation

MISTAKES = {file.stem: json.loads(file.read_text()) for file in (Path(__file__).parent / "mistakes").glob("*.json")}


def text_of(name: str) -> str:
    mistake = MISTAKES[name]
    return str(mistake["text"]) if "text" in mistake else json.dumps(mistake["definition"])


def told(text: str) -> list[Problem]:
    try:
        return findings(text, operation)[1]
    except DefinitionError as error:
        return list(error.problems)


@pytest.mark.parametrize("name", sorted(MISTAKES))
def test_a_mistake_is_told(name: str) -> None:
    problems = told(text_of(name))
    assert [{"pointer": found.pointer, "message": found.message} for found in problems] == MISTAKES[name]["problems"]
    assert problems


@pytest.mark.parametrize("name", sorted(name for name in MISTAKES if "definition" in MISTAKES[name]))
def test_a_mistake_is_found_in_the_text(name: str) -> None:
    text = text_of(name)
    for found in told(text):
        assert locate(text, found.pointer).text == text


@pytest.mark.parametrize("rule", sorted(running.rules()))
def test_every_rule_is_broken_by_some_mistake(rule: str) -> None:
    check = running.rules()[rule]
    pipelines = (read(text_of(name))[0] for name in MISTAKES if "definition" in MISTAKES[name])
    assert any(list(check(Subject(pipeline, operation))) for pipeline in pipelines)


def test_rules_are_heard_about_whole_steps_beside_broken_ones() -> None:
    broken = {"Name": "A", "Type": "Fail", "Arguments": {"ErrorMessage": {"Get": "nonsense"}}, "X": 1}
    whole = {"Name": "B", "Type": "Fail", "Arguments": {}}
    assert [found.pointer for found in told(json.dumps({"Steps": [broken, whole]}))] == [
        "/Steps/0/Arguments/ErrorMessage/Get",
        "/Steps/0/X",
        "/Steps/1/Arguments",
    ]


def test_rules_are_heard_about_a_step_in_which_something_is_missing() -> None:
    step = {"Type": "Training", "Arguments": {"HyperParameter": {}}, "FunctionArn": "f"}
    problems = [str(found) for found in told(json.dumps({"Steps": [step]}))]
    assert [problem.partition(".")[0] for problem in problems] == [
        "Missing required member 'Name' (at /Steps/0)",
        "Missing required member 'OutputDataConfig' (at /Steps/0/Arguments)",
        "Unknown Argument member 'HyperParameter'",
        "Unknown member 'FunctionArn' of a step of type Training",
    ]


def test_what_is_missing_is_told_once() -> None:
    """The rules would tell of the Arguments of a step without any, and of a value that could not be read."""
    bare = {"Name": "A", "Type": "Training"}
    unread = {"Name": "B", "Type": "Fail", "Arguments": {"ErrorMessage": {"Get": 3}}}
    assert [str(found) for found in told(json.dumps({"Steps": [bare, unread]}))] == [
        "Missing required member 'Arguments' (at /Steps/0)",
        "Expecting a Json String. Found the number 3. (at /Steps/1/Arguments/ErrorMessage/Get)",
    ]
