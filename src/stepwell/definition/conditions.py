"""Room definition: conditions, the questions of a Condition step.

In: JSON such as {"Type": "LessThan", "LeftValue": ..., "RightValue": ...}. Out: typed conditions, and what they
come to once their operands are known. Evaluating raises ResolutionError: such a step fails. Spec 01, section 5.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from stepwell.definition.expressions import Operand, Scalar, parse_operand
from stepwell.definition.json_text import JSON
from stepwell.definition.problems import below, missing, shown, suggestion
from stepwell.definition.reading import Reading
from stepwell.definition.resolve import ResolutionError, Values, as_text, resolve_operand


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left` against `right`; `type` is AWS's word, a key of COMPARISONS."""

    type: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class In:
    """Whether `query` is one of `values`; `negated`: whether it is none of them."""

    query: Operand
    values: tuple[Operand, ...]
    negated: bool = False
    spelling: tuple[str, str] = field(default=("QueryValue", "Values"), compare=False)
    """The names of the two members: the SDK's, or those of AWS's schema."""


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of `condition`."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class Or:
    """Whether any of `conditions` holds; of none, none does."""

    conditions: tuple[Condition, ...]


Condition: TypeAlias = Comparison | In | Not | Or

COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "NotEquals": operator.ne,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
ORDERED_KINDS = ("number", "string")
"""Kinds of which one value can be less than another."""
_TYPES = (*COMPARISONS, "In", "NotIn", "Not", "Or")


def parse_conditions(value: JSON, pointer: str, reading: Reading) -> tuple[Condition, ...]:
    """The conditions of an array; those that cannot be read are noted and left out."""
    found = (
        parse_condition(condition, below(pointer, index), reading)
        for index, condition in enumerate(reading.array(value, pointer))
    )
    return tuple(condition for condition in found if condition is not None)


def parse_condition(value: JSON, pointer: str, reading: Reading) -> Condition | None:
    """One condition; None, and a problem noted, when it cannot be read."""
    document = reading.mapping(value, pointer)
    if document is not value:
        return None
    match reading.required_text(document, "Type", pointer):
        case "Not":
            return _not(document, pointer, reading)
        case "Or":
            reading.only(document, ("Type", "Conditions"), pointer, "Condition")
            inner = reading.required(document, "Conditions", pointer)
            conditions = parse_conditions(inner, below(pointer, "Conditions"), reading) if inner is not None else ()
            return Or(conditions)
        case "In" | "NotIn" as type_:
            return _in(document, pointer, reading, negated=type_ == "NotIn")
        case type_ if type_ in COMPARISONS:
            return _comparison(type_, document, pointer, reading)
        case "":
            return None
        case unknown:
            words = f"Unknown condition type '{shown(unknown)}'.{suggestion(unknown, _TYPES)}"
            reading.refuse(below(pointer, "Type"), words)
            return None


def _comparison(type_: str, document: dict[str, JSON], pointer: str, reading: Reading) -> Comparison:
    reading.only(document, ("Type", "LeftValue", "RightValue"), pointer, "Condition")
    left, right = (_operand(document, member, pointer, reading) for member in ("LeftValue", "RightValue"))
    return Comparison(type_, left, right)


def _in(document: dict[str, JSON], pointer: str, reading: Reading, negated: bool) -> In:
    """The SDK writes QueryValue and Values; AWS's schema calls them Value and In."""
    query, values = ("Value", "In") if "In" in document else ("QueryValue", "Values")
    reading.only(document, ("Type", query, values), pointer, "Condition")
    items = reading.required_array(document, values, pointer)
    operands = (parse_operand(item, below(pointer, values, index), reading) for index, item in enumerate(items))
    return In(_operand(document, query, pointer, reading), tuple(operands), negated, (query, values))


def _not(document: dict[str, JSON], pointer: str, reading: Reading) -> Not | None:
    reading.only(document, ("Type", "Condition"), pointer, "Condition")
    inner = reading.required(document, "Condition", pointer)
    if inner is None:
        return None
    condition = parse_condition(inner, below(pointer, "Condition"), reading)
    return Not(condition) if condition else None


def _operand(document: dict[str, JSON], member: str, pointer: str, reading: Reading) -> Operand:
    if member not in document:
        reading.problems.append(missing(pointer, member))
        return None
    return parse_operand(document[member], below(pointer, member), reading)


def operands(condition: Condition, pointer: str) -> Iterator[tuple[str, Operand]]:
    """Every operand of `condition` with the pointer of where it stands."""
    match condition:
        case Comparison(_, left, right):
            yield below(pointer, "LeftValue"), left
            yield below(pointer, "RightValue"), right
        case In(query, values, _, (query_member, values_member)):
            yield below(pointer, query_member), query
            for index, value in enumerate(values):
                yield below(pointer, values_member, index), value
        case Not(inner):
            yield from operands(inner, below(pointer, "Condition"))
        case Or(conditions):
            for index, inner in enumerate(conditions):
                yield from operands(inner, below(pointer, "Conditions", index))


def evaluate_all(conditions: tuple[Condition, ...], values: Values) -> bool:
    """Whether all of `conditions` hold; an empty list does. Later ones are not looked at once one fails."""
    return all(evaluate(condition, values) for condition in conditions)


def evaluate(condition: Condition, values: Values) -> bool:
    """Whether `condition` holds. Raises ResolutionError when its operands are undefined or cannot be compared."""
    match condition:
        case Comparison(type_, left, right):
            return _compare(type_, resolve_operand(left, values), resolve_operand(right, values))
        case In(query, candidates, negated, _):
            wanted = resolve_operand(query, values)
            found = any(_same(wanted, resolve_operand(candidate, values)) for candidate in candidates)
            return found is not negated
        case Not(inner):
            return not evaluate(inner, values)
        case Or(conditions):
            return any(evaluate(inner, values) for inner in conditions)


def _compare(type_: str, left: Scalar, right: Scalar) -> bool:
    if kind_of(left) != kind_of(right):
        raise ResolutionError(
            f"Condition of type {type_} not supported between LeftValue [{_told(left)}] of type {kind_of(left)} "
            f"and RightValue [{_told(right)}] of type {kind_of(right)}."
        )
    if type_ not in ("Equals", "NotEquals") and kind_of(left) not in ORDERED_KINDS:
        raise ResolutionError(f"Condition of type {type_} not supported between values of type {kind_of(left)}.")
    return COMPARISONS[type_](left, right)


def _same(left: Scalar, right: Scalar) -> bool:
    return kind_of(left) == kind_of(right) and left == right


def kind_of(value: Scalar) -> str:
    """null, boolean, number or string: integers and floats are one kind, they compare with each other."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case _:
            return "string"


def _told(value: Scalar) -> str:
    return shown(as_text(value))
