"""Room checks: AutoML steps run in the mode that pipelines support. Spec 01, section 5."""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.checks.running import Subject
from stepwell.definition.problems import Problem, below, shown

MODE = "ENSEMBLING"


def check(subject: Subject) -> Iterator[Problem]:
    """One problem for each step whose mode is absent, or written down and another."""
    for step in subject.pipeline.steps:
        config = step.arguments.get("AutoMLJobConfig")
        if step.type != "AutoML" or not isinstance(config, dict):
            continue
        mode = config.get("Mode")
        if mode is None or (isinstance(mode, str) and mode != MODE):
            pointer = below(step.pointer, "Arguments", "AutoMLJobConfig", *(["Mode"] if mode else []))
            found = f", but found '{shown(mode)}'" if mode else ""
            yield Problem(pointer, f"An AutoML step must have the Mode {MODE}{found}.")
