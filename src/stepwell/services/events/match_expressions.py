"""Room services: one element of a pattern's list becomes a matcher. In: Node. Out: Matcher. Pure.

Refusals are worded and placed as Amazon EventBridge words and places them (the rules of its open matching library).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import NoReturn, cast

from stepwell.services.events.matchers import (
    COMPARISONS,
    AnythingBut,
    Cidr,
    EqualsIgnoreCase,
    Exactly,
    Exists,
    Leaf,
    Matcher,
    Network,
    Numeric,
    Prefix,
    Suffix,
    Wildcard,
    wildcard_parts,
)
from stepwell.services.events.pattern_text import Entry, Node, problem

ONE_KEY = "Only one key allowed in match expression"


class Expressions:
    """Reads the match expressions of one pattern text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def refuse(self, message: str, at: int) -> NoReturn:
        """Raises the PatternError that says `message` about the character `at`."""
        raise problem(self._text, message, at)

    def matcher(self, node: Node) -> Matcher:
        """What the element of a list asks for."""
        match node.kind:
            case "scalar":
                return Exactly(cast(Leaf, node.value))
            case "array":
                self.refuse("Match value must be String, number, true, false, or null", node.at)
        entry = self._only(node, "Match expression name not found", ONE_KEY)
        read = _EXPRESSIONS.get(entry.name)
        if read is None:
            self.refuse(f"Unrecognized match type {entry.name}", entry.at + len(entry.name) + 1)
        return read(self, entry.node)

    def exactly(self, node: Node) -> Matcher:
        return Exactly(self._text_of(node, "exact match pattern must be a string"))

    def prefix(self, node: Node) -> Matcher:
        if node.kind == "object":
            return Prefix(self._ignoring_case(node, "Prefix", "prefix"), ignore_case=True)
        return Prefix(self._text_of(node, "prefix match pattern must be a string"))

    def suffix(self, node: Node) -> Matcher:
        if node.kind == "object":
            return Suffix(self._ignoring_case(node, "Suffix", "suffix"), ignore_case=True)
        return Suffix(self._text_of(node, "suffix match pattern must be a string"))

    def equals_ignore_case(self, node: Node) -> Matcher:
        return EqualsIgnoreCase(self._text_of(node, "equals-ignore-case match pattern must be a string"))

    def wildcard(self, node: Node) -> Matcher:
        text = self._text_of(node, "wildcard match pattern must be a string")
        try:
            return Wildcard(wildcard_parts(text))
        except ValueError as error:
            self.refuse(str(error), node.end)

    def exists(self, node: Node) -> Matcher:
        if not isinstance(node.value, bool):
            self.refuse("exists match pattern must be either true or false.", node.at)
        return Exists(node.value)

    def cidr(self, node: Node) -> Matcher:
        text = self._text_of(node, "prefix match pattern must be a string")
        try:
            return Cidr(_network(text))
        except ValueError as error:
            self.refuse(str(error), node.end)

    def numeric(self, node: Node) -> Matcher:
        if node.kind != "array":
            self.refuse("Value of numeric must be an array.", node.at)
        nodes = cast("tuple[Node, ...]", node.value)
        if not nodes or not isinstance(nodes[0].value, str):
            self.refuse("Invalid member in numeric match: " + self._shown(nodes, node), _place(nodes, 0, node))
        sign = nodes[0].value
        if sign not in COMPARISONS:
            self.refuse(f"Unrecognized numeric range operator: {sign}", nodes[0].end)
        terms = [(sign, self._bound(nodes, 1, node, "equals" if sign == "=" else sign))]
        if len(nodes) > 2:
            terms.append(self._upper(nodes, node, terms[0]))
        return Numeric(tuple(terms))

    def _upper(self, nodes: tuple[Node, ...], node: Node, lower: tuple[str, float]) -> tuple[str, float]:
        """The second comparison of a range: above comes first, below second."""
        if lower[0] not in (">", ">="):
            self.refuse("Too many elements in numeric expression", nodes[2].at)
        sign = nodes[2].value
        if not isinstance(sign, str):
            self.refuse("Bad value in numeric range: " + self._text[nodes[2].at : nodes[2].end], nodes[2].at)
        if sign not in ("<", "<="):
            self.refuse(f"Bad numeric range operator: {sign}", nodes[2].end)
        bound = self._bound(nodes, 3, node, sign)
        if len(nodes) > 4:
            self.refuse("Too many terms in numeric range expression", nodes[4].at)
        if lower[1] >= bound:
            self.refuse("Bottom must be less than top", nodes[3].end)
        return sign, bound

    def anything_but(self, node: Node) -> Matcher:
        if node.kind == "object":
            return self._anything_but_like(node)
        nodes = cast("tuple[Node, ...]", node.value) if node.kind == "array" else (node,)
        if node.kind == "scalar" and not _is_text_or_number(node):
            self.refuse("Value of anything-but must be an array or single string/number value.", node.at)
        for each in nodes:
            if not _is_text_or_number(each):
                self.refuse("Inside anything but list, start|null|boolean is not supported.", each.at)
        if not nodes:
            self.refuse("Empty arrays are not allowed", node.end)
        if len({isinstance(each.value, str) for each in nodes}) > 1:
            self.refuse(
                "Inside anything but list, either all values are number or string, mixed type is not supported",
                node.end,
            )
        return AnythingBut(tuple(Exactly(cast(Leaf, each.value)) for each in nodes))

    def _anything_but_like(self, node: Node) -> Matcher:
        entry = self._only(node, "Anything-But expression name not found", "Too many elements in numeric expression")
        read = _EXPRESSIONS.get(entry.name)
        if read is None or entry.name not in ("equals-ignore-case", "prefix", "suffix", "wildcard"):
            self.refuse(f"Unsupported anything-but pattern: {entry.name}", entry.at + len(entry.name) + 1)
        if entry.node.kind == "object":
            self.refuse("Value of anything-but must be an array or single string/number value.", entry.node.at)
        nodes = cast("tuple[Node, ...]", entry.node.value) if entry.node.kind == "array" else (entry.node,)
        if not nodes:
            self.refuse("Empty arrays are not allowed", entry.node.end)
        for each in nodes:
            if each.kind == "scalar" and not each.value and entry.name in ("prefix", "suffix"):
                self.refuse("Null prefix/suffix not allowed", each.end)
            if each.kind != "scalar":
                self.refuse("prefix/suffix match pattern must be a string", each.at)
        return AnythingBut(tuple(read(self, each) for each in nodes))

    def _ignoring_case(self, node: Node, named: str, word: str) -> str:
        entry = self._only(node, f"{named} expression name not found", ONE_KEY)
        if entry.name != "equals-ignore-case":
            self.refuse(f"Unsupported {word} pattern: {entry.name}", entry.at + len(entry.name) + 1)
        return self._text_of(entry.node, "equals-ignore-case match pattern must be a string")

    def _only(self, node: Node, none: str, more: str) -> Entry:
        entries = cast("tuple[Entry, ...]", node.value)
        if not entries:
            self.refuse(none, node.end)
        if len(entries) > 1:
            self.refuse(more, entries[1].at)
        return entries[0]

    def _text_of(self, node: Node, otherwise: str) -> str:
        if not isinstance(node.value, str):
            self.refuse(otherwise, node.at)
        return node.value

    def _bound(self, nodes: tuple[Node, ...], index: int, node: Node, sign: str) -> float:
        value = nodes[index].value if index < len(nodes) else None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(f"Value of {sign} must be numeric", _place(nodes, index, node))
        return float(value)

    def _shown(self, nodes: tuple[Node, ...], node: Node) -> str:
        return self._text[nodes[0].at : nodes[0].end] if nodes else self._text[node.end - 1 : node.end]


_EXPRESSIONS: Mapping[str, Callable[[Expressions, Node], Matcher]] = {
    "exactly": Expressions.exactly,
    "prefix": Expressions.prefix,
    "suffix": Expressions.suffix,
    "equals-ignore-case": Expressions.equals_ignore_case,
    "wildcard": Expressions.wildcard,
    "exists": Expressions.exists,
    "cidr": Expressions.cidr,
    "numeric": Expressions.numeric,
    "anything-but": Expressions.anything_but,
}


def _is_text_or_number(node: Node) -> bool:
    return isinstance(node.value, str | int | float) and not isinstance(node.value, bool)


def _place(nodes: tuple[Node, ...], index: int, node: Node) -> int:
    return nodes[index].at if index < len(nodes) else node.end


def _network(text: str) -> Network:
    """The network of `text`. Raises ValueError with the service's words."""
    address, slash, bits = text.partition("/")
    if not slash or "/" in bits:
        raise ValueError("Malformed CIDR, one '/' required")
    if not (bits.removeprefix("-").isascii() and bits.removeprefix("-").isdigit()):
        raise ValueError("Malformed CIDR, mask bits must be an integer")
    if bits.startswith("-"):
        raise ValueError("Malformed CIDR, mask bits must not be negative")
    try:
        version = ipaddress.ip_address(address).version
    except ValueError:
        raise ValueError(f"Nonstandard IP address: {address}") from None
    most = 32 if version == 4 else 128
    if len(bits) > 3 or int(bits) >= most:
        raise ValueError(f"IPv{version} mask bits must be < {most}")
    return ipaddress.ip_network(text, strict=False)
