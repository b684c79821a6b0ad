"""Room definition: the Arguments of a ForEach step, without the steps of its body, which the pipeline lists.

In: IterableItems, MaxConcurrency, Selector. Out: a ForEach. The steps of the body name it as their parent, and read
the item of their turn by `{"Get": "ForEach.CurrentItem"}`. Spec 01, section 6.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from stepwell.definition.expressions import Expression, Get, Operand, Tree, parse_operand, parse_tree
from stepwell.definition.json_text import JSON
from stepwell.definition.paths import Path
from stepwell.definition.problems import below, described, shown, suggestion
from stepwell.definition.reading import Reading

Pick: TypeAlias = Literal["MaxBy", "MinBy"]

MOST_ITEMS = 100
"""Of items that the definition lists; what an expression comes to may hold more."""
MOST_AT_ONCE = 50

MEMBERS = ("IterableItems", "MaxConcurrency", "Selector", "ForEachBody")
_PICKS: tuple[Pick, ...] = get_args(Pick)


@dataclass(frozen=True, slots=True)
class Selector:
    """Which turn `Steps.<loop>.Selected` means: the one whose `field` is the greatest or the least.

    `field` is a path with root IterationOutput: the name of a step of the body, and the way into its properties.
    """

    pick: Pick
    field: Path
    pointer: str


@dataclass(frozen=True, slots=True)
class ForEach:
    """Run the body once for each item, at most `max_concurrency` of its steps at a time."""

    items: Expression | tuple[Operand, ...]
    """The items, or what comes to the text of a JSON list of them (see items_of)."""
    max_concurrency: int
    selector: Selector | None = None


def parse_for_each(arguments: Mapping[str, JSON], pointer: str, reading: Reading) -> ForEach | None:
    """The loop that the Arguments at `pointer` describe; None, and a problem noted, when it cannot be read."""
    document = dict(arguments)
    reading.only(document, MEMBERS, pointer, "Argument")
    items = _items(document, pointer, reading)
    concurrency = _concurrency(document, pointer, reading)
    selector = _selector(document.get("Selector"), below(pointer, "Selector"), reading)
    if reading.required(document, "ForEachBody", pointer) == []:
        reading.refuse(below(pointer, "ForEachBody"), "A ForEach step must hold at least one step.")
    return None if items is None or concurrency is None else ForEach(items, concurrency, selector)


def items_of(value: JSON) -> list[JSON] | None:
    """The items of what IterableItems came to: a list, or the text of a JSON list; None when it is neither."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, list) else None


def _items(document: dict[str, JSON], pointer: str, reading: Reading) -> Expression | tuple[Operand, ...] | None:
    here = below(pointer, "IterableItems")
    given = reading.required(document, "IterableItems", pointer)
    if given is None:
        return None
    if isinstance(given, list):
        return _listed(given, here, reading)
    tree: Tree = parse_tree(given, here, reading)
    if tree is None or isinstance(tree, bool | int | float | str | list | dict):
        reading.refuse(here, "Expecting start of Json Array, or an expression that comes to a JSON list.")
        return None
    return tree


def _listed(given: list[JSON], pointer: str, reading: Reading) -> tuple[Operand, ...]:
    if not 1 <= len(given) <= MOST_ITEMS:
        reading.refuse(pointer, f"There are {len(given)} items; from 1 to {MOST_ITEMS} are allowed.")
    for index, item in enumerate(given[:MOST_ITEMS]):
        if item is None:
            reading.refuse(below(pointer, index), "An item cannot be null.")
    return tuple(parse_operand(item, below(pointer, index), reading) for index, item in enumerate(given))


def _concurrency(document: dict[str, JSON], pointer: str, reading: Reading) -> int | None:
    given = reading.required(document, "MaxConcurrency", pointer)
    if given is None or (isinstance(given, int) and not isinstance(given, bool) and 1 <= given <= MOST_AT_ONCE):
        return given if isinstance(given, int) else None
    message = f"Expecting a whole number from 1 to {MOST_AT_ONCE}, but found {described(given)}."
    reading.refuse(below(pointer, "MaxConcurrency"), message)
    return None


def _selector(value: JSON, pointer: str, reading: Reading) -> Selector | None:
    if value is None:
        return None
    document = reading.mapping(value, pointer)
    if document is not value:
        return None
    reading.only(document, ("Pick", "Field"), pointer, "Selector")
    pick = reading.required_text(document, "Pick", pointer)
    field = parse_tree(reading.required(document, "Field", pointer), below(pointer, "Field"), reading)
    if pick not in _PICKS:
        if pick:
            reading.refuse(below(pointer, "Pick"), f"Unknown pick '{shown(pick)}'.{suggestion(pick, _PICKS)}")
        return None
    match field:
        case Get(Path("IterationOutput", _, parts) as path) if parts:
            return Selector(pick, path, pointer)
        case _:
            message = 'Expecting {"Get": "IterationOutput.<step of the body>.<property>"}.'
            reading.refuse(below(pointer, "Field"), message)
            return None
