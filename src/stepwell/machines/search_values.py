"""Room machines: what Search compares. In: a record (a document) and a property. Out: its values, and their order.

A property may have several values in one record (channels of a job) or none. Values are numbers or texts; numbers
come before texts, and records without a value come last, whichever way they are sorted (docs/decisions/0030).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from stepwell.base.documents import Document
from stepwell.machines.search_properties import Choice, Property

NUMBER, TEXT, MISSING = 0, 1, 2
_NUMERIC = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class Value(NamedTuple):
    """One value, as it is compared and as the index keeps it. A text that reads as a number is both."""

    form: int
    number: float
    text: str


class Position(NamedTuple):
    """Where a record stands in a sorted list: by a value of it, then by its row."""

    value: Value
    row: int


NOTHING = Value(MISSING, 0.0, "")


def values(wanted: Property, record: Document) -> list[Value]:
    """The values of the property in that record, each once."""
    found = _reached(record, wanted.path)
    if wanted.choices:
        found = _chosen(found, wanted)
    return list(dict.fromkeys(value for raw in found if (value := _value(wanted, raw)) is not None))


def elements(path: tuple[str, ...], record: Document) -> list[Document]:
    """The elements of a list of structures."""
    return [each for each in _reached(record, path) if isinstance(each, dict)]


def sort_value(found: Iterable[Value], *, descending: bool) -> Value:
    """What a record is sorted by: the value that comes first."""
    return (max if descending else min)(found, default=NOTHING)


def in_order(positions: Iterable[Position], *, descending: bool) -> list[Position]:
    """Positions as they are listed."""
    every = sorted(positions, reverse=descending)
    present = [each for each in every if each.value.form != MISSING]
    return [*present, *(each for each in every if each.value.form == MISSING)]


def is_beyond(position: Position, last: Position, *, descending: bool) -> bool:
    """Whether `position` is listed behind `last`."""
    ends = position.value.form == MISSING, last.value.form == MISSING
    if ends[0] != ends[1]:
        return ends[0]
    return position < last if descending else position > last


def number_in(text: str) -> float | None:
    """The number that a text reads as, if it does."""
    return float(text) if _NUMERIC.fullmatch(text) else None


def _reached(node: object, path: tuple[str, ...]) -> Iterator[object]:
    """What lies at the path; a list on the way stands for each of its elements."""
    if isinstance(node, list | tuple):
        for each in node:
            yield from _reached(each, path)
    elif not path:
        if node is not None:
            yield node
    elif isinstance(node, dict) and path[0] in node:
        yield from _reached(node[path[0]], path[1:])


def _chosen(found: Iterable[object], wanted: Property) -> Iterator[object]:
    """The values under the key: of a map, or among elements that have a member with that name."""
    nodes = list(found)
    for choice in wanted.choices:
        holders = [node for node in nodes if isinstance(node, dict) and _holds(node, wanted.keyed_by, choice)]
        if holders:
            # of a metric that several sources reported the last one counts
            of = holders[-1:] if wanted.keyed_by else holders
            yield from (value for node in of for value in _taken(node, wanted.keyed_by, choice))
            return


def _holds(node: Document, keyed_by: str | None, choice: Choice) -> bool:
    return node.get(keyed_by) == choice.key if keyed_by else choice.key in node


def _taken(node: Document, keyed_by: str | None, choice: Choice) -> Iterator[object]:
    held = node if keyed_by else node[choice.key]
    if not choice.members:
        yield held
    elif isinstance(held, dict):
        yield from [held[member] for member in choice.members if held.get(member) is not None][:1]


def _value(wanted: Property, raw: object) -> Value | None:
    match wanted.type:
        case "text":
            return Value(TEXT, 0.0, str(raw))
        case "structure":
            return Value(NUMBER, 1.0, "") if raw not in ({}, "") else None
        case "boolean":
            return Value(NUMBER, float(bool(raw)), "")
        case "any" if isinstance(raw, str):
            number = number_in(raw)
            return Value(TEXT, 0.0, raw) if number is None else Value(NUMBER, number, raw)
        case _:
            return _number(raw)


def _number(raw: object) -> Value | None:
    """No value for what is not a number: it compares with nothing."""
    if not isinstance(raw, int | float):
        return None
    try:
        number = float(raw)
    except OverflowError:
        number = math.inf if raw > 0 else -math.inf
    return None if math.isnan(number) else Value(NUMBER, number, "")
