"""Room checks: the form of names and texts. Spec 01, sections 2 and 5."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stepwell.checks.running import Subject
from stepwell.definition.model import Step
from stepwell.definition.problems import Problem, below, shown

_STEP_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")
_PARAMETER_NAME = re.compile(r"[A-Za-z0-9\-_]{1,256}")
_LENGTHS = {"DisplayName": 256, "Description": 3072}


def check(subject: Subject) -> Iterator[Problem]:
    """Names match AWS's patterns; display names and descriptions are not too long."""
    for step in subject.pipeline.steps:
        if not _STEP_NAME.fullmatch(step.name):
            yield _wrong_name("Step", step.name, step.pointer, _STEP_NAME)
        yield from _too_long(step)
    for parameter in subject.pipeline.parameters:
        if not _PARAMETER_NAME.fullmatch(parameter.name):
            yield _wrong_name("Parameter", parameter.name, parameter.pointer, _PARAMETER_NAME)


def _wrong_name(noun: str, name: str, pointer: str, pattern: re.Pattern[str]) -> Problem:
    message = f"{noun} name '{shown(name)}' failed to satisfy regular expression pattern: {pattern.pattern}"
    return Problem(below(pointer, "Name"), message)


def _too_long(step: Step) -> Iterator[Problem]:
    for member, text in (("DisplayName", step.display_name), ("Description", step.description)):
        if len(text or "") > _LENGTHS[member]:
            yield Problem(below(step.pointer, member), f"{member} is longer than {_LENGTHS[member]} characters.")
