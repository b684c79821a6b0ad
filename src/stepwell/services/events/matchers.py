"""Room services: what can stand in the list of an event pattern's field. In: a matcher and a leaf. Out: fits or not.

A leaf is a text, a number, a boolean or null of an event. The matchers are those of Amazon EventBridge's guide,
"Comparison operators for use in event patterns".
"""

from __future__ import annotations

import ipaddress
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

Leaf: TypeAlias = "str | int | float | bool | None"
Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Exactly:
    """This value. 1 and 1.0 are the same number; true is no number."""

    value: Leaf


@dataclass(frozen=True, slots=True)
class Prefix:
    """A text that begins like this."""

    text: str
    ignore_case: bool = False


@dataclass(frozen=True, slots=True)
class Suffix:
    """A text that ends like this."""

    text: str
    ignore_case: bool = False


@dataclass(frozen=True, slots=True)
class EqualsIgnoreCase:
    """This text, however it is capitalised."""

    text: str


@dataclass(frozen=True, slots=True)
class Wildcard:
    """A text that has these parts in this order. `parts` is what `wildcard_parts` made of it."""

    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Numeric:
    """A number for which all comparisons hold."""

    terms: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Cidr:
    """An IP address of this network."""

    network: Network


@dataclass(frozen=True, slots=True)
class AnythingBut:
    """A value that none of these fits."""

    refused: tuple[Matcher, ...]


@dataclass(frozen=True, slots=True)
class Exists:
    """There is a leaf here (or none)."""

    wanted: bool


Matcher: TypeAlias = "Exactly | Prefix | Suffix | EqualsIgnoreCase | Wildcard | Numeric | Cidr | AnythingBut | Exists"


def fits(matcher: Matcher, leaf: Leaf) -> bool:
    """Whether `leaf`, which is there, is what `matcher` asks for."""
    match matcher:
        case Exists(wanted):
            return wanted
        case AnythingBut(refused):
            return not any(fits(each, leaf) for each in refused)
        case Exactly(value):
            return value == leaf and isinstance(value, bool) == isinstance(leaf, bool)
        case Numeric(terms):
            return _is_number(leaf) and all(COMPARISONS[sign](float(leaf or 0), bound) for sign, bound in terms)
    return isinstance(leaf, str) and _fits_text(matcher, leaf)


def _fits_text(matcher: Matcher, leaf: str) -> bool:
    match matcher:
        case Prefix(text, ignore_case):
            return leaf.lower().startswith(text.lower()) if ignore_case else leaf.startswith(text)
        case Suffix(text, ignore_case):
            return leaf.lower().endswith(text.lower()) if ignore_case else leaf.endswith(text)
        case EqualsIgnoreCase(text):
            return leaf.lower() == text.lower()
        case Wildcard(parts):
            return _fits_parts(parts, leaf)
        case Cidr(network):
            return _is_within(leaf, network)
    return False


def _is_number(leaf: Leaf) -> bool:
    return isinstance(leaf, int | float) and not isinstance(leaf, bool)


def _is_within(text: str, network: Network) -> bool:
    try:
        return ipaddress.ip_address(text) in network
    except ValueError:
        return False


def wildcard_parts(text: str) -> tuple[str, ...]:
    """What stands between the wildcards of `text`: `*` is any run of characters, `\\*` and `\\\\` are themselves.

    Raises ValueError for two wildcards in a row and for any other escape.
    """
    parts = [""]
    place = 0
    while place < len(text):
        character = text[place]
        if character == "*":
            if text[place + 1 : place + 2] == "*":
                raise ValueError(f"Consecutive wildcard characters at pos {place + 1}")
            parts.append("")
        elif character == "\\":
            place += 1
            if text[place : place + 1] not in ("*", "\\"):
                raise ValueError(f"Invalid escape character at pos {place}")
            parts[-1] += text[place]
        else:
            parts[-1] += character
        place += 1
    return tuple(parts)


def _fits_parts(parts: tuple[str, ...], leaf: str) -> bool:
    """One walk over the leaf: a part is taken where it first occurs, so the time is never more than linear."""
    first, *middle = parts
    if not middle:
        return leaf == first
    last = middle.pop()
    if len(leaf) < len(first) + len(last) or not (leaf.startswith(first) and leaf.endswith(last)):
        return False
    place, end = len(first), len(leaf) - len(last)
    for part in middle:
        found = leaf.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return True
