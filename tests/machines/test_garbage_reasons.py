"""Why a blob stays, or what it was: the truth table."""

from __future__ import annotations

from itertools import product

import pytest

from stepwell.machines import garbage
from stepwell.machines.garbage import NEEDED, NOT_NEEDED, Names, Reason

FIELDS = ("objects", "uploads", "packages", "recent", "released_just_now", "old", "released")
B = frozenset({"b"})


@pytest.mark.parametrize(
    ("named_by", "is_new", "expected"),
    [
        (("objects",), False, "object"),
        (("uploads",), False, "upload"),
        (("packages",), False, "package"),
        (("recent",), False, "recent job"),
        (("released_just_now",), False, "let go just now"),
        ((), True, "new"),
        (("old",), True, "new"),
        (("old",), False, "old job"),
        (("old", "released"), False, "old job"),
        (("released",), False, "let go"),
        ((), False, "unnamed"),
        (("uploads", "objects"), True, "object"),
    ],
)
def test_the_first_reason_that_holds(named_by: tuple[str, ...], is_new: bool, expected: Reason) -> None:
    names = Names(**dict.fromkeys(named_by, B))
    assert garbage.reason("b", 10.0 if is_new else 9.9, names, 10.0) == expected
    assert garbage.reason("another", 9.9, names, 10.0) == "unnamed"


def test_whatever_is_named_by_anybody_else_stays() -> None:
    for chosen in product((False, True), repeat=len(FIELDS)):
        named_by = [name for name, is_chosen in zip(FIELDS, chosen, strict=True) if is_chosen]
        why = garbage.reason("b", 0.0, Names(**dict.fromkeys(named_by, B)), 10.0)
        assert (why in NEEDED) == any(name not in ("old", "released") for name in named_by)
        assert (why in NEEDED) != (why in NOT_NEEDED)
