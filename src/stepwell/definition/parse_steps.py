"""Room definition: the Steps array and what is nested in it.

In: JSON at /Steps or at a branch of a step. Out: Step values, flat, each behind the step whose branch holds it.
Members that only some types of step have stay in `extra`; the room checks knows which type allows which.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import get_args

from stepwell.definition.caching import parse_cache
from stepwell.definition.conditions import Condition, parse_conditions
from stepwell.definition.expressions import Tree, parse_tree
from stepwell.definition.json_text import JSON
from stepwell.definition.loops import MEMBERS as LOOP_MEMBERS
from stepwell.definition.loops import parse_for_each
from stepwell.definition.model import Branch, Dependency, Parent, PropertyFile, Step, Trigger
from stepwell.definition.outputs import parse_outputs
from stepwell.definition.problems import below, shown, suggestion
from stepwell.definition.reading import Reading
from stepwell.definition.retries import parse_retries

BRANCHES: Mapping[str, tuple[Branch, ...]] = {
    "Condition": ("IfSteps", "ElseSteps"),
    "ForEach": ("ForEachBody",),
}
"""Types of step that hold steps, and the members of their Arguments in which they do."""

CONDITION_MEMBERS = ("Conditions", "IfSteps", "ElseSteps")

_OWN_ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "Condition": CONDITION_MEMBERS,
    "ForEach": LOOP_MEMBERS,
}
"""Arguments that become fields of a Step."""

COMMON = frozenset({"Name", "Type", "Arguments", "DependsOn", "DisplayName", "Description"})
"""Members that every step may have."""

_FIELDS = COMMON | {"PropertyFiles", "CacheConfig", "RetryPolicies", "OutputParameters"}
"""Members that become fields of a Step; the others stay in its `extra`."""

_TRIGGERS: tuple[Trigger, ...] = get_args(Trigger)


def parse_steps(value: JSON, pointer: str, parent: Parent | None, reading: Reading) -> Iterator[Step]:
    """The steps of an array and, behind each, those of its branches."""
    if value is None:
        return
    for index, item in enumerate(reading.array(value, pointer)):
        here = below(pointer, index)
        document = reading.mapping(item, here)
        if document is item:
            yield from _step(document, here, parent, reading)


def _step(document: dict[str, JSON], pointer: str, parent: Parent | None, reading: Reading) -> Iterator[Step]:
    _spelling(document, pointer, reading)
    name = reading.required_text(document, "Name", pointer)
    type_ = reading.required_text(document, "Type", pointer)
    given = reading.required(document, "Arguments", pointer)
    inside = below(pointer, "Arguments")
    arguments = {} if given is None else reading.mapping(given, inside)
    own = _OWN_ARGUMENTS.get(type_, ())
    yield Step(
        name=name,
        type=type_,
        arguments=_trees({key: child for key, child in arguments.items() if key not in own}, inside, reading),
        pointer=pointer,
        depends_on=tuple(_dependencies(document, pointer, reading)),
        display_name=reading.optional_text(document, "DisplayName", pointer),
        description=reading.optional_text(document, "Description", pointer),
        property_files=tuple(_property_files(document, pointer, reading)),
        conditions=_conditions(type_, arguments, inside, reading),
        parent=parent,
        cache=parse_cache(document.get("CacheConfig"), below(pointer, "CacheConfig"), reading),
        retries=parse_retries(document.get("RetryPolicies"), below(pointer, "RetryPolicies"), reading),
        outputs=tuple(parse_outputs(document.get("OutputParameters"), below(pointer, "OutputParameters"), reading)),
        loop=parse_for_each(arguments, inside, reading) if type_ == "ForEach" and given is not None else None,
        extra=_trees({key: child for key, child in document.items() if key not in _FIELDS}, pointer, reading),
    )
    for branch in BRANCHES.get(type_, ()):
        yield from parse_steps(arguments.get(branch), below(inside, branch), Parent(name, branch), reading)


def _spelling(document: dict[str, JSON], pointer: str, reading: Reading) -> None:
    """Members that every step has, in other letters: what a step without a type may have nobody else can tell."""
    for member in document:
        meant = member.capitalize()
        if "Type" not in document and meant != member and meant in COMMON:
            reading.refuse(below(pointer, member), f"Unknown member '{member}'. Did you mean '{meant}'?")


def _trees(document: dict[str, JSON], pointer: str, reading: Reading) -> dict[str, Tree]:
    return {key: parse_tree(child, below(pointer, key), reading) for key, child in document.items()}


def _conditions(type_: str, arguments: dict[str, JSON], pointer: str, reading: Reading) -> tuple[Condition, ...]:
    if type_ != "Condition":
        return ()
    given = reading.required(arguments, "Conditions", pointer)
    return () if given is None else parse_conditions(given, below(pointer, "Conditions"), reading)


def _dependencies(document: dict[str, JSON], pointer: str, reading: Reading) -> Iterator[Dependency]:
    for index, item in enumerate(reading.optional_array(document, "DependsOn", pointer)):
        here = below(pointer, "DependsOn", index)
        if isinstance(item, dict):
            reading.only(item, ("Step", "Trigger"), here, "DependsOn")
            step = reading.required_text(item, "Step", here)
            yield Dependency(step, here, _trigger(item, here, reading))
        else:
            yield Dependency(reading.text(item, here), here)


def _trigger(document: dict[str, JSON], pointer: str, reading: Reading) -> Trigger:
    trigger = reading.optional_text(document, "Trigger", pointer)
    if trigger is None or trigger in _TRIGGERS:
        return trigger or "Completed"
    reading.refuse(below(pointer, "Trigger"), f"Unknown trigger '{shown(trigger)}'.{suggestion(trigger, _TRIGGERS)}")
    return "Completed"


def _property_files(document: dict[str, JSON], pointer: str, reading: Reading) -> Iterator[PropertyFile]:
    for index, item in enumerate(reading.optional_array(document, "PropertyFiles", pointer)):
        here = below(pointer, "PropertyFiles", index)
        file = reading.mapping(item, here)
        members = ("PropertyFileName", "OutputName", "FilePath")
        reading.only(file, members, here, "PropertyFile")
        name, output_name, file_path = (reading.required_text(file, member, here) for member in members)
        yield PropertyFile(name, output_name, file_path, here)
