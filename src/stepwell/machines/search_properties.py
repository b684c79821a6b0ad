"""Room machines: which properties Search knows. In: the shape of a resource's record, and a name. Out: a Property.

Names are dotted paths through the record, in any case: AWS's own notebooks sort by `metrics.test:accuracy.max`. Lists
on the way stand for their elements. Behind a map, a list of tags or a list of metrics the rest of the name is a key,
which may have dots and counts as it is spelled; a member of what the key leads to may follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from stepwell.base.faults import validation
from stepwell.spec.models import Shape

Type = Literal["number", "text", "boolean", "timestamp", "any", "structure"]
"""`any`: text or number, by its value. `structure`: can only be asked for being there."""

SCALARS: Mapping[str, Type] = {
    **dict.fromkeys(("integer", "long", "float", "double"), "number"),
    "timestamp": "timestamp",
    "boolean": "boolean",
}
KEYED: Mapping[str, tuple[str, tuple[str, ...], Type]] = {
    "TagList": ("Key", ("Value",), "text"),
    "FinalMetricDataList": ("MetricName", ("Value",), "number"),
    "TrialComponentMetricSummaries": ("MetricName", ("Last", "Avg", "Max", "Min"), "number"),
}
"""Lists that are asked by a name in them: the member with the name, members for the value, and its type."""
EITHER = {"TrialComponentParameterValue": ("NumberValue", "StringValue")}
"""Values of maps that are one of their members."""
TRUNCATED = "HyperParameters"
"""The shape whose decimal values count as integers beside an integer (AWS, API_Filter)."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to read the end of a name: a key, and members of what stands there, of which the first counts."""

    key: str
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Property:
    """Something that records may have."""

    name: str
    """As the service model spells it."""
    path: tuple[str, ...]
    type: Type
    choices: tuple[Choice, ...] = ()
    """What may stand under the key at the end; the first that is there counts."""
    keyed_by: str | None = None
    """The member that holds the key, where a list and not a map is asked by key."""
    is_single: bool = True
    """Whether a record has one value at most."""
    is_truncated: bool = False
    is_unique: bool = True
    """Whether `find` gives this property for its name: inside a nested filter `Tags.Key` is no tag's value."""

    def below(self, path: tuple[str, ...]) -> Property:
        """The same, seen from an element of the list at `path`."""
        return replace(self, path=self.path[len(path) :])


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a name has led so far."""

    shape: Shape
    path: tuple[str, ...] = ()
    is_single: bool = True
    is_unique: bool = True


@lru_cache(maxsize=4096)
def find(record: Shape, name: str, plain: bool = False) -> Property:
    """The property of that name. `plain`: lists are never asked by key, as in nested filters.

    Raises ValidationException.
    """
    parts, place = name.split("."), _Place(record)
    for number, part in enumerate(parts):
        shape = place.shape
        if shape.kind == "map":
            return _in_map(place, ".".join(parts[number:]))
        if shape.kind == "list":
            if shape.name in KEYED and not plain:
                return _in_list(place, ".".join(parts[number:]))
            place = _Place(shape.element.shape, place.path, False, shape.name not in KEYED)
        place = _step(place, part, name)
    return _ended(place)


def list_at(record: Shape, name: str) -> tuple[str, ...]:
    """The path of the list of structures of that name. Raises ValidationException."""
    place = _Place(record)
    for part in name.split("."):
        if place.shape.kind == "list":
            place = _Place(place.shape.element.shape, place.path, is_single=False)
        place = _step(place, part, name)
    if place.shape.kind != "list" or place.shape.element.shape.kind != "structure":
        raise validation(f"Property {name} cannot be used in a nested filter: it is not a list of structures.")
    return place.path


def _step(place: _Place, part: str, name: str) -> _Place:
    for member in place.shape.members.values():
        if member.name.lower() == part.lower():
            return _Place(member.shape, (*place.path, member.name), place.is_single, place.is_unique)
    raise validation(f"Unknown property name: {name}")


def _ended(place: _Place) -> Property:
    shape, is_single = place.shape, place.is_single
    while shape.kind == "list" and shape.element.shape.kind not in ("structure", "map"):
        shape, is_single = shape.element.shape, False
    name = ".".join(place.path)
    return Property(name, place.path, _type(shape), is_single=is_single, is_unique=place.is_unique)


def _type(shape: Shape) -> Type:
    if shape.kind in ("structure", "map", "list"):
        return "structure"
    return SCALARS.get(shape.kind, "text")


def _in_map(place: _Place, key: str) -> Property:
    held = place.shape.value.shape
    name = ".".join((*place.path, key))
    is_truncated = place.shape.name == TRUNCATED
    if held.kind != "structure":
        kind: Type = "any" if is_truncated else _type(held)
        return Property(name, place.path, kind, (Choice(key),), is_single=place.is_single, is_truncated=is_truncated)
    members = EITHER.get(held.name, ())
    end = _ending(held, key)
    whole = Choice(key, members)
    if end is None:
        kind = "any" if members else "structure"
        return Property(name, place.path, kind, (whole,), is_single=place.is_single)
    start = key[: -len(end) - 1]
    member = Choice(start, (end,))
    name, kind = ".".join((*place.path, start, end)), "any" if members else _type(held.members[end].shape)
    choices: tuple[Choice, ...] = (whole, member) if members else (member,)
    return Property(name, place.path, kind, choices, is_single=place.is_single)


def _in_list(place: _Place, key: str) -> Property:
    keyed_by, members, kind = KEYED[place.shape.name]
    element = place.shape.element.shape
    name, choices = ".".join((*place.path, key)), [Choice(key, members)]
    end = _ending(element, key) if len(members) > 1 else None
    if end is not None:
        start = key[: -len(end) - 1]
        name = ".".join((*place.path, start, end))
        choices.append(Choice(start, (end,)))
        kind = _type(element.members[end].shape)
    return Property(name, place.path, kind, tuple(choices), keyed_by, place.is_single)


def _ending(held: Shape, key: str) -> str | None:
    """The member of `held` that the last part of the key names, in any case."""
    start, dot, end = key.rpartition(".")
    if not dot or not start:
        return None
    return next((name for name in held.members if name.lower() == end.lower()), None)
