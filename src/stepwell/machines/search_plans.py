"""Room machines: how an index can serve a Search. In: a condition, and which properties are indexed. Out: a Plan.

What the index finds may be too much and never too little: records are judged by `search_matching.py` once they are
read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stepwell.machines.search_expressions import All, Any, Condition, Either, Leaf, Nested, Range, Test, Texts
from stepwell.machines.search_properties import Property


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask an index that is sorted by `sorted_by`."""

    sorted_by: Property
    condition: Condition | None
    """All that indexed properties can say about which records may match; None: nothing. No part is Nested."""
    choosers: tuple[tuple[Leaf, ...], ...] = ()
    """Of each of these, one leaf at least holds for every match. They are found in a few stretches of the index."""
    stretch: Range | None = None
    """The part of the sort order in which every match lies, if it is known."""


def plan(condition: Condition, sorted_by: Property, is_indexed: Callable[[Property], bool]) -> Plan:
    """The plan for a condition. `sorted_by` must be indexed."""
    served = _served(condition, is_indexed)
    choosers = _choosers(served) if served is not None else ()
    required = (chooser[0] for chooser in choosers if len(chooser) == 1)
    stretch = next((leaf.test for leaf in required if _is_of(leaf, sorted_by)), None)
    return Plan(sorted_by, served, choosers, stretch if isinstance(stretch, Range) else None)


def _served(condition: Condition, is_indexed: Callable[[Property], bool]) -> Condition | None:
    match condition:
        case Leaf():
            return condition if is_indexed(condition.property) else None
        case Nested():
            # an element that passes has the value, and so has its record; what an element lacks, another may have
            has = tuple(leaf for leaf in condition.leaves if not leaf.negated and is_indexed(leaf.property))
            return All(has) if has else None
        case All():
            parts = [_served(part, is_indexed) for part in condition.parts]
            known = tuple(part for part in parts if part is not None)
            return All(known) if known else None
        case Any():
            parts = [_served(part, is_indexed) for part in condition.parts]
            known = tuple(part for part in parts if part is not None)
            return Any(known) if len(known) == len(parts) else None


def _choosers(condition: Condition) -> tuple[tuple[Leaf, ...], ...]:
    match condition:
        case Leaf():
            return ((condition,),) if not condition.negated and _is_found(condition.test) else ()
        case All():
            return tuple(chooser for part in condition.parts for chooser in _choosers(part))
        case Any():
            of_parts = [_choosers(part) for part in condition.parts]
            if not all(of_parts):
                return ()
            return (tuple(leaf for choosers in of_parts for leaf in choosers[0]),)
        case _:
            return ()


def _is_of(leaf: Leaf, sorted_by: Property) -> bool:
    return leaf.property == sorted_by and sorted_by.is_single and isinstance(leaf.test, Range)


def _is_found(test: Test) -> bool:
    """Whether values that pass lie together in the order of values."""
    match test:
        case Range():
            return True
        case Texts():
            return True
        case Either():
            return all(_is_found(each) for each in test.tests)
        case _:
            return False
