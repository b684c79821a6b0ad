"""Where the search index says to look. In: a plan and where the last page ended. Out: positions, in order, in parts.

Where a filter leaves few resources, they are looked up and sorted; where each leaves many, the sort order is followed
from behind the last page, and other filters are asked of each resource on the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import dropwhile

from stepwell.machines.search_expressions import (
    All,
    Any,
    Condition,
    Containing,
    Either,
    Leaf,
    Nested,
    Present,
    Range,
    Test,
    Texts,
)
from stepwell.machines.search_plans import Plan
from stepwell.machines.search_properties import Property
from stepwell.machines.search_values import MISSING, NUMBER, TEXT, Position, Value, in_order, is_beyond
from stepwell.services.sagemaker.search_records import Searched
from stepwell.store import search_entries
from stepwell.store.database import Connection
from stepwell.store.search_entries import Entry, Passing, Stretch

NARROW = 2000
"""Up to so many resources that a filter leaves are sorted rather than met in the sort order."""
MOST_TOGETHER = 500
"""So many positions are proposed together at most; it begins with a page."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a Search wants to find."""

    searched: Searched
    condition: Condition
    sorted_by: Property
    descending: bool
    limit: int
    after: Position | None = None
    """Where the page before ended."""


def proposed(connection: Connection, plan: Plan, ids: Mapping[str, int], asked: Asked) -> Iterator[list[Position]]:
    """Every position at which a match may stand, in order. `ids` are of the indexed properties by name."""
    condition = _condition(plan.condition, ids) if plan.condition is not None else None
    few = _few(connection, plan, ids)
    if few is None:
        return _met(connection, plan, ids, asked, condition)
    entries = search_entries.among(connection, ids[plan.sorted_by.name], few, condition)
    return _parts(in_order((_position(entry) for entry in entries), descending=asked.descending), asked)


def _few(connection: Connection, plan: Plan, ids: Mapping[str, int]) -> list[int] | None:
    """The resources that the narrowest filter leaves; None when each leaves many."""
    few: list[int] | None = None
    for chooser in plan.choosers:
        most = NARROW if few is None else len(few)
        found: list[int] = []
        for leaf in chooser:
            limit = most + 1 - len(found)
            found += search_entries.found(connection, ids[leaf.property.name], _passing(leaf.test), limit)
        if len(found) <= most:
            few = found
    return sorted(set(few)) if few is not None else None


def _parts(positions: list[Position], asked: Asked) -> Iterator[list[Position]]:
    due = [
        each for each in positions if asked.after is None or is_beyond(each, asked.after, descending=asked.descending)
    ]
    begin, size = 0, asked.limit
    while begin < len(due):
        yield due[begin : begin + size]
        begin, size = begin + size, min(2 * size, MOST_TOGETHER)


def _met(
    connection: Connection,
    plan: Plan,
    ids: Mapping[str, int],
    asked: Asked,
    condition: search_entries.Condition | None,
) -> Iterator[list[Position]]:
    """What is met in the sort order: first what has a value, then what has none."""
    sort_id, size = ids[plan.sorted_by.name], asked.limit
    last = Entry(sort_id, *asked.after.value, asked.after.row) if asked.after is not None else None
    stretches = _stretches(plan, descending=asked.descending)
    if asked.after is not None:
        # A token that we did not give may name a form in which nothing is looked for: then nothing is left.
        form = asked.after.value.form
        stretches = list(dropwhile(lambda each: each.form != form, stretches))
    for stretch in stretches:
        while True:
            rows = search_entries.following(
                connection, sort_id, stretch, condition, descending=asked.descending, after=last, limit=size
            )
            if rows:
                yield [_position(row) for row in rows]
            if len(rows) < size:
                break
            last, size = rows[-1], min(2 * size, MOST_TOGETHER)
        last = None


def _stretches(plan: Plan, *, descending: bool) -> list[Stretch]:
    """The stretches of the sort order in which matches may lie, in the order in which they are listed."""
    if plan.stretch is not None:
        return [_stretch(plan.stretch)]
    match plan.sorted_by.type:
        case "text":
            forms = [TEXT]
        case "any":
            forms = [TEXT, NUMBER] if descending else [NUMBER, TEXT]
        case _:
            forms = [NUMBER]
    return [Stretch(form) for form in (*forms, MISSING)]


def _stretch(test: Range) -> Stretch:
    return Stretch(NUMBER, test.low, test.high, test.above, test.below)


def _position(entry: Entry) -> Position:
    return Position(Value(entry.form, entry.number, entry.text), entry.resource)


def _condition(condition: Condition, ids: Mapping[str, int]) -> search_entries.Condition:
    match condition:
        case Leaf(wanted, test, negated):
            return search_entries.having(ids[wanted.name], _passing(test), negated=negated)
        case All(parts):
            return search_entries.every([_condition(part, ids) for part in parts])
        case Any(parts):
            return search_entries.some([_condition(part, ids) for part in parts])
        case Nested():
            raise AssertionError("a plan has no nested conditions")


def _passing(test: Test) -> Passing:
    match test:
        case Range():
            return search_entries.within(_stretch(test))
        case Texts(texts):
            return search_entries.texts(texts)
        case Containing(text):
            return search_entries.containing(text)
        case Present():
            return search_entries.present()
        case Either(tests):
            return search_entries.either([_passing(each) for each in tests])
