"""Room machines: whether a record is what a Search asks for. In: a condition and a record. Out: yes or no.

This is what Search means; the index (`search_plans.py`) only says which records are worth looking at.
"""

from __future__ import annotations

from collections.abc import Iterable

from stepwell.base.documents import Document
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
from stepwell.machines.search_values import NUMBER, Value, elements, values


def matches(condition: Condition, record: Document) -> bool:
    """Whether the record fulfils the condition."""
    match condition:
        case Leaf():
            return holds(condition, values(condition.property, record))
        case Nested():
            inner = [(leaf, leaf.property.below(condition.path)) for leaf in condition.leaves]
            return any(
                all(holds(leaf, values(seen, element)) for leaf, seen in inner)
                for element in elements(condition.path, record)
            )
        case All():
            return all(matches(part, record) for part in condition.parts)
        case Any():
            return any(matches(part, record) for part in condition.parts)


def holds(leaf: Leaf, found: Iterable[Value]) -> bool:
    """Whether a property with these values is as the leaf wants it."""
    return any(passes(leaf.test, value) for value in found) is not leaf.negated


def passes(test: Test, value: Value) -> bool:
    """Whether one value passes the test."""
    match test:
        case Present():
            return True
        case Texts():
            return value.text in test.texts
        case Containing():
            return test.text in value.text
        case Range():
            return value.form == NUMBER and _is_within(test, value.number)
        case Either():
            return any(passes(each, value) for each in test.tests)


def _is_within(test: Range, number: float) -> bool:
    is_above = number > test.low if test.above else number >= test.low
    return is_above and (number < test.high if test.below else number <= test.high)
