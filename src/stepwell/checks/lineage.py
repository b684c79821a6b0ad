"""Room checks: Lineage steps make something, within AWS's limits, and join what exists. Spec 01, section 5."""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.checks.running import Subject
from stepwell.definition.expressions import Tree
from stepwell.definition.model import Step
from stepwell.definition.problems import Problem, below, did_you_mean, shown, suggestion
from stepwell.steps.lineage import ENTITIES, MOST_ASSOCIATIONS, MOST_ENTITIES


def check(subject: Subject) -> Iterator[Problem]:
    """Empty steps, too many entities or associations, and ends that name nothing."""
    for step in subject.pipeline.steps:
        if step.type == "Lineage":
            yield from _sizes(step)
            yield from _associations(step)


def _sizes(step: Step) -> Iterator[Problem]:
    inside = below(step.pointer, "Arguments")
    limits = {**dict.fromkeys(ENTITIES, MOST_ENTITIES), "Associations": MOST_ASSOCIATIONS}
    lengths = {member: len(items) for member in limits if isinstance(items := step.arguments.get(member), list)}
    if not any(lengths.values()):
        yield Problem(inside, f"At least one element in {', '.join(limits)} is required.")
    for member, length in lengths.items():
        if length > limits[member]:
            message = f"There are {length} elements; at most {limits[member]} are allowed."
            yield Problem(below(inside, member), message)


def _associations(step: Step) -> Iterator[Problem]:
    made = {(noun, name) for member, noun in ENTITIES.items() for name in _names(step.arguments.get(member), noun)}
    associations = step.arguments.get("Associations")
    for index, association in enumerate(associations if isinstance(associations, list) else []):
        for side in ("Source", "Destination"):
            end = association.get(side) if isinstance(association, dict) else None
            if isinstance(end, dict):
                yield from _end(end, made, below(step.pointer, "Arguments", "Associations", index, side))


def _names(entities: Tree, noun: str) -> Iterator[Tree]:
    for entity in entities if isinstance(entities, list) else []:
        name = entity.get(f"{noun}Name") if isinstance(entity, dict) else None
        if isinstance(name, str):
            yield name


def _end(end: dict[str, Tree], made: set[tuple[str, Tree]], pointer: str) -> Iterator[Problem]:
    by_arn, by_name = "Arn" in end, "Name" in end or "Type" in end
    if by_arn == by_name or ("Name" in end) != ("Type" in end):
        yield Problem(pointer, "Exactly one of 'Arn', and 'Name' with 'Type', is required.")
        return
    name, type_ = end.get("Name"), end.get("Type")
    if not isinstance(name, str) or not isinstance(type_, str):
        return
    if type_ not in ENTITIES.values():
        hint = suggestion(type_, ENTITIES.values())
        yield Problem(below(pointer, "Type"), f"Unknown entity type '{shown(type_)}'.{hint}")
    elif (type_, name) not in made:
        own = [str(known) for noun, known in made if noun == type_]
        message = f"This step makes no {type_} named '{shown(name)}'; name others by Arn.{did_you_mean(name, own)}"
        yield Problem(below(pointer, "Name"), message)
