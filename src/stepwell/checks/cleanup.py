"""Room checks: Cleanup steps name steps whose outputs they can delete. Spec 01, section 5."""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.checks.running import Subject
from stepwell.definition.expressions import Get, Join, JsonGet, Tree
from stepwell.definition.model import Step
from stepwell.definition.problems import Problem, below, expecting, shown, suggestion

FOUND_BY_ITSELF = frozenset({"Training", "Athena"})
"""Types whose outputs the service finds; for others the URIs must be given."""
_NETWORKS = ("VpcConfig", "NetworkConfig")


def check(subject: Subject) -> Iterator[Problem]:
    """One problem for each source that is unknown, in a private network, or needs URIs."""
    for step in subject.pipeline.steps:
        if step.type == "Cleanup":
            yield from _sources(step, subject)


def _sources(step: Step, subject: Subject) -> Iterator[Problem]:
    resources = step.arguments.get("Resources")
    sources = resources.get("S3") if isinstance(resources, dict) else None
    pointer = below(step.pointer, "Arguments", "Resources", "S3")
    if sources == []:
        yield Problem(pointer, "At least one source is required.")
    for index, source in enumerate(sources if isinstance(sources, list) else []):
        if isinstance(source, dict):
            yield from _source(source, below(pointer, index), subject)


def _source(source: dict[str, Tree], pointer: str, subject: Subject) -> Iterator[Problem]:
    name = source.get("StepName")
    if not isinstance(name, str):
        if name is not None:
            yield Problem(
                below(pointer, "StepName"),
                expecting("text", name, is_expression=isinstance(name, Get | Join | JsonGet)),
            )
        return
    target = subject.pipeline.named.get(name)
    if target is None:
        hint = suggestion(name, subject.pipeline.named)
        yield Problem(below(pointer, "StepName"), f"Unknown step '{shown(name)}'.{hint}")
        return
    if any(_has_network(target.arguments.get(member)) for member in _NETWORKS):
        yield Problem(below(pointer, "StepName"), f"Step '{name}' has a VpcConfig and cannot be cleaned up.")
    if source.get("S3Uris") is None and target.type not in FOUND_BY_ITSELF:
        message = f"'S3Uris' are required for step '{name}' of type {target.type}: its outputs are not found without."
        yield Problem(pointer, message)


def _has_network(config: Tree) -> bool:
    return isinstance(config, dict) and ("Subnets" in config or config.get("VpcConfig") is not None)
