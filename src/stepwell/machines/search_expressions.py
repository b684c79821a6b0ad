"""Room machines: what a Search asks for. In: a SearchExpression as it was sent. Out: a tree of conditions.

Every filter is judged before anything is read: its name, its operator for the property's type, and its value. What
is left of a filter is a test of values, and whether it must fail instead (`NotEquals` holds where there is no value).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from stepwell.base.documents import Document
from stepwell.base.faults import Fault, validation
from stepwell.base.times import parse_iso
from stepwell.machines.search_properties import Property
from stepwell.machines.search_values import number_in

MOST_PARTS = 50
"""Filters, nested filters and subexpressions of one expression together (AWS, API_Search)."""
CONTAINS_LIMIT = 1
"""How often Contains may be used of properties that are not among the exceptions (AWS, API_Filter)."""
WHOLE_NUMBERS = 2.0**53
"""Numbers from here on have no decimals."""


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers between two bounds."""

    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    """Whether the lower bound itself is left out."""
    below: bool = False
    """Whether the upper bound itself is left out."""


@dataclass(frozen=True, slots=True)
class Texts:
    """One of these texts, letter by letter."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Containing:
    """Texts with this text in them."""

    text: str


@dataclass(frozen=True, slots=True)
class Present:
    """Any value."""


@dataclass(frozen=True, slots=True)
class Either:
    """What passes one of these tests."""

    tests: tuple[Test, ...]


Test: TypeAlias = Range | Texts | Containing | Present | Either


@dataclass(frozen=True, slots=True)
class Leaf:
    """One of the property's values passes the test; `negated`: none does."""

    property: Property
    test: Test
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Nested:
    """One element of the list at `path` fulfils all. `leaves` are as of a whole record."""

    path: tuple[str, ...]
    leaves: tuple[Leaf, ...]


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds."""

    parts: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Any:
    """One part holds."""

    parts: tuple[Condition, ...]


Condition: TypeAlias = Leaf | Nested | All | Any

EVERYTHING = All()
"""What a Search without an expression asks for."""


@dataclass(frozen=True, slots=True)
class Naming:
    """How names of one kind of resource are read. Both raise ValidationException."""

    find: Callable[[str, bool], Property]
    """The property of a name; with True, as in nested filters."""
    list_at: Callable[[str], tuple[str, ...]]
    """The path of a list."""
    contained: frozenset[str] = frozenset()
    """Properties, by their first part, of which Contains may be used more than once."""


def parse(expression: Document | None, naming: Naming) -> Condition:
    """The condition. Raises ValidationException for the first thing that is wrong with it."""
    if expression is None:
        return EVERYTHING
    if sum(1 for _ in _parts(expression)) > MOST_PARTS:
        raise validation(
            f"The search expression is too long: it can have at most {MOST_PARTS} filters, nested filters and "
            "subexpressions."
        )
    condition = _condition(expression, naming)
    contains = sum(1 for leaf in leaves(condition) if _counts(leaf, naming))
    if contains > CONTAINS_LIMIT:
        raise validation(f"'CONTAINS' operator usage limit of {CONTAINS_LIMIT} exceeded.")
    return condition


def leaves(condition: Condition) -> Iterator[Leaf]:
    """Every leaf of the tree."""
    match condition:
        case Leaf():
            yield condition
        case Nested():
            yield from condition.leaves
        case All() | Any():
            for part in condition.parts:
                yield from leaves(part)


def _parts(expression: Document) -> Iterator[Document]:
    """All that counts against the limit; it is walked without recursion, since it may be as deep as JSON goes."""
    waiting = [expression]
    while waiting:
        one = waiting.pop()
        yield from one.get("Filters", ())
        for nested in one.get("NestedFilters", ()):
            yield nested
            yield from nested["Filters"]
        for inner in one.get("SubExpressions", ()):
            yield inner
            waiting.append(inner)


def _condition(expression: Document, naming: Naming) -> Condition:
    parts = (
        *(_leaf(each, naming.find(each["Name"], False)) for each in expression.get("Filters", ())),
        *(_nested(each, naming) for each in expression.get("NestedFilters", ())),
        *(_condition(each, naming) for each in expression.get("SubExpressions", ())),
    )
    if not parts:
        raise validation("A search expression must have at least one subexpression, filter, or nested filter.")
    if len(parts) == 1:
        return parts[0]
    return Any(parts) if expression.get("Operator", "And") == "Or" else All(parts)


def _nested(nested: Document, naming: Naming) -> Nested:
    path = naming.list_at(nested["NestedPropertyName"])
    found = []
    for each in nested["Filters"]:
        wanted = naming.find(each["Name"], True)
        if wanted.path[: len(path)] != path or wanted.path == path:
            raise validation(
                f"Property {each['Name']} is not in {nested['NestedPropertyName']}, which its nested filter is about."
            )
        found.append(_leaf(each, wanted))
    return Nested(path, tuple(found))


def _leaf(given: Document, wanted: Property) -> Leaf:
    value = given.get("Value")
    operator = given.get("Operator", "Exists" if value is None else "Equals")
    if operator in ("Exists", "NotExists"):
        return Leaf(wanted, Present(), operator == "NotExists")
    if value is None:
        raise validation(f"A value is required for operator {operator} of property {given['Name']}.")
    if wanted.type == "structure":
        raise validation(f"Property {given['Name']} supports only the operators Exists and NotExists.")
    test = _test(given["Name"], operator, value, wanted)
    return Leaf(wanted, test, operator == "NotEquals")


def _test(name: str, operator: str, value: str, wanted: Property) -> Test:
    match operator:
        case "Contains" | "In" if wanted.type not in ("text", "any"):
            raise _unfit(name, operator, wanted)
        case "Contains":
            return Containing(value)
        case "In":
            return _either(_equal(name, part.strip(), wanted) for part in value.split(",") if part.strip())
        case "Equals" | "NotEquals":
            return _equal(name, value, wanted)
    if wanted.type in ("text", "boolean"):
        raise _unfit(name, operator, wanted)
    number = _number(name, value, wanted)
    return (_truncated if _is_cut(value, number, wanted) else _compared)(operator, number)


def _equal(name: str, value: str, wanted: Property) -> Test:
    if wanted.type == "text":
        return Texts((value,))
    if wanted.type == "boolean":
        if value.lower() not in ("true", "false"):
            raise validation(f"Invalid value '{value}' for property {name}: expected true or false.")
        truth = float(value.lower() == "true")
        return Range(truth, truth)
    if wanted.type == "any" and number_in(value) is None:
        return Texts((value,))
    number = _number(name, value, wanted)
    return (_truncated if _is_cut(value, number, wanted) else _compared)("Equals", number)


def _either(tests: Iterable[Test]) -> Test:
    """One test for all of them, with all texts together."""
    given = list(tests)
    texts = tuple(dict.fromkeys(text for test in given if isinstance(test, Texts) for text in test.texts))
    others = tuple(dict.fromkeys(test for test in given if not isinstance(test, Texts)))
    every = (*others, Texts(texts)) if texts else others
    return every[0] if len(every) == 1 else Either(every)


def _number(name: str, value: str, wanted: Property) -> float:
    number = number_in(value)
    if number is None and wanted.type == "timestamp":
        try:
            return parse_iso(value)
        except (ValueError, OverflowError):
            raise validation(
                f"Invalid value '{value}' for property {name}: expected a time as YYYY-mm-dd'T'HH:MM:SS."
            ) from None
    if number is None:
        raise validation(f"Invalid value '{value}' for property {name}: expected a number.")
    return number


def _is_cut(value: str, number: float, wanted: Property) -> bool:
    """Whether decimals of the property do not count, since the value is an integer."""
    return wanted.is_truncated and abs(number) < WHOLE_NUMBERS and value.lstrip("+-").isdigit()


def _compared(operator: str, number: float) -> Range:
    match operator:
        case "Equals":
            return Range(number, number)
        case "GreaterThan":
            return Range(low=number, above=True)
        case "GreaterThanOrEqualTo":
            return Range(low=number)
        case "LessThan":
            return Range(high=number, below=True)
        case _:
            return Range(high=number)


def _truncated(operator: str, number: float) -> Range:
    """The numbers that compare so once their decimals are cut off: 4.7 is 4, and -4.7 is -4."""
    match operator:
        case "Equals":
            least, most = _least(number), _most(number)
            return Range(least.low, most.high, least.above, most.below)
        case "GreaterThan":
            return _least(number + 1)
        case "GreaterThanOrEqualTo":
            return _least(number)
        case "LessThan":
            return _most(number - 1)
        case _:
            return _most(number)


def _least(number: float) -> Range:
    return Range(low=number) if number > 0 else Range(low=number - 1, above=True)


def _most(number: float) -> Range:
    return Range(high=number) if number < 0 else Range(high=number + 1, below=True)


def _counts(leaf: Leaf, naming: Naming) -> bool:
    return isinstance(leaf.test, Containing) and leaf.property.path[0] not in naming.contained


def _unfit(name: str, operator: str, wanted: Property) -> Fault:
    kind = "numeric" if wanted.type == "number" else wanted.type
    return validation(f"Operator {operator} is not supported for {kind} property {name}.")
