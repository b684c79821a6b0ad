"""How an index serves a Search, and how records are ordered."""

from __future__ import annotations

import math

import pytest

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
    Texts,
)
from stepwell.machines.search_plans import plan
from stepwell.machines.search_properties import Property
from stepwell.machines.search_values import NOTHING, Position, Value, in_order, is_beyond, sort_value, values

LOSS, NAME = Property("Loss", ("Loss",), "number"), Property("Name", ("Name",), "text")
MANY = Property("Many", ("Many",), "number", is_single=False)
HIDDEN = Property("Hidden", ("Hidden",), "text")
LOW, SHORT, OFF = Leaf(LOSS, Range(high=1)), Leaf(NAME, Texts(("a",))), Leaf(HIDDEN, Present())
NOT = Leaf(NAME, Texts(("b",)), negated=True)
HAS = Leaf(NAME, Containing("a"))
ONE_OF = Leaf(NAME, Either((Range(1, 1), Texts(("a",)))))


@pytest.mark.parametrize(
    ("condition", "served", "choosers"),
    [
        (LOW, LOW, ((LOW,),)),
        (OFF, None, ()),
        (NOT, NOT, ()),
        (HAS, HAS, ()),
        (ONE_OF, ONE_OF, ((ONE_OF,),)),
        (All((LOW, OFF)), All((LOW,)), ((LOW,),)),
        (All((OFF,)), None, ()),
        (All(()), None, ()),
        (Any((LOW, OFF)), None, ()),
        (Any((LOW, SHORT)), Any((LOW, SHORT)), ((LOW, SHORT),)),
        (Any((LOW, NOT)), Any((LOW, NOT)), ()),
        (All((LOW, Any((SHORT, HAS)))), All((LOW, Any((SHORT, HAS)))), ((LOW,),)),
        (Any((All((LOW, SHORT)), SHORT)), Any((All((LOW, SHORT)), SHORT)), ((LOW, SHORT),)),
        (Nested(("L",), (LOW, NOT)), All((LOW,)), ((LOW,),)),
        (Nested(("L",), (NOT,)), None, ()),
    ],
)
def test_what_the_index_can_say(
    condition: Condition, served: Condition | None, choosers: tuple[tuple[Leaf, ...], ...]
) -> None:
    found = plan(condition, NAME, lambda wanted: wanted != HIDDEN)
    assert (found.condition, found.choosers) == (served, choosers)


@pytest.mark.parametrize(
    ("condition", "sorted_by", "stretch"),
    [
        (LOW, LOSS, Range(high=1)),
        (All((SHORT, LOW)), LOSS, Range(high=1)),
        (LOW, NAME, None),
        (Any((LOW, SHORT)), LOSS, None),
        (Leaf(LOSS, Range(high=1), negated=True), LOSS, None),
        # of several values another one may be what the record is sorted by
        (Leaf(MANY, Range(high=1)), MANY, None),
        (SHORT, NAME, None),
    ],
)
def test_the_part_of_the_order_with_every_match(
    condition: Condition, sorted_by: Property, stretch: Range | None
) -> None:
    assert plan(condition, sorted_by, lambda _: True).stretch == stretch


def number(value: float, row: int) -> Position:
    return Position(Value(0, value, ""), row)


ASCENDING = [number(1, 1), number(1, 2), number(2, 0), Position(Value(1, 0.0, "a"), 3), Position(NOTHING, 4)]


def test_records_without_a_value_come_last_either_way() -> None:
    assert in_order(reversed(ASCENDING), descending=False) == ASCENDING
    assert in_order(ASCENDING, descending=True) == [*reversed(ASCENDING[:-1]), ASCENDING[-1]]


@pytest.mark.parametrize("descending", [False, True])
def test_beyond_is_behind_in_the_order(descending: bool) -> None:
    every = in_order(ASCENDING, descending=descending)
    for index, last in enumerate(every):
        assert [each for each in every if is_beyond(each, last, descending=descending)] == every[index + 1 :]


def test_values_of_a_property() -> None:
    record = {"Many": [3, 1, 3, math.nan, "x", None], "Name": "n", "Loss": 10**400}
    found = values(MANY, record)
    assert [value.number for value in found] == [3.0, 1.0]
    assert sort_value(found, descending=False).number == 1.0
    assert sort_value(found, descending=True).number == 3.0
    assert values(LOSS, record) == [Value(0, math.inf, "")]
    assert sort_value(values(HIDDEN, record), descending=True) == NOTHING
